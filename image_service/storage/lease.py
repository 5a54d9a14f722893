"""Which processes live on this store: each holds a lock on a file of its own until it ends.

The kernel drops the lock however the process ends, so that what a dead process left is known at
once and surely, without timeouts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

_SUFFIX = ".lease"


class LeaseBook:
    """The folder of leases; one per state_dir."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def acquire(self, note: str = "") -> Lease:
        """Return a new lease of this process. Args: note: see notes(). Raises: OSError."""
        lease = Lease(self._folder, f"{os.getpid()}-{secrets.token_hex(8)}", note)
        lease.ensure()
        return lease

    def notes(self) -> list[str]:
        """Return what the processes that live have said of themselves, "" for nothing."""
        found = []
        for lease_id in self.ids():
            with contextlib.suppress(FileNotFoundError):
                note = self._path(lease_id).read_text(encoding="utf-8")
                if self.is_alive(lease_id):
                    found.append(note)
        return found

    def is_alive(self, lease_id: str) -> bool:
        """Tell whether the process that took lease_id still lives."""
        try:
            with _locked(self._path(lease_id)):
                return False
        except BlockingIOError:
            return True
        except FileNotFoundError:
            return False

    @contextlib.contextmanager
    def inherit(self, lease_id: str) -> Iterator[bool]:
        """Hold a dead process's lease while clearing up after it; it is removed at the end.

        Yields: False if the process lives or someone else is clearing up.
        """
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(_locked(self._path(lease_id)))
            except BlockingIOError:
                yield False
                return
            except FileNotFoundError:
                pass  # its file was lost, so its process cannot hold it
            yield True
            self._path(lease_id).unlink(missing_ok=True)

    def ids(self) -> set[str]:
        """Return the ids of all leases, of living and dead processes."""
        try:
            names = os.listdir(self._folder)
        except FileNotFoundError:
            return set()
        return {name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX)}

    def _path(self, lease_id: str) -> Path:
        return self._folder / (lease_id + _SUFFIX)


class Lease:
    """This process's own lease."""

    def __init__(self, folder: Path, lease_id: str, note: str = "") -> None:
        self.id = lease_id
        self._note = note.encode()
        self._folder = folder
        self._path = folder / (lease_id + _SUFFIX)
        self._fd = -1
        self._taken: os.stat_result | None = None

    def ensure(self) -> None:
        """Take the lease, or take it again if its file has vanished. Raises: OSError."""
        if self._is_there():
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        # The kernel's lock, since threads may be native ones: two that renewed the lease together
        # would wait for each other's, for ever.
        with _locked(self._folder, os.O_RDONLY, fcntl.LOCK_EX):
            if not self._is_there():
                self._take()

    def _take(self) -> None:
        # Locked before it has its name: nobody ever sees an unlocked lease of a living process.
        hidden = self._folder / f".{self.id}"
        fd = os.open(hidden, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        with contextlib.suppress(OSError):  # on a full disk a lease is worth more than its note
            os.pwrite(fd, self._note, 0)
        hidden.rename(self._path)
        old, self._fd = self._fd, fd
        self._taken = os.fstat(fd)
        _close(old)

    def release(self) -> None:
        """Give the lease up: nothing is left for others to clear up."""
        self._path.unlink(missing_ok=True)
        self._taken = None
        old, self._fd = self._fd, -1
        _close(old)

    def _is_there(self) -> bool:
        try:
            return self._taken is not None and os.path.samestat(self._path.stat(), self._taken)
        except OSError:  # it has vanished
            return False


def _close(fd: int) -> None:
    if fd >= 0:
        os.close(fd)


@contextlib.contextmanager
def _locked(
    path: Path, flags: int = os.O_RDWR, lock: int = fcntl.LOCK_EX | fcntl.LOCK_NB
) -> Iterator[None]:
    fd = os.open(path, flags | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, lock)
        yield
    finally:
        os.close(fd)

"""Who of this machine is reading an object: it is not removed beneath them, as no open file is.

{folder}/{name}     locked by each of its readers, or by who removes it; the last one takes it away

The kernel's locks, which end however a process does. Readers of other machines are not known.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ..files import translated


class Reading:
    """A reader's lock."""

    def __init__(self, path: Path, fd: int) -> None:
        """Args: fd: of the lock; -1 for none."""
        self._path = path
        self._fd = fd

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        """Let it go."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            with contextlib.suppress(OSError):  # others are reading it
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._path.unlink()
            os.close(fd)


class Readers:
    """The readers of all processes of a machine. Names must have been checked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self, name: str) -> Reading:
        """Read an object from now on; whoever is removing it is waited for.

        Where there is no room for a lock it is read without one.
        """
        path = self._folder / name
        try:
            return Reading(path, self._locked(path, fcntl.LOCK_SH))
        except OSError:
            return Reading(path, -1)

    @contextlib.contextmanager
    def kept_out(self, name: str) -> Iterator[bool]:
        """Have nobody read an object meanwhile. Yields: False where somebody does."""
        path = self._folder / name
        try:
            with translated(BlockingIOError):
                lock = Reading(path, self._locked(path, fcntl.LOCK_EX | fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        try:
            yield True
        finally:
            lock.close()

    def _locked(self, path: Path, lock: int) -> int:
        while True:
            fd = self._opened(path)
            try:
                fcntl.flock(fd, lock)
                if _is_at(path, fd):  # whoever had it before may have taken it away
                    return fd
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)

    def _opened(self, path: Path) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            return os.open(path, flags, 0o644)
        except FileNotFoundError:
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, flags, 0o644)


def _is_at(path: Path, fd: int) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False

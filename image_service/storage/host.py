"""One machine at a time: SQLite's log is shared through memory, which two machines have not."""

from __future__ import annotations

import fcntl
import os
import platform
from pathlib import Path

from ..errors import StorageUnavailable

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def this_host() -> str:
    """Return what tells this running kernel, containers on it included, from all others."""
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return platform.node()


class HostLock:
    """Held by every process on a store; those of another machine are refused meanwhile."""

    def __init__(self, path: Path, host: str = "") -> None:
        """Args: host: what this_host() says."""
        self._path = path
        self._host = host or this_host()
        self._fd = -1

    def acquire(self) -> None:
        """Hold it until this process ends. Raises: StorageUnavailable, OSError."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(fd, fcntl.LOCK_SH)
            else:  # nobody else is here: from now on it is this machine's
                os.ftruncate(fd, 0)
                os.pwrite(fd, f"{self._host} {platform.node()}".encode(), 0)
                fcntl.flock(fd, fcntl.LOCK_SH)
            host, _, name = os.pread(fd, 1000, 0).decode("utf-8", "replace").partition(" ")
            if host != self._host:
                raise StorageUnavailable(
                    f"its directory is in use by another machine, {name or 'unnamed'}; one "
                    "machine at a time may use it"
                )
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        """Let it go."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

"""Turns of the processes of one machine: a file each, locked while one has it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from ..domain.turn_ports import Turn
from ..errors import StorageUnavailable

# Timers fire a little early or late; what came so near to the interval's end is the next one.
_TOLERANCE = 0.9


class FileTurns:
    """See Turns; the folder is in state_dir. When a turn was last taken is its file's time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def take(self, name: str, *, every_s: float) -> Turn | None:
        """See Turns.take."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise StorageUnavailable(f"its turns: {exc.strerror}") from exc
        if _lock(fd) and _is_due(fd, every_s):
            os.pwrite(fd, b".", 0)  # not the time alone: a new file has that, too
            os.utime(fd)
            return _Held(fd)
        os.close(fd)
        return None


class _Held:
    """A turn that is taken."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def end(self) -> None:
        """See Turn.end."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


def _lock(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_due(fd: int, every_s: float) -> bool:
    found = os.fstat(fd)
    since_s = time.time() - found.st_mtime
    # Before 0: the clock was put back.
    return not found.st_size or since_s >= every_s * _TOLERANCE or since_s < 0

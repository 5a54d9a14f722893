"""Turns of processes on one machine, by a file lock: the kernel passes it on however one ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from ..domain.events import Turn
from ..errors import StorageUnavailable


class FileTurn:
    """A Turn among the processes of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd = -1

    def take(self) -> bool:
        """See Turn.take. Raises: StorageUnavailable."""
        if self._fd >= 0:
            return True
        try:
            fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as exc:
            raise StorageUnavailable(f"its state directory: {exc.strerror}") from exc
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        return True

    def release(self) -> None:
        """See Turn.release."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class BothTurns:
    """A Turn of those who have two others: among who looks at the one, and at the other."""

    def __init__(self, first: Turn, second: Turn) -> None:
        self._first = first
        self._second = second

    def take(self) -> bool:
        """See Turn.take. Raises: StorageUnavailable."""
        return self._first.take() and self._second.take()

    def release(self) -> None:
        """See Turn.release."""
        self._second.release()
        self._first.release()

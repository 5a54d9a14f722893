"""Names on disk: a file is only safe once the directory that names it is synced, too."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

from ..native import threading


def sync_directory(path: Path) -> None:
    """Return once the names in a directory are on disk. Raises: OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class SharedSync:
    """Syncs a directory once for all names that were added to it before."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._last_number = 0
        self._synced_up_to = 0

    def number(self) -> int:
        """Return a number for the name that the caller has just added."""
        self._last_number = number = next(self._numbers)
        return number

    def sync(self, number: int) -> None:
        """Return once the name of this number is on disk. Raises: OSError."""
        with self._lock:
            if number > self._synced_up_to:
                up_to = self._last_number
                sync_directory(self._directory)
                self._synced_up_to = up_to

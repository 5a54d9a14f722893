"""Room kept for deletions: on a full disk they could not be written down either."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

_BYTES = 4 * 1024 * 1024


class Reserve:
    """A file that takes room until it is needed."""

    def __init__(self, path: Path, size_bytes: int = _BYTES) -> None:
        self._path = path
        self._size_bytes = size_bytes

    def fill(self) -> None:
        """Take the room, if it is not taken and there is any to spare."""
        with contextlib.suppress(OSError):
            if self._path.exists():
                return
            status = os.statvfs(self._path.parent)
            if status.f_bavail * status.f_frsize < 4 * self._size_bytes:
                return
            part = self._path.with_suffix(f".{os.getpid()}")
            try:
                with part.open("wb") as file:
                    file.write(bytes(self._size_bytes))
                part.rename(self._path)
            finally:
                part.unlink(missing_ok=True)

    def release(self) -> bool:
        """Give the room up; tell whether there was any."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

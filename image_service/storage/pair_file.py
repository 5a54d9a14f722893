"""A file that is in two places: where it cannot be read on in one, it is in the other."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from ..domain.closing import Closing
from ..errors import StorageUnavailable


class PairFile(Closing):
    """As much of a BinaryIO as readers of originals need."""

    def __init__(self, file: BinaryIO, reopen: Callable[[], BinaryIO]) -> None:
        """Args: reopen: opens it in the other place. Raises: FileNotFoundError, ..."""
        self._file = file
        self._reopen: Callable[[], BinaryIO] | None = reopen

    def read(self, size: int = -1) -> bytes:
        """Return up to size bytes from here on, all there are for -1.

        Raises: OSError, StorageUnavailable where neither place has them.
        """
        at = self._file.tell()
        try:
            return self._file.read(size)
        except (OSError, StorageUnavailable):
            if not self._is_reopened(at):
                raise
            return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte; return where that is."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _is_reopened(self, at: int) -> bool:
        """Go on in the other place, if that can be; once."""
        reopen, self._reopen = self._reopen, None
        if reopen is None:
            return False
        try:
            file = reopen()
        except (OSError, StorageUnavailable):
            return False
        self._file.close()
        self._file = file
        self._file.seek(at)
        return True

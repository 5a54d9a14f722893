"""An object as a seekable file, read in parts that grow while somebody reads on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...domain.blocks import BLOCK_BYTES
from ...domain.closing import Closing
from ...errors import StorageUnavailable
from .problems import Unanswered, patiently

_FIRST_BYTES = BLOCK_BYTES
_MOST_KEPT = 4 * BLOCK_BYTES
_LEAST_AHEAD, _MOST_AHEAD = 2 * 1024 * 1024, 32 * 1024 * 1024


class CutShort(Unanswered):
    """Raised where an answer broke off in the middle."""

    def __init__(self) -> None:
        super().__init__("the object storage's answers break off")


class Part(NamedTuple):
    """A part of an object. size_bytes: of the whole; chunks: of the part, as they come."""

    size_bytes: int
    chunks: Iterator[bytes]


Fetch = Callable[[int, int], Part]
"""Asks for the bytes start..stop of an object; those behind its end are not there."""


class RangedFile(Closing):
    """As much of a BinaryIO as readers of originals need.

    The beginning is read at once: most originals' readers want it, and a small one is all there
    whatever happens to it later. What breaks off in the middle is asked for again from there.
    """

    def __init__(
        self, fetch: Fetch, timeout_s: float, closed: Callable[[], None] = lambda: None
    ) -> None:
        """Args: timeout_s: how long it is tried to read on; closed: called when it is closed.

        Raises: FileNotFoundError, StorageUnavailable.
        """
        self._fetch = fetch
        self._closed = closed
        self._chunks: Iterator[bytes] | None = None
        self._held, self._held_at, self._until = b"", -1, 0
        self._last, self._last_at = b"", 0
        self._patiently = patiently(timeout_s, self._forget)
        self._first, self._size = self._patiently(self._beginning)
        self._at = 0
        self._ahead = _LEAST_AHEAD

    def read(self, size: int = -1) -> bytes:
        """Return up to size bytes from here on, all there are for -1.

        Raises: StorageUnavailable where they cannot be had in time.
        """
        stop = self._size if size < 0 else min(self._at + size, self._size)
        pieces: list[bytes] = []
        while self._at < stop:
            piece = self._first[self._at : stop] or self._of_last(stop)
            self._at += len(piece)
            pieces.append(piece or self._taken(stop - self._at))
        got = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        if len(got) <= _MOST_KEPT:
            self._last, self._last_at = got, self._at - len(got)
        return got

    def _of_last(self, stop: int) -> bytes:
        """Return what was read last of the bytes from here on: whoever checks blocks reads on."""
        offset = self._at - self._last_at
        return self._last[offset : stop - self._last_at] if offset >= 0 else b""

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move to a byte; return where that is. Nothing is asked for."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._at

    def close(self) -> None:
        """Let go of what is under way."""
        self._forget()
        self._closed()

    def _beginning(self) -> tuple[bytes, int]:
        part = self._fetch(0, _FIRST_BYTES)
        first = b"".join(part.chunks)
        if len(first) != min(_FIRST_BYTES, part.size_bytes):
            raise CutShort
        return first, part.size_bytes

    def _taken(self, most: int) -> bytes:
        """Return the next bytes, one at least and so many at most."""
        chunk: bytes = self._patiently(self._next)
        taken, self._held = chunk[:most], chunk[most:]
        self._at += len(taken)
        self._held_at = self._at
        return taken

    def _next(self) -> bytes:
        """Return the next bytes as they come."""
        if self._held_at != self._at:
            self._forget()
            self._ahead = _LEAST_AHEAD
        if self._held:
            return self._held
        if self._chunks is None or self._until <= self._at:
            self._until = min(self._at + self._ahead, self._size)
            self._ahead = min(2 * self._ahead, _MOST_AHEAD)
            self._held_at = self._at
            try:
                part = self._fetch(self._at, self._until)
            except FileNotFoundError:
                raise StorageUnavailable("an original was removed while it was read") from None
            self._chunks = part.chunks
        for chunk in self._chunks:
            if chunk:
                return chunk
        raise CutShort

    def _forget(self) -> None:
        """Let go of a part; the next one begins where is read then."""
        self._chunks = None
        self._held, self._held_at, self._until = b"", -1, 0

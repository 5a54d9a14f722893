"""TIFF structure, of TIFF files and EXIF alike: directories, their entries and their values.

Sources: TIFF 6.0, section 2; BigTIFF (libtiff's description); EXIF 2.32, 4.6. Offsets and sizes
are in bytes from the structure's first one.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from .parts import CannotStrip, Range

_TYPE_BYTES = {
    1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4,
    16: 8, 17: 8, 18: 8, 129: 1,
}  # fmt: skip
_INTEGERS = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
_MAX_DIRECTORIES = 10_000
_MAX_ENTRIES = 100_000
_MAX_NUMBERS = 300_000


@dataclass(frozen=True)
class Entry:
    """One entry of a directory.

    at: where it stands. value: the range of its value, cut to the file. inline: the value stands
    in the entry. whole: nothing of the value was cut off.
    """

    tag: int
    at: int
    kind: int
    value: Range
    inline: bool
    whole: bool


@dataclass(frozen=True)
class Directory:
    """An image file directory. table: from its count to its pointer to the next, both included."""

    entries: tuple[Entry, ...]
    table: Range
    next_at: int


class Structure:
    """A TIFF structure as it was given. Raises CannotStrip when the header is none.

    Bounds the directories, entries and numbers that are read of it, so that none takes long.
    """

    def __init__(self, data: bytes | bytearray) -> None:
        self.data = data
        order = {b"II": "<", b"MM": ">"}.get(bytes(data[:2]))
        if order is None or len(data) < 8:
            raise CannotStrip("a TIFF header is missing")
        (magic,) = struct.unpack_from(order + "H", data, 2)
        self.big = magic == 43
        if magic not in (42, 43) or (self.big and len(data) < 16):
            raise CannotStrip("a TIFF header is damaged")
        self._order = order
        self._directories = self._entries = self._numbers = 0
        self._count = struct.Struct(order + ("Q" if self.big else "H"))
        self._offset = struct.Struct(order + ("Q" if self.big else "I"))
        self._entry = struct.Struct(order + ("HHQ8s" if self.big else "HHI4s"))
        self.header: Range = (0, 16 if self.big else 8)
        self.first = self.pointer(8 if self.big else 4)

    def pointer(self, at: int) -> int:
        """Return the offset that stands at a place, or 0 where the file is over."""
        if at + self._offset.size > len(self.data):
            return 0
        return int(self._offset.unpack_from(self.data, at)[0])

    def directory(self, at: int) -> Directory:
        """Return the directory at an offset. Raises CannotStrip when not all of it is there."""
        self._directories += 1
        start = at + self._count.size
        if at < self.header[1] or start > len(self.data):
            raise CannotStrip("a directory lies outside of the file")
        count = int(self._count.unpack_from(self.data, at)[0])
        end = start + count * self._entry.size
        if end > len(self.data):
            raise CannotStrip("a directory is cut off")
        self._entries += count
        if self._directories > _MAX_DIRECTORIES or self._entries > _MAX_ENTRIES:
            raise CannotStrip("it has too many directories or tags")
        entries = tuple(self._read(place) for place in range(start, end, self._entry.size))
        table_end = min(end + self._offset.size, len(self.data))
        return Directory(entries, (at, table_end), end)

    def _read(self, at: int) -> Entry:
        tag, kind, count, _ = self._entry.unpack_from(self.data, at)
        size = _TYPE_BYTES.get(kind, 0) * count
        inline = size <= self._offset.size
        value_at = at + self._entry.size - self._offset.size
        start = value_at if inline else self.pointer(value_at)
        end = start + size
        total = len(self.data)
        return Entry(tag, at, kind, (min(start, total), min(end, total)), inline, end <= total)

    def numbers(self, entry: Entry) -> tuple[int, ...]:
        """Return an entry's integers, as many as the file has; none of another type."""
        code = _INTEGERS.get(entry.kind)
        if code is None:
            return ()
        count = (entry.value[1] - entry.value[0]) // struct.calcsize("=" + code)
        self._numbers += count
        if self._numbers > _MAX_NUMBERS:
            raise CannotStrip("it has too many strips or tiles")
        return struct.unpack_from(f"{self._order}{count}{code}", self.data, entry.value[0])

    def chain(self) -> Iterator[Directory]:
        """Return the directories from the first one on; a loop ends where it began.

        Raises: CannotStrip, when there is no first one.
        """
        at, seen = self.first, set[int]()
        while True:
            seen.add(at)
            directory = self.directory(at)
            yield directory
            at = self.pointer(directory.next_at)
            if not at or at in seen or at >= len(self.data):
                return

    def without(self, directory: Directory, tags: frozenset[int]) -> bytes:
        """Return a directory's table without some entries: as long as before, zeros at the end."""
        size = self._entry.size
        kept = [e.at for e in directory.entries if e.tag not in tags]
        rest = bytes(self.data[directory.next_at : directory.table[1]])
        body = b"".join(bytes(self.data[at : at + size]) for at in kept)
        table = self._count.pack(len(kept)) + body + rest
        return table.ljust(directory.table[1] - directory.table[0], b"\0")

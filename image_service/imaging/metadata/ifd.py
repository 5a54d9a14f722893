"""Reads the directories (IFDs) of TIFF files and of the same structure inside EXIF.

TIFF 6.0, 2; BigTIFF has 8-byte counts and offsets. Nothing is copied before it is asked for, and
nothing is followed but the offsets asked for, so that loops and overlaps cost nothing.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from .values import to_number, to_ratio

BYTE, ASCII, SHORT, LONG, UNDEFINED, UTF8 = 1, 2, 3, 4, 7, 129

_RATIONAL, _SRATIONAL = 5, 10
_CODES = {
    BYTE: "B", SHORT: "H", LONG: "I", 6: "b", UNDEFINED: "B", 8: "h", 9: "i",
    11: "f", 12: "d", 13: "I", 16: "Q", 17: "q", 18: "Q",
}  # fmt: skip
_SIZES = {ASCII: 1, UTF8: 1, _RATIONAL: 8, _SRATIONAL: 8} | {
    kind: struct.calcsize("=" + code) for kind, code in _CODES.items()
}
_MAX_ENTRIES = 1_000
_MAX_NUMBERS = 32
_EXIF_PREFIX = b"Exif\0\0"
_TIFF, _BIG_TIFF = b"*", b"+"  # 42 and 43
_ORDERS = {b"II": "<", b"MM": ">"}


class Entry(NamedTuple):
    """One tag's value: its TIFF type, how many there are, and its first byte in the block."""

    kind: int
    number: int
    start: int


class Block:
    """A TIFF structure: a whole TIFF file, or what EXIF keeps in other formats."""

    def __init__(self, data: bytes, start: int, order: str, big: bool) -> None:
        """Take data's bytes from start on, in byte order "<" or ">"; big: BigTIFF."""
        self.data = data
        self.order = order
        self._base = start
        self._big = big
        first = start + (8 if big else 4)
        (offset,) = struct.unpack_from(order + ("Q" if big else "I"), data, first)
        self.ifd0 = self.directory(offset)

    def directory(self, offset: int) -> dict[int, Entry]:
        """Return the entries of the directory at offset whose values lie inside the block."""
        layout = "QHHQQ" if self._big else "HHHII"
        head_bytes, inline_bytes = (8, 8) if self._big else (2, 4)
        entry = struct.Struct(self.order + layout[1:])
        position = self._base + offset
        if position + head_bytes > len(self.data):
            return {}
        (count,) = struct.unpack_from(self.order + layout[0], self.data, position)
        position += head_bytes
        count = min(count, _MAX_ENTRIES, (len(self.data) - position) // entry.size)
        entries = {}
        for _ in range(count):
            tag, kind, number, where = entry.unpack_from(self.data, position)
            position += entry.size
            size = number * _SIZES.get(kind, 0)
            start = position - inline_bytes if size <= inline_bytes else self._base + where
            if size and start + size <= len(self.data):
                entries[tag] = Entry(kind, number, start)
        return entries

    def sub_directory(self, tag: int) -> dict[int, Entry]:
        """Return the entries of the directory that a tag of IFD0 points to, or none."""
        entry = self.ifd0.get(tag)
        offset = self.number(entry) if entry else None
        return self.directory(offset) if isinstance(offset, int) and offset > 0 else {}

    def raw(self, entry: Entry, max_bytes: int) -> bytes:
        """Return the value's bytes, no more than max_bytes of them."""
        size = min(entry.number * _SIZES[entry.kind], max_bytes)
        return self.data[entry.start : entry.start + size]

    def number(self, entry: Entry) -> int | float | None:
        """Return the value if it is one good number."""
        numbers = self.numbers(entry) if entry.number == 1 else None
        return numbers[0] if numbers else None

    def numbers(self, entry: Entry) -> list[int | float] | None:
        """Return the 1 to 32 numbers of the value; None if it has others, or any is bad."""
        if entry.number > _MAX_NUMBERS:
            return None
        found: list[int | float | None]
        if entry.kind in (_RATIONAL, _SRATIONAL):
            layout = f"{self.order}{2 * entry.number}{'I' if entry.kind == _RATIONAL else 'i'}"
            parts = struct.unpack_from(layout, self.data, entry.start)
            found = [to_ratio(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
        elif entry.kind in _CODES:
            layout = f"{self.order}{entry.number}{_CODES[entry.kind]}"
            found = [to_number(n) for n in struct.unpack_from(layout, self.data, entry.start)]
        else:
            return None
        good = [number for number in found if number is not None]
        return good if len(good) == len(found) else None


def read_block(data: bytes) -> Block | None:
    """Return the TIFF structure that data begins with, behind EXIF's own prefix; None if none."""
    start = 0
    while start < 2 * len(_EXIF_PREFIX) and data.startswith(_EXIF_PREFIX, start):
        start += len(_EXIF_PREFIX)
    order = _ORDERS.get(data[start : start + 2])
    magic = data[start + 2 : start + 4].strip(b"\0")  # in either order: some cameras get it wrong
    if order is None or magic not in (_TIFF, _BIG_TIFF):
        return None
    big = magic == _BIG_TIFF
    if len(data) < start + (16 if big else 8):
        return None
    return Block(data, start, order, big)

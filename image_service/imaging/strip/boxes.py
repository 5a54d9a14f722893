"""Boxes and items of ISO media files, as far as metadata needs them.

Source: ISO/IEC 14496-12, 4.2, 8.11.3 (iloc), 8.11.6 (iinf). Offsets are from the file's start.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .parts import CannotStrip, Range

_MAX_BOXES = 20_000
_MAX_EXTENTS = 100_000


@dataclass(frozen=True)
class Box:
    """A box in data[start:end]; its content begins at body."""

    kind: bytes
    start: int
    body: int
    end: int


@dataclass(frozen=True)
class Item:
    """An item: its type, for "mime" its content type, and the ranges that hold it in order.

    ranges: None where another item or file holds it.
    """

    kind: bytes
    content_type: bytes
    ranges: tuple[Range, ...] | None


class Reader:
    """Reads big-endian numbers of a range one after the other. Raises CannotStrip at its end."""

    def __init__(self, data: bytes, position: int, end: int) -> None:
        self._data, self.position, self._end = data, position, end

    def number(self, size: int) -> int:
        """Return an integer of so many bytes; none are 0."""
        return int.from_bytes(self.take(size), "big")

    def take(self, size: int) -> bytes:
        """Return so many bytes."""
        start, self.position = self.position, self.position + size
        if self.position > self._end:
            raise CannotStrip("a box is cut off")
        return self._data[start : self.position]

    def text(self) -> bytes:
        """Return a text up to its zero, or to the range's end."""
        end = self._data.find(b"\0", self.position, self._end)
        end = self._end if end < 0 else end
        text, self.position = self._data[self.position : end], min(end + 1, self._end)
        return text


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """Return the boxes that fill a range. Raises: CannotStrip."""
    for _ in range(_MAX_BOXES):
        if start == end:
            return
        reader = Reader(data, start, end)
        size, kind = reader.number(4), reader.take(4)
        if size == 1:
            size = reader.number(8)
        stop = end if size == 0 else start + size
        if stop > end or stop < reader.position:
            raise CannotStrip("a box is cut off")
        yield Box(kind, start, reader.position, stop)
        start = stop
    raise CannotStrip("it has too many boxes")


def items(data: bytes, meta: Box) -> list[Item]:
    """Return the items of a meta box. Raises: CannotStrip."""
    inside = {box.kind: box for box in boxes(data, meta.body + 4, meta.end)}
    if b"iloc" not in inside or b"iinf" not in inside:
        return []
    idat = inside.get(b"idat")
    ranges = _locations(data, inside[b"iloc"], idat)
    return [
        Item(kind, content_type, ranges.get(number, ()))
        for number, kind, content_type in _infos(data, inside[b"iinf"])
    ]


def idat(data: bytes, meta: Box) -> Box | None:
    """Return the box in a meta box that holds items' data, or None."""
    found = (box for box in boxes(data, meta.body + 4, meta.end) if box.kind == b"idat")
    return next(found, None)


def _infos(data: bytes, iinf: Box) -> Iterator[tuple[int, bytes, bytes]]:
    """Return number, type and content type of each item."""
    reader = Reader(data, iinf.body, iinf.end)
    version = reader.number(4) >> 24
    reader.number(2 if version == 0 else 4)
    for box in boxes(data, reader.position, iinf.end):
        reader = Reader(data, box.body, box.end)
        version = reader.number(4) >> 24
        if box.kind != b"infe" or version < 2:
            continue  # older ones have no type, and AVIF does not allow them
        number = reader.number(2 if version == 2 else 4)
        reader.number(2)
        kind = reader.take(4)
        reader.text()
        yield number, kind, reader.text() if kind == b"mime" else b""


def _locations(data: bytes, iloc: Box, idat: Box | None) -> dict[int, tuple[Range, ...] | None]:
    """Return the ranges of each item by its number."""
    reader = Reader(data, iloc.body, iloc.end)
    version = reader.number(4) >> 24
    sizes = reader.number(2)
    offset_size, length_size, base_size, index_size = (sizes >> bits & 15 for bits in (12, 8, 4, 0))
    if version == 0:
        index_size = 0
    found: dict[int, tuple[Range, ...] | None] = {}
    extents_left = _MAX_EXTENTS
    for _ in range(reader.number(4 if version == 2 else 2)):
        number = reader.number(4 if version == 2 else 2)
        method = reader.number(2) & 15 if version else 0
        external = reader.number(2)
        base = reader.number(base_size)
        count = reader.number(2)
        extents_left -= 1 + count
        if extents_left < 0:
            raise CannotStrip("it has too many items")
        origin, limit = (idat.body, idat.end) if method == 1 and idat else (0, len(data))
        ranges: list[Range] = []
        for _ in range(count):
            reader.number(index_size)
            start = origin + base + reader.number(offset_size)
            length = reader.number(length_size)
            ranges.append((start, start + length if length else limit))
        known = not external and (method == 0 or (method == 1 and idat))
        found[number] = tuple(ranges) if known else None
    return found

"""What the boxes of AVIF and HEIC tell that Pillow does not: bit depth, plays, a missing end.

ISO 14496-12 (boxes, edit lists), ISO 23008-12 (pixi), AV1-ISOBMFF (av1C).
"""

from __future__ import annotations

from collections.abc import Iterator

_MAX_BOXES = 2_000
_DEPTHS = (8, 10, 12)
_FULL_BOX_BYTES = 4
_LARGE, _TO_THE_END = 1, 0
_REPEATED = 1
_FOR_EVER = (2**32 - 1, 2**64 - 1)
_MAX_LOOPS = 2**31

_Span = tuple[int, int]


def bit_depth(data: bytes) -> int:
    """Return the bits of a channel: 8, 10 or 12; 8 where the boxes do not tell."""
    walk = _Walk(data)
    for properties in walk.find(walk.whole, b"meta", b"iprp", b"ipco"):
        for start, end in walk.find(properties, b"av1C"):
            if end - start >= 4:
                high, twelve = data[start + 2] & 0x40, data[start + 2] & 0x20
                return _DEPTHS[bool(high) + bool(high and twelve)]
        for start, end in walk.find(properties, b"pixi"):
            depth = data[start + 5] if end - start >= 6 else 0
            if depth in _DEPTHS:
                return depth
    return 8


def loop_count(data: bytes) -> int:
    """Return how often a sequence plays; 0, for ever, where its edit list tells nothing else."""
    walk = _Walk(data)
    for track in walk.find(walk.whole, b"moov", b"trak"):
        edits = next(walk.find(track, b"edts", b"elst"), None)
        header = next(walk.find(track, b"tkhd"), None)
        if edits and header:
            return _plays(data, edits[0], header[0])
    return 0


def _plays(data: bytes, edits: int, header: int) -> int:
    """Return how many times the one edit of an edit list fits into its track's duration."""
    if not data[edits + 3] & _REPEATED:
        return 1
    once = _number(data, edits + 8, 8 if data[edits] == 1 else 4)
    wide = data[header] == 1
    total = _number(data, header + (28 if wide else 20), 8 if wide else 4)
    if total in _FOR_EVER or not once:
        return 0
    return min(-(-total // once), _MAX_LOOPS)


def _number(data: bytes, start: int, size: int) -> int:
    return int.from_bytes(data[start : start + size], "big")


def ends_early(data: bytes) -> bool:
    """Tell whether the last of the outermost boxes is longer than the data."""
    position = 0
    for _ in range(_MAX_BOXES):
        if position >= len(data):
            return position > len(data)
        size = _number(data, position, 4)
        if size == _LARGE:
            size = _number(data, position + 8, 8)
        elif size == _TO_THE_END:
            return False
        position += max(size, 8)
    return False


class _Walk:
    """Looks at no more than 2,000 boxes, however they are nested."""

    def __init__(self, data: bytes) -> None:
        self.whole: _Span = (0, len(data))
        self._data = data
        self._left = _MAX_BOXES

    def find(self, within: _Span, *path: bytes) -> Iterator[_Span]:
        """Return the contents of each box that path leads to."""
        for kind, start, end in self._boxes(within):
            if kind != path[0]:
                continue
            if len(path) == 1:
                yield start, end
            else:
                inner = start + _FULL_BOX_BYTES if kind == b"meta" else start
                yield from self.find((inner, end), *path[1:])

    def _boxes(self, within: _Span) -> Iterator[tuple[bytes, int, int]]:
        position, limit = within
        data = self._data
        while position + 8 <= limit and self._left:
            self._left -= 1
            size, head = _number(data, position, 4), 8
            if size == _LARGE:
                size, head = _number(data, position + 8, 8), 16
            elif size == _TO_THE_END:
                size = limit - position
            if size < head or position + size > limit:
                return
            yield data[position + 4 : position + 8], position + head, position + size
            position += size

"""What a GIF's blocks tell that Pillow does not: how often it plays, and its XMP (GIF89a)."""

from __future__ import annotations

import contextlib
import re
from typing import NamedTuple

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_APPLICATION, _COMMENT = 0xFF, 0xFE
_INTRODUCER = re.compile(rb"[!,;]")
_LOOPING = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_XMP = b"XMP DataXMP"
_XMP_TRAILER = b"\x01\xff\xfe\xfd"
_MAX_XMP_BYTES = 1024 * 1024
_MAX_BLOCKS = 250_000
"""A walk of 15 ms; nobody's file of less than 60 MB has more."""
MAX_BLOCKS_IN_ALL = 1_000_000
"""Decoders keep an object for each piece of a comment: 4,000,000 take 1.7 s and 390 MB."""
_COST_OF_A_CALL = 8  # in blocks


class GifBlocks(NamedTuple):
    """loops: the number in the looping extension; animated: there is a second picture."""

    loops: int | None
    animated: bool
    xmp: bytes | None

    @property
    def loop_count(self) -> int | None:
        """How often it plays, 0 for ever; None of a still."""
        if not self.animated:
            return None
        if self.loops is None:
            return 1
        return self.loops + 1 if self.loops else 0


def read_gif(data: bytes) -> GifBlocks:
    """Return what the blocks of a GIF tell, up to its second picture or the end of what is good."""
    walk = _Walk(data, max_blocks=_MAX_BLOCKS, wants_xmp=True)
    walk.run(until_picture=2)
    return GifBlocks(walk.loops, walk.pictures > 1, walk.xmp)


class GifSurvey(NamedTuple):
    """width, height: of the least canvas, in px, that has room for the screen and every frame.

    is_complete: False where the walk gave up, at MAX_BLOCKS_IN_ALL.
    """

    width: int
    height: int
    is_complete: bool


def survey(data: bytes) -> GifSurvey:
    """Return what opening a GIF and going through its frames will ask for."""
    walk = _Walk(data, max_blocks=MAX_BLOCKS_IN_ALL, wants_xmp=False)
    walk.run()
    return GifSurvey(*walk.canvas, is_complete=not walk.gave_up)


class _Walk:
    def __init__(self, data: bytes, *, max_blocks: int, wants_xmp: bool) -> None:
        self.loops: int | None = None
        self.pictures = 0
        self.xmp: bytes | None = None
        self.canvas = (_short(data, 6), _short(data, 8))
        self._data = data
        self._blocks_left = max_blocks
        self._wants_xmp = wants_xmp

    @property
    def gave_up(self) -> bool:
        return self._blocks_left <= 0

    def run(self, until_picture: int | None = None) -> None:
        with contextlib.suppress(IndexError):  # the data ends too early
            self._run(until_picture)

    def _run(self, until_picture: int | None) -> None:
        data = self._data
        position = 13 + _palette_bytes(data[10])
        while not self.gave_up:
            kind = data[position]
            if kind == _EXTENSION:
                position = self._extension(position)
            elif kind == _IMAGE:
                self.pictures += 1
                if self.pictures == until_picture:
                    return
                self._make_room(position)
                position = self._skip(position + 11 + _palette_bytes(data[position + 9]))
            elif kind == _TRAILER:
                return
            else:  # as decoders do
                found = _INTRODUCER.search(data, position)
                if not found:
                    return
                position = found.start()
                self._blocks_left -= 1

    def _make_room(self, position: int) -> None:
        left, top, width, height = (_short(self._data, position + at) for at in (1, 3, 5, 7))
        self.canvas = (max(self.canvas[0], left + width), max(self.canvas[1], top + height))

    def _extension(self, position: int) -> int:
        data = self._data
        label, start = data[position + 1], position + 2
        size, body = data[start], start + 1 + data[start]
        name = data[start + 1 : body]
        if label == _APPLICATION and name in _LOOPING and data[body : body + 2] == b"\x03\x01":
            self.loops = int.from_bytes(data[body + 2 : body + 4], "little")
        elif label == _APPLICATION and name == _XMP and self._wants_xmp:
            # Not in sub-blocks: the text itself, then a trailer that ends any walk through it.
            self._wants_xmp = False
            end = data.find(_XMP_TRAILER, body, body + _MAX_XMP_BYTES)
            self.xmp = data[body:end] if end > 0 else None
        end = self._skip(start)
        # Where an end is all there is, Pillow looks for another one.
        is_empty = not size and label != _COMMENT
        is_cut = name.startswith(b"NETSCAPE2.0") and not data[body] and not self.pictures
        if is_empty or (label == _APPLICATION and is_cut):
            end = self._skip(end)
        return end

    def _skip(self, position: int) -> int:
        """Return the position behind the sub-blocks that start at position."""
        data, left = self._data, self._blocks_left - _COST_OF_A_CALL
        while left > 0 and (size := data[position]):
            position += size + 1
            left -= 1
        self._blocks_left = left
        return position + 1


def _short(data: bytes, position: int) -> int:
    return int.from_bytes(data[position : position + 2], "little")


def _palette_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0

"""GIF: extension blocks. Sources: GIF89a, 17 to 27; XMP part 3, 1.1.2."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import xmp
from .parts import CannotStrip, mentions_place

_IMAGE, _EXTENSION, _TRAILER = 0x2C, 0x21, 0x3B
_GRAPHIC_CONTROL, _COMMENT, _PLAIN_TEXT, _APPLICATION = 0xF9, 0xFE, 0x01, 0xFF
_SHOWN = frozenset((b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"))
_XMP = b"XMP DataXMP"
_APPLICATION_HEADER_BYTES = 14
# Wherever a reader lands that takes XMP for blocks, this leads it to the end.
_XMP_END = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
_MAX_BLOCKS = 100_000
_ZEROS = re.compile(rb"\0*")
_WORDS = {_COMMENT: "comment", _PLAIN_TEXT: "text"}


@dataclass(frozen=True)
class _Block:
    """A block in data[start:end]. label: an extension's, or the block's own first byte."""

    label: int
    extension: bool
    start: int
    end: int


def strip_all(data: bytes) -> tuple[bytes, set[str]]:
    """Return the GIF without metadata, and the words for what that was. Raises: CannotStrip."""
    return _strip(data, everything=True)


def strip_location(data: bytes) -> tuple[bytes, set[str]]:
    """Return the GIF without where it was taken, and the words for that. Raises: CannotStrip."""
    return _strip(data, everything=False)


def _strip(data: bytes, *, everything: bool) -> tuple[bytes, set[str]]:
    words: set[str] = set()
    parts: list[bytes | memoryview] = []
    view = memoryview(data)
    end = 0
    for block in _blocks(data):
        part: bytes | memoryview = view[end : block.end]
        if block.extension:
            content = data[block.start : block.end]
            instead, found = _all(block, content) if everything else _location(block, content)
            if found:
                part = bytes(view[end : block.start]) + instead
            words |= found
        parts.append(part)
        end = block.end
    if everything and end < len(data):
        words.add("trailing")
    elif not everything:
        parts.append(view[end:])
    return (b"".join(parts) if words else data), words


def _blocks(data: bytes) -> Iterator[_Block]:
    """Return the blocks behind the header, up to the trailer, which may be missing.

    Zeros between blocks belong to none. Raises: CannotStrip.
    """
    if not data.startswith((b"GIF87a", b"GIF89a")) or len(data) < 13:
        raise CannotStrip("it does not start as a GIF")
    position = 13 + _colours_bytes(data[10])
    for _ in range(_MAX_BLOCKS):
        zeros = _ZEROS.match(data, position)
        start = zeros.end() if zeros else position
        if start >= len(data):
            yield _Block(0, False, position, len(data))
            return
        label = data[start]
        if label == _TRAILER:
            yield _Block(label, False, start, start + 1)
            return
        if label == _EXTENSION and start + 2 <= len(data):
            position = _behind_blocks(data, start + 2)
            yield _Block(data[start + 1], True, start, position)
        elif label == _IMAGE and start + 10 <= len(data):
            position = _behind_blocks(data, start + 11 + _colours_bytes(data[start + 9]))
            yield _Block(label, False, start, position)
        else:
            raise CannotStrip("bytes between its blocks belong to none")
    raise CannotStrip("it has too many blocks")


def _colours_bytes(flags: int) -> int:
    """Return the size of the colour table that flags tell of."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _behind_blocks(data: bytes, position: int) -> int:
    """Return where a run of data sub-blocks ends. Raises: CannotStrip."""
    total = len(data)
    while position < total:
        size = data[position]
        position += size + 1
        if not size:
            return position
    raise CannotStrip("a block is cut off")


def _all(block: _Block, content: bytes) -> tuple[bytes, set[str]]:
    """Return what takes an extension's place, and the words for what went."""
    if block.label == _GRAPHIC_CONTROL:
        return content, set()
    if block.label == _APPLICATION:
        name = content[3:_APPLICATION_HEADER_BYTES]
        if content[2] == len(name) and name in _SHOWN:
            return content, set()
        return b"", {"xmp"} | _location(block, content)[1] if name == _XMP else {"other"}
    # The graphic control before a plain text stays: decoders apply it to the next image.
    return b"", {_WORDS.get(block.label, "other")}


def _location(block: _Block, content: bytes) -> tuple[bytes, set[str]]:
    """Return an extension without a place, and the words for what went."""
    if content[3:_APPLICATION_HEADER_BYTES] == _XMP and block.label == _APPLICATION:
        if not content.endswith(_XMP_END):
            return b"", {"xmp"}
        packet = bytearray(content[_APPLICATION_HEADER_BYTES : -len(_XMP_END)])
        words = xmp.blank_location(packet)
        return content[:_APPLICATION_HEADER_BYTES] + packet + _XMP_END, words
    if not mentions_place(content):
        return content, set()
    return b"", {_WORDS.get(block.label, "other")}

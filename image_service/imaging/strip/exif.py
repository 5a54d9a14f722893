"""EXIF blocks: where the picture was taken, blanked in place, and the orientation to keep.

Source: EXIF 2.32 (CIPA DC-008). A block starts with a TIFF header; without "Exif" before it.
"""

from __future__ import annotations

import struct

from . import tags
from .ifd import Structure
from .parts import CannotStrip, Range

_LOCATION = tags.Rules(tags.LOCATION, blanking=True, strict=False)
_SHORT = 3
_THUMBNAIL = 513, 514  # where it lies and its size in bytes


def blank_location(block: bytearray) -> set[str]:
    """Take out the GPS directory and blank the maker note; return the words for what was there.

    A damaged block becomes a minimal one of the same length: {"exif"}. Never raises.
    """
    try:
        return tags.remove(block, _LOCATION)
    except CannotStrip:
        return blank_whole(block)


def blank_whole(block: bytearray) -> set[str]:
    """Leave of a block its orientation and its length; return {"exif"}, or nothing if it had no
    more than that."""
    least = minimal(orientation(block))
    least = least.ljust(len(block), b"\0") if len(block) >= len(least) else bytes(len(block))
    if block == least:
        return set()
    block[:] = least
    return {"exif"}


def words(block: bytes) -> set[str]:
    """Return the words for a block that is removed as a whole, and for what it holds."""
    found = {"exif"} | blank_location(bytearray(block))
    return found | {"thumbnail"} if thumbnail(block) else found


def orientation(block: bytes | bytearray) -> int:
    """Return 1 to 8, and 1 when there is none that can be read."""
    try:
        structure = Structure(block)
        directory = structure.directory(structure.first)
        values = (structure.numbers(e) for e in directory.entries if e.tag == tags.ORIENTATION)
        value = next(values, ())[:1]
    except CannotStrip:
        return 1
    return value[0] if value and 1 <= value[0] <= 8 else 1


def thumbnail(block: bytes | bytearray) -> Range | None:
    """Return where the small JPEG in a block lies, or None."""
    try:
        structure = Structure(block)
        for directory in structure.chain():
            found = {e.tag: e for e in directory.entries if e.tag in _THUMBNAIL}
            numbers = [structure.numbers(found[tag])[:1] for tag in _THUMBNAIL if tag in found]
            if len(numbers) == len(_THUMBNAIL) and all(numbers):
                (start,), (size,) = numbers
                return start, min(start + size, len(block))
    except CannotStrip:
        return None
    return None


def minimal(orientation_: int) -> bytes:
    """Return the smallest block that tells an orientation: 26 bytes."""
    entry = struct.pack(">HHIHH", tags.ORIENTATION, _SHORT, 1, orientation_, 0)
    return b"MM\0*" + struct.pack(">IH", 8, 1) + entry + bytes(4)

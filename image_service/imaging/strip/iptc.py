"""Names of places in IPTC datasets and in the Photoshop resources around them, blanked in place.

Sources: IPTC IIM 4.2, chapters 3 and 6; Adobe's Photoshop File Formats, Image Resource Blocks.
"""

from __future__ import annotations

from collections.abc import Callable

from . import xmp
from .parts import blank

Blank = Callable[[bytearray], set[str]]
"""Overwrites parts of a block in place and returns the words for what they were."""

_PLACES = frozenset((26, 27, 90, 92, 95, 100, 101))
_MAX_PARTS = 50_000
_IPTC, _EXIF, _EXIF_MORE, _XMP = 0x0404, 0x0422, 0x0423, 0x0424
_SIGNATURES = frozenset((b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"))


def blank_datasets(data: bytearray) -> set[str]:
    """Overwrite IIM datasets that name places with spaces; return "place", or "iptc" for damage.

    What cannot be followed is blanked to its end.
    """
    words: set[str] = set()
    position = 0
    for _ in range(_MAX_PARTS):
        if data[position : position + 1] != b"\x1c" or position + 5 > len(data):
            break
        record, dataset = data[position + 1], data[position + 2]
        size = int.from_bytes(data[position + 3 : position + 5], "big")
        start = position + 5
        if size & 0x8000:  # extended: the low bits tell how many bytes hold the size
            length_bytes = size & 0x7FFF
            size = int.from_bytes(data[start : start + min(length_bytes, 8)], "big")
            start += length_bytes
        if start + size > len(data):
            break
        if record == 2 and dataset in _PLACES and blank(data, start, start + size, b" "):
            words.add("place")
        position = start + size
    if blank(data, position, len(data)):
        words.add("iptc")
    return words


def blank_resources(data: bytearray, blank_exif: Blank) -> set[str]:
    """Blank places in the Photoshop resources that hold IPTC, EXIF or XMP; return the words.

    data: the blocks alone, without "Photoshop 3.0". What cannot be followed is blanked.
    blank_exif: what does it for EXIF.
    """
    handlers = {
        _IPTC: blank_datasets,
        _EXIF: blank_exif,
        _EXIF_MORE: blank_exif,
        _XMP: xmp.blank_location,
    }
    words: set[str] = set()
    position = 0
    for _ in range(_MAX_PARTS):
        if bytes(data[position : position + 4]) not in _SIGNATURES:
            break
        kind = int.from_bytes(data[position + 4 : position + 6], "big")
        name_bytes = data[position + 6] if position + 6 < len(data) else 0
        start = position + 6 + (name_bytes + 2) // 2 * 2 + 4
        size = int.from_bytes(data[start - 4 : start], "big")
        if start + size > len(data):
            break
        if kind in handlers:
            piece = data[start : start + size]
            words |= handlers[kind](piece)
            data[start : start + size] = piece
        position = start + size + size % 2
    if blank(data, position, len(data)):
        words.add("iptc")
    return words

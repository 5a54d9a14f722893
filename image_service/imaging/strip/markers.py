"""The segments of a JPEG, from its first marker to its last.

Source: ITU-T T.81, B.1 and B.2. What decoders pass over is told apart from what they read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from .parts import CannotStrip

SOI, EOI, SOS, COM = 0xD8, 0xD9, 0xDA, 0xFE
APP0, APP1, APP2, APP13, APP14 = 0xE0, 0xE1, 0xE2, 0xED, 0xEE
JUNK = 0
EXIF = b"Exif\0"  # and one more byte, which is not always 0
EXIF_START = b"Exif\0\0"
XMP = b"http://ns.adobe.com/xap/1.0/\0"
EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
PHOTOSHOP = b"Photoshop 3.0\0"
JFIF, JFXX, ICC, ADOBE, MPF = b"JFIF\0", b"JFXX\0", b"ICC_PROFILE\0", b"Adobe", b"MPF\0"
JFIF_BYTES = 14
APPLICATION = range(0xE0, 0xF0)
_ALONE = frozenset((0x01, *range(0xD0, 0xD8)))
_KNOWN = frozenset((*_ALONE, *range(0xC0, 0xF0), COM)) - {0xC8, SOI}
_MAX_SEGMENTS = 10_000
# Any number of 0xFF may precede a marker; these find it in linear time all the same.
_NEXT = re.compile(rb"\xff{1,64}[^\x00\xff]")
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_END_OF_SCAN = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


@dataclass(frozen=True)
class Segment:
    """A segment in data[start:end]; its content begins at body.

    marker: its second byte, or JUNK for bytes between segments, which decoders pass over. An SOS
    goes on to the end of its scan.
    """

    marker: int
    start: int
    body: int
    end: int


def segments(data: bytes | bytearray, start: int = 0, *, lax: bool = True) -> Iterator[Segment]:
    """Return the segments of the JPEG that starts in data at a place, up to its EOI.

    The EOI may be missing. lax: bytes between segments are JUNK, not damage. Behind a scan they
    always are damage: decoders differ about what follows.
    Raises: CannotStrip.
    """
    if data[start : start + 2] != b"\xff\xd8":
        raise CannotStrip("it does not start as a JPEG")
    yield Segment(SOI, start, start + 2, start + 2)
    position = start + 2
    for _ in range(_MAX_SEGMENTS):
        at = _next_marker(data, position, lax)
        if data[position:at].strip(b"\xff"):
            yield Segment(JUNK, position, position, at)
            position = at
        if lax and (at == len(data) or data[at + 1] == EOI):
            raise CannotStrip("it has no scan")
        if at == len(data):
            return
        segment = _segment(data, position, at)
        if segment.marker in _ALONE and not lax:
            raise CannotStrip("a scan is damaged")
        yield segment
        if segment.marker == EOI:
            return
        lax = lax and segment.marker != SOS
        position = segment.end
    raise CannotStrip("it has too many segments")


def _next_marker(data: bytes | bytearray, position: int, lax: bool) -> int:
    """Return where the 0xFF of the next marker stands, or where the data ends."""
    if position >= len(data):
        return len(data)
    found = _NEXT.match(data, position)
    if found is None and not lax:
        raise CannotStrip("bytes between its segments belong to none")
    found = found or _MARKER.search(data, position)
    return found.end() - 2 if found else len(data)


def _segment(data: bytes | bytearray, start: int, at: int) -> Segment:
    """Return the segment whose marker stands at a place; start: where its fill bytes begin."""
    marker = data[at + 1]
    if marker not in _KNOWN:
        raise CannotStrip("it has markers that no decoder knows")
    if marker in _ALONE or marker == EOI:
        return Segment(marker, start, at + 2, at + 2)
    size = int.from_bytes(data[at + 2 : at + 4], "big")
    end = at + 2 + size
    if size < 2 or end > len(data):
        raise CannotStrip("a segment is cut off")
    if marker == SOS:
        found = _END_OF_SCAN.search(data, end)
        end = found.start() if found else len(data)
    return Segment(marker, start, at + 4, end)

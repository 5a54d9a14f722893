"""JPEG: where the picture was taken, blanked in place; in previews and films behind it, too.

Sources: EXIF 2.32, 4.7; XMP part 3, 1.1.3; CIPA DC-007 (further pictures); 3GPP TS 26.244, 8.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from . import exif, iptc, markers, xmp
from .markers import Segment, segments
from .parts import CannotStrip, Range, blank, gather, mentions_place, scatter

_FURTHER = b"\xff\xd8\xff"
_MAX_FURTHER = 1000
_MAX_FURTHER_SEGMENTS = 20_000
_MAX_TIMES_READ = 4  # a small picture in a further one's EXIF is found as one of its own
_FILM_PLACES = (b"\xa9xyz", b"loci")
_MAX_BOX_BYTES = 1024


def strip_location(data: bytes) -> tuple[bytes, set[str]]:
    """Return the JPEG, as long as before, without where it was taken, and the words for that.

    Raises: CannotStrip.
    """
    buffer = bytearray(data)
    found = list(segments(data))
    words = _blank_location(buffer, found)
    words |= _blank_further(buffer, found[-1].end)
    words |= _blank_film(buffer, found[-1].end)
    return (bytes(buffer) if words else data), words


def _blank_location(buffer: bytearray, found: list[Segment], *, nested: bool = False) -> set[str]:
    """Blank the place in segments that lie in buffer; return the words. Raises: CannotStrip."""
    words: set[str] = set()
    photoshop: list[Range] = []
    for segment in found:
        if segment.marker not in markers.APPLICATION and segment.marker != markers.COM:
            continue
        body = bytes(buffer[segment.body : segment.body + len(markers.EXTENDED_XMP)])
        if segment.marker == markers.APP13 and body.startswith(markers.PHOTOSHOP):
            photoshop.append((segment.body + len(markers.PHOTOSHOP), segment.end))
        elif segment.marker == markers.APP1 and body.startswith(markers.EXIF):
            words |= _edit(buffer, segment.body + 6, segment.end, exif.blank_location)
            words |= set() if nested else _blank_thumbnail(buffer, segment)
        elif segment.marker == markers.APP1 and body.startswith(markers.XMP):
            words |= _edit(buffer, segment.body + len(markers.XMP), segment.end, xmp.blank_location)
        elif segment.marker == markers.APP1 and body.startswith(markers.EXTENDED_XMP):
            start = segment.body + len(markers.EXTENDED_XMP)
            words |= {"xmp"} if blank(buffer, start, segment.end, b" ") else set()
        else:
            words |= _blank_unknown(buffer, segment, body)
    # Resources may go on from one segment to the next.
    piece = gather(buffer, photoshop)
    words |= iptc.blank_resources(piece, exif.blank_location)
    scatter(buffer, photoshop, piece)
    return words


def _edit(
    buffer: bytearray, start: int, end: int, handler: Callable[[bytearray], set[str]]
) -> set[str]:
    piece = buffer[start:end]
    words = handler(piece)
    buffer[start:end] = piece
    return words


def _blank_unknown(buffer: bytearray, segment: Segment, body: bytes) -> set[str]:
    """Blank a segment that may tell the place: nobody knows APP1 of other kinds."""
    if segment.marker in (markers.APP0, markers.APP2, markers.APP14) and body.startswith(
        (markers.JFIF, markers.ICC, markers.ADOBE, markers.MPF)
    ):
        return set()
    content = buffer[segment.body : segment.end]
    start = segment.body + content.find(b"\0") + 1
    if segment.marker != markers.APP1 and not mentions_place(content):
        return set()
    if segment.marker != markers.APP1:
        start = segment.body
    word = "comment" if segment.marker == markers.COM else "other"
    return {word} if blank(buffer, start, segment.end) else set()


def _blank_thumbnail(buffer: bytearray, segment: Segment) -> set[str]:
    """Blank the place in the EXIF of the small JPEG that lies in an EXIF segment."""
    found = exif.thumbnail(buffer[segment.body + 6 : segment.end])
    if not found:
        return set()
    start, end = (segment.body + 6 + place for place in found)
    return _edit(buffer, start, end, _blank_picture)


def _blank_picture(piece: bytearray) -> set[str]:
    return _blank_location(piece, _header(piece, 0), nested=True)


def _blank_further(buffer: bytearray, end: int) -> set[str]:
    """Blank the place in the pictures behind the first one: previews, views, depth maps.

    Raises: CannotStrip, when they overlap as only made-up ones do, which would take long.
    """
    words: set[str] = set()
    segments_left, bytes_left = _MAX_FURTHER_SEGMENTS, _MAX_TIMES_READ * (len(buffer) - end)
    position = buffer.find(_FURTHER, end)
    for _ in range(_MAX_FURTHER):
        if position < 0:
            return words
        found = _header(buffer, position)
        segments_left -= len(found)
        bytes_left -= sum(each.end - each.start for each in found)
        if segments_left < 0 or bytes_left < 0:
            break
        words |= _blank_location(buffer, found)
        position = buffer.find(_FURTHER, position + 2)
    raise CannotStrip("it has too many pictures behind its own")


def _header(data: bytearray, start: int) -> list[Segment]:
    """Return the segments of a further picture up to its first scan or its first damage."""
    found: list[Segment] = []
    with contextlib.suppress(CannotStrip):
        for segment in segments(data, start, lax=False):
            if segment.marker in (markers.SOS, markers.EOI):
                break
            found.append(segment)
    return found


def _blank_film(buffer: bytearray, end: int) -> set[str]:
    """Blank the coordinates in a film behind the picture: "motion photos" carry one."""
    words: set[str] = set()
    for kind in _FILM_PLACES:
        position = buffer.find(kind, end)
        while position >= 0:
            stop = position - 4 + int.from_bytes(buffer[position - 4 : position], "big")
            small = position + 4 < stop <= min(len(buffer), position + _MAX_BOX_BYTES)
            if small and blank(buffer, position + 4, stop):
                words.add("gps")
            position = buffer.find(kind, position + 4)
    return words

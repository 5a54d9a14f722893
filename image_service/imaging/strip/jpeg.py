"""JPEG: application segments and comments.

Sources: ITU-T T.81, B.2.4; JFIF 1.02; EXIF 2.32, 4.7; XMP part 3, 1.1.3; CIPA DC-007 (MPF).
"""

from __future__ import annotations

from . import exif, iptc, markers, xmp
from .markers import Segment, segments
from .parts import Range


def strip_all(data: bytes) -> tuple[bytes, set[str]]:
    """Return the JPEG without metadata, and the words for what that was. Raises: CannotStrip."""
    words: set[str] = set()
    kept: list[bytes | Range] = []
    oriented = False
    end = 0
    for segment in segments(data):
        end = segment.end
        instead, found = _judge(data, segment)
        if "exif" in found and not oriented:
            oriented = True
            instead, found = _least_exif(data, segment, found)
        words |= found
        kept.append((segment.start, segment.end) if instead is None else instead)
    if end < len(data):
        words.add("trailing")
    return (_joined(data, kept) if words else data), words


def _judge(data: bytes, segment: Segment) -> tuple[bytes | None, set[str]]:
    """Return what takes a segment's place, None for itself, and the words for what it held."""
    marker = segment.marker
    if marker == markers.JUNK:
        return b"", {"other"}
    if marker == markers.COM:
        return b"", {"comment"}
    if marker not in markers.APPLICATION:
        return None, set()
    body = data[segment.body : segment.end]
    if marker == markers.APP0 and body.startswith(markers.JFIF):
        if len(body) <= markers.JFIF_BYTES:
            return None, set()
        return b"\xff\xe0\0\x10" + body[: markers.JFIF_BYTES - 2] + b"\0\0", {"thumbnail"}
    if (marker, body[:12]) == (markers.APP2, markers.ICC) or (
        marker == markers.APP14 and body.startswith(markers.ADOBE)
    ):
        return None, set()
    return b"", _words(marker, body)


def _words(marker: int, body: bytes) -> set[str]:
    """Return the words for an application segment that is removed, and for what it holds."""
    if marker == markers.APP1 and body.startswith(markers.EXIF):
        return exif.words(body[6:])
    if marker == markers.APP1 and body.startswith(markers.XMP):
        return {"xmp"} | xmp.blank_location(bytearray(body[len(markers.XMP) :]))
    if marker == markers.APP1 and body.startswith(markers.EXTENDED_XMP):
        return {"xmp"}
    if marker == markers.APP13 and body.startswith(markers.PHOTOSHOP):
        resources = bytearray(body[len(markers.PHOTOSHOP) :])
        return {"iptc"} | iptc.blank_resources(resources, exif.blank_location)
    return {"thumbnail"} if body.startswith(markers.JFXX) else {"other"}


def _least_exif(data: bytes, segment: Segment, found: set[str]) -> tuple[bytes | None, set[str]]:
    """Return the EXIF that only keeps the orientation; None if that is what the segment has."""
    body = data[segment.body : segment.end]
    orientation = exif.orientation(body[6:])
    if orientation == 1:
        return b"", found
    least = markers.EXIF_START + exif.minimal(orientation)
    if body == least:
        return None, set()
    return b"\xff\xe1" + (2 + len(least)).to_bytes(2, "big") + least, found


def _joined(data: bytes, parts: list[bytes | Range]) -> bytes:
    view = memoryview(data)
    pieces = (view[part[0] : part[1]] if isinstance(part, tuple) else part for part in parts)
    return b"".join(pieces)

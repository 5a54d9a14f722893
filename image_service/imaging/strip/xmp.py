"""Where a picture was taken, in XMP packets: blanked in place, so that no length changes.

Sources: ISO 16684-1 (XMP in RDF/XML), the IPTC Photo Metadata Standard. Properties are told by
their local names alone, so that no choice of prefixes hides one.
"""

from __future__ import annotations

import re

from .parts import blank, mentions_place

_PLACES = frozenset(
    (b"city", b"state", b"country", b"countrycode", b"countryname", b"provincestate",
     b"sublocation", b"worldregion")
)  # fmt: skip
_COORDINATES = (b"latitude", b"longitude", b"longtitude", b"altitude")  # DJI spells one so
_SIGNS = (b"gps", b"location", b"city", b"state", b"country", b"worldregion", *_COORDINATES)
_EMPTY = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
_MAX_TAGS = 10_000
# One match each, at a given place, and none is tried twice: both take linear time.
_NAME = re.compile(rb"[^\s<>/=\"'&]+")
_ATTRIBUTE = re.compile(rb"\s+([^\s<>/=\"'&]+)\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')")
_TAG_END = re.compile(rb"\s*(/?)>")
_SKIPPED = ((b"<!--", b"-->"), (b"<?", b"?>"), (b"<![CDATA[", b"]]>"))

_Found = tuple[int, int, str]  # start, end and word of a property
_NOTHING: _Found = (0, 0, "")


class _NotXml(Exception):
    """Raised when a packet is no XML that can be followed."""


def blank_location(packet: bytearray) -> set[str]:
    """Overwrite what tells the place with spaces; return "gps", "place", or "xmp" for all of it.

    All of a packet goes when it is not UTF-8, or when it mentions a place where none is expected.
    """
    text = bytes(packet)
    if not text.strip(b"\0 \t\r\n"):
        return set()
    if not _is_plain(text):
        return blank_whole(packet)
    lower = text.lower()
    if not any(sign in lower for sign in _SIGNS):
        return set()
    try:
        found = _places(text)
    except _NotXml:
        return blank_whole(packet)
    for start, end, _ in found:
        blank(packet, start, end, b" ")
    if mentions_place(packet) or b"Location" in packet:
        return blank_whole(packet)
    return {word for _, _, word in found}


def blank_whole(packet: bytearray) -> set[str]:
    """Overwrite a whole packet with an empty one; return {"xmp"}, or nothing if it was that."""
    empty = _EMPTY if len(packet) >= len(_EMPTY) else b""
    empty = empty.ljust(len(packet))
    if packet == empty:
        return set()
    packet[:] = empty
    return {"xmp"}


def _is_plain(text: bytes) -> bool:
    """Tell whether text is UTF-8 without declarations that could make up further text."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in text.rstrip(b"\0") and b"<!DOCTYPE" not in text and b"<!ENTITY" not in text


def _places(text: bytes) -> list[_Found]:
    """Return each property that tells a place, the outermost ones. Raises: _NotXml."""
    found: list[_Found] = []
    position = depth = 0
    outer, outer_depth = _NOTHING, 0  # the open property that tells one, if it has a word
    for _ in range(_MAX_TAGS):
        start = text.find(b"<", position)
        if start < 0 and not depth:
            return found
        if start < 0:
            break
        position = _behind_skipped(text, start)
        if position:
            continue
        change, position, in_tag = _tag(text, start)
        if not outer[2]:
            found += in_tag[1:] if not in_tag[0][2] else ()
            outer, outer_depth = in_tag[0], depth
        depth += change
        if depth < 0:
            break
        if outer[2] and depth <= outer_depth:
            found.append((outer[0], position, outer[2]))
            outer = _NOTHING
    raise _NotXml


def _behind_skipped(text: bytes, start: int) -> int:
    """Return where a comment, instruction or CDATA section ends, or 0 if none starts here."""
    for opening, closing in _SKIPPED:
        if text.startswith(opening, start):
            return _behind(text, closing, start + len(opening))
    return 0


def _behind(text: bytes, wanted: bytes, start: int) -> int:
    end = text.find(wanted, start)
    if end < 0:
        raise _NotXml
    return end + len(wanted)


def _tag(text: bytes, start: int) -> tuple[int, int, list[_Found]]:
    """Return how much deeper a tag leads, where it ends, and itself and its attributes as found.

    Of those that tell no place, the word is "".
    """
    if text.startswith(b"</", start):
        return -1, _behind(text, b">", start), [(start, 0, "")]
    name = _NAME.match(text, start + 1)
    if name is None:
        raise _NotXml
    found = [(start, 0, _word(name[0]))]
    position = name.end()
    while attribute := _ATTRIBUTE.match(text, position):
        position = attribute.end()
        word = "" if attribute[1].startswith(b"xmlns") else _word(attribute[1])
        if word:
            found.append((attribute.start(), position, word))
    end = _TAG_END.match(text, position)
    if end is None:
        raise _NotXml
    return (0 if end[1] else 1), end.end(), found


def _word(name: bytes) -> str:
    """Return the word of a property that tells a place, or "" for any other name."""
    local = name.rpartition(b":")[2].lower()
    if local.startswith(b"gps") or any(each in local for each in _COORDINATES):
        return "gps"
    return "place" if local in _PLACES or local.startswith(b"location") else ""

"""Where a picture was taken, in XMP packets: blanked in place, so that no length changes.

Sources: ISO 16684-1 (XMP in RDF/XML), the IPTC Photo Metadata Standard. Properties are told by
their local names alone, so that no choice of prefixes hides one.
"""

from __future__ import annotations

import re

from .parts import blank, mentions_place

_SIGNS = (b"gps", b"location", b"city", b"state", b"country", b"region", b"itude")
_EMPTY = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"/>'
_MAX_PROPERTIES = 1000
# Each starts at a character that names cannot have, so that none is tried twice: linear time.
_CHARACTER = rb"[^\s<>/:=\"'&]"
_PROPERTY = (
    rb"(?:" + _CHARACTER + rb"+:)?(?:(?P<gps>gps" + _CHARACTER + rb"*|"
    + _CHARACTER + rb"*(?:latitude|longt?itude|altitude)" + _CHARACTER + rb"*)|"  # DJI: longtitude
    rb"(?P<place>location" + _CHARACTER + rb"*|city|state|country|countrycode|countryname|"
    rb"provincestate|sublocation|worldregion))"
)  # fmt: skip
_ELEMENT = re.compile(rb"<(?P<name>" + _PROPERTY + rb")(?=[\s/>])", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    rb"\s(?!xmlns[:=])" + _PROPERTY + rb"\s*=\s*(?:\"[^\"<]*\"|'[^'<]*')", re.IGNORECASE
)
_TAG_REST = re.compile(rb"[^<>\"']*(?:(?:\"[^\"<]*\"|'[^'<]*')[^<>\"']*)*>")
_END_TAG_REST = re.compile(rb"\s*>")


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
        words = _blank_elements(packet) | _blank_attributes(packet)
    except _NotXml:
        return blank_whole(packet)
    if mentions_place(packet) or b"Location" in packet:
        return blank_whole(packet)
    return words


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
    return b"\0" not in text.rstrip(b"\0") and b"<!DOCTYPE" not in text


def _blank_elements(packet: bytearray) -> set[str]:
    """Blank the elements that tell a place, with all in them. Raises: _NotXml."""
    words: set[str] = set()
    position = 0
    for _ in range(_MAX_PROPERTIES):
        found = _ELEMENT.search(packet, position)
        if found is None:
            return words
        word, name = _word(found), bytes(found["name"])
        position = _element_end(packet, name, found.end())
        blank(packet, found.start(), position, b" ")
        words.add(word)
    raise _NotXml


def _element_end(packet: bytearray, name: bytes, position: int) -> int:
    """Return where an element ends whose start tag goes on at a position. Raises: _NotXml."""
    tag = _TAG_REST.match(packet, position)
    if tag is None:
        raise _NotXml
    if packet[tag.end() - 2] == ord("/"):
        return tag.end()
    end = packet.find(b"</" + name, tag.end())
    end_tag = _END_TAG_REST.match(packet, end + 2 + len(name))
    if end < 0 or end_tag is None or packet.find(b"<" + name, tag.end(), end) >= 0:
        raise _NotXml
    return end_tag.end()


def _blank_attributes(packet: bytearray) -> set[str]:
    """Blank the attributes that tell a place. Raises: _NotXml."""
    words: set[str] = set()
    position = 0
    for _ in range(_MAX_PROPERTIES):
        found = _ATTRIBUTE.search(packet, position)
        if found is None:
            return words
        position = found.end()
        words.add(_word(found))
        blank(packet, found.start(), position, b" ")
    raise _NotXml


def _word(found: re.Match[bytes]) -> str:
    return "place" if found["gps"] is None else "gps"

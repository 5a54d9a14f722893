"""The few properties of an XMP packet that are told. XMP is XML: read with defusedxml.

It is read as a stream and no further than it has to be, so that a packet of a million tags costs
no memory; entities and document types, which XMP forbids, end the reading (ISO 16684-1).
"""

from __future__ import annotations

from typing import Any, NamedTuple
from xml.sax.handler import ContentHandler

from defusedxml.expatreader import DefusedExpatParser

from .gps import Location, location_from_xmp
from .values import MAX_TEXT, clean_text, unique_texts
from .words import Words

_MAX_PACKET_BYTES = 1024 * 1024
_MAX_ELEMENTS = 10_000
_MAX_DEPTH = 64
_MAX_ATTRIBUTES = 2_000
_MAX_ITEMS = 400
_DC = "http://purl.org/dc/elements/1.1/"
_EXIF = "http://ns.adobe.com/exif/1.0/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_UTF_16 = {
    b"\xff\xfe": "utf-16-le", b"<\0": "utf-16-le",
    b"\xfe\xff": "utf-16-be", b"\0<": "utf-16-be",
}  # fmt: skip
_LANG = ("http://www.w3.org/XML/1998/namespace", "lang")
_DEFAULT_LANG = "x-default"
_RDF_ROOT, _SUBJECT, _ITEM = (_RDF, "RDF"), (_RDF, "Description"), (_RDF, "li")
_GPS = tuple((_EXIF, f"GPS{name}") for name in ("Latitude", "Longitude", "Altitude", "AltitudeRef"))
_TITLE, _TEXT, _CREATOR, _KEYWORDS, _RIGHTS = (
    (_DC, name) for name in ("title", "description", "creator", "subject", "rights")
)
_WANTED = frozenset((*_GPS, _TITLE, _TEXT, _CREATOR, _KEYWORDS, _RIGHTS))

_Name = tuple[str, str]


class Xmp(NamedTuple):
    """What a packet tells."""

    words: Words = Words()
    location: Location | None = None


def read_xmp(packet: bytes) -> Xmp:
    """Return what packet tells. Raises, whatever XML parsers raise, if it is not good XML."""
    text = _decoded(packet) if len(packet) <= _MAX_PACKET_BYTES else ""
    if _DC not in text and _EXIF not in text:
        return Xmp()  # as most packets that cameras write
    if text.count("=") > _MAX_ATTRIBUTES and any(
        part.partition(">")[0].count("=") > _MAX_ATTRIBUTES for part in text.split("<")
    ):
        return Xmp()  # expat takes 2 microseconds for each of a tag's attributes, in one go
    properties = _parse(text)
    return Xmp(
        Words(
            title=_in_default_language(properties.get(_TITLE)),
            description=_in_default_language(properties.get(_TEXT)),
            creator=_list(properties.get(_CREATOR)),
            keywords=_list(properties.get(_KEYWORDS)),
            rights=_in_default_language(properties.get(_RIGHTS)),
        ),
        location_from_xmp(*(_in_default_language(properties.get(name)) for name in _GPS)),
    )


def _decoded(packet: bytes) -> str:
    # Text is parsed whatever encoding its declaration claims: what its first bytes show is true.
    codec = _UTF_16.get(packet[:2], "utf-8")
    return packet.decode(codec).strip("\ufeff\0 \t\r\n")


_Properties = dict[_Name, list[tuple[str, str]]]


def _parse(text: str) -> _Properties:
    collector = _Collector()
    parser = DefusedExpatParser(namespaceHandling=1, forbid_dtd=True)
    parser.setContentHandler(collector)
    try:
        parser.feed(text)
        parser.close()
    except _EnoughError:
        pass
    return collector.found


def _in_default_language(items: list[tuple[str, str]] | None) -> str | None:
    if not items:
        return None
    return clean_text(next((text for lang, text in items if lang == _DEFAULT_LANG), items[0][1]))


def _list(items: list[tuple[str, str]] | None) -> list[str]:
    return unique_texts(clean_text(text) for _, text in items or ())


class _EnoughError(Exception):
    """The packet is larger or deeper than any that means well; what was found so far counts."""


class _Collector(ContentHandler):
    """Collects the wanted properties: attributes or elements of an rdf:Description.

    A property's value is its text, or that of each rdf:li in it, with its language.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: _Properties = {}
        self._path: list[_Name] = []
        self._elements = 0
        self._property: _Name | None = None
        self._depth = 0
        self._lang = ""
        self._text: list[str] = []

    def startElementNS(self, name: Any, qname: Any, attrs: Any) -> None:  # noqa: ARG002, N802
        self._elements += 1
        path = self._path
        if self._elements > _MAX_ELEMENTS or len(path) >= _MAX_DEPTH:
            raise _EnoughError
        if name == _SUBJECT and path and path[-1] == _RDF_ROOT:
            for key in _WANTED.intersection(attrs.keys()):
                self._keep(key, "", attrs[key])
        elif name in _WANTED and path[-2:] == [_RDF_ROOT, _SUBJECT]:
            self._property, self._depth, self._text = name, len(path), []
        elif name == _ITEM and self._property and len(path) == self._depth + 2:
            self._lang, self._text = attrs.get(_LANG, ""), []
        path.append(name)

    def characters(self, content: str) -> None:
        if self._property and len(self._text) <= MAX_TEXT:
            self._text.append(content[: 2 * MAX_TEXT])

    def endElementNS(self, name: Any, qname: Any) -> None:  # noqa: ARG002, N802
        self._path.pop()
        if not self._property:
            return
        if name == _ITEM and len(self._path) == self._depth + 2:
            self._keep(self._property, self._lang, "".join(self._text))
        elif len(self._path) == self._depth:
            if self._property not in self.found:
                self._keep(self._property, "", "".join(self._text))
            self._property = None

    def _keep(self, name: _Name, lang: str, text: str) -> None:
        items = self.found.setdefault(name, [])
        if text.strip() and len(items) < _MAX_ITEMS:
            items.append((lang, text))

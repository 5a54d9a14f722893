"""Makers of metadata, byte by byte, for the other tests; and that they make it well."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from PIL import ExifTags, Image

from image_service.domain.description import Description
from image_service.domain.formats import Format, sniff
from image_service.imaging import decoders
from image_service.imaging.metadata import describe
from image_service.testing import jpeg, png

BYTE, ASCII, SHORT, LONG, RATIONAL, SBYTE, UNDEFINED, SSHORT, SLONG, SRATIONAL = range(1, 11)
FLOAT, DOUBLE, UTF8 = 11, 12, 129
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d"}
EXIF_IFD, GPS_IFD = 0x8769, 0x8825

Tag = tuple[int, int, Any]  # number, type, and bytes, one number, numbers, or pairs of numbers


def _packed(kind: int, value: Any, order: str) -> bytes:
    if isinstance(value, bytes):
        return value
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if kind in (RATIONAL, SRATIONAL):
        pairs = [values] if values and not isinstance(values[0], (list, tuple)) else values
        flat = [part for pair in pairs for part in pair]
        return struct.pack(f"{order}{len(flat)}{'I' if kind == RATIONAL else 'i'}", *flat)
    return struct.pack(f"{order}{len(values)}{_CODES[kind]}", *values)


def _directory(tags: Sequence[Tag], order: str, start: int) -> bytes:
    entries, heap = struct.pack(order + "H", len(tags)), b""
    heap_start = start + 2 + 12 * len(tags) + 4
    for number, kind, value in tags:
        raw = _packed(kind, value, order)
        entries += struct.pack(order + "HHI", number, kind, len(raw) // _SIZES[kind])
        if len(raw) <= 4:
            entries += raw.ljust(4, b"\0")
        else:
            entries += struct.pack(order + "I", heap_start + len(heap))
            heap += raw
    return entries + b"\0\0\0\0" + heap


def exif(
    ifd0: Iterable[Tag] = (),
    exif_ifd: Iterable[Tag] = (),
    gps: Iterable[Tag] = (),
    *,
    order: str = "<",
) -> bytes:
    """Return an EXIF block with these directories. order: "<" or ">"."""
    first = list(ifd0)
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    second, third = list(exif_ifd), list(gps)
    pointers = [(EXIF_IFD, LONG, 0)] * bool(second) + [(GPS_IFD, LONG, 0)] * bool(third)
    start = 8 + len(_directory([*first, *pointers], order, 8))
    linked = []
    more = b""
    for number, tags in ((EXIF_IFD, second), (GPS_IFD, third)):
        if tags:
            linked.append((number, LONG, start + len(more)))
            more += _directory(tags, order, start + len(more))
    return block + _directory([*first, *linked], order, 8) + more


def segment(marker: int, body: bytes) -> bytes:
    """Return a JPEG segment."""
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


def jpeg_with(*segments: bytes, data: bytes | None = None) -> bytes:
    """Return a small JPEG with segments behind its first marker."""
    plain = data or jpeg((8, 8))
    return plain[:2] + b"".join(segments) + plain[2:]


def jpeg_with_exif(block: bytes) -> bytes:
    """Return a small JPEG with an EXIF block."""
    return jpeg_with(segment(0xE1, b"Exif\0\0" + block))


def xmp(body: str, *, attributes: str = "") -> bytes:
    """Return an XMP packet with one rdf:Description."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        f' xmlns:exif="http://ns.adobe.com/exif/1.0/" {attributes}>{body}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def jpeg_with_xmp(packet: bytes) -> bytes:
    """Return a small JPEG with an XMP packet."""
    return jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet))


def iptc(*datasets: tuple[int, int, bytes]) -> bytes:
    """Return an IIM record of (record, dataset, value)."""
    return b"".join(
        bytes((0x1C, record, dataset)) + len(value).to_bytes(2, "big") + value
        for record, dataset, value in datasets
    )


def photoshop(record: bytes) -> bytes:
    """Return a JPEG segment with an IIM record in a Photoshop resource."""
    resource = b"8BIM\x04\x04\0\0" + len(record).to_bytes(4, "big") + record
    return segment(0xED, b"Photoshop 3.0\0" + resource + b"\0" * (len(record) % 2))


def chunk(kind: bytes, body: bytes) -> bytes:
    """Return a PNG chunk."""
    return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")


def png_with(*chunks: bytes, late: Iterable[bytes] = ()) -> bytes:
    """Return a small PNG with chunks before its pixels, and late ones behind them."""
    plain = png((8, 8))
    return plain[:33] + b"".join(chunks) + plain[33:-12] + b"".join(late) + plain[-12:]


def told(data: bytes) -> Description:
    """Return what describe() tells of a whole file, after a look that it can be JSON."""
    format_ = sniff(data)
    assert format_
    decoders.load()
    with decoders.opened(data, format_) as picture:
        found = describe(picture, format_, data)
    text = json.dumps(vars(found), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text
    text.encode("utf-8")  # no lone surrogates
    assert len(json.dumps(found.exif)) <= 32 * 1024
    assert len(found.exif) <= 150
    return found


@pytest.mark.parametrize("order", ["<", ">"])
def test_pillow_reads_the_made_exif_as_it_was_meant(order: str) -> None:
    block = exif(
        [(0x010F, ASCII, b"Canon\0"), (0x0112, SHORT, 6)],
        [(0x829A, RATIONAL, (1, 60)), (0xA434, ASCII, b"EF 50mm f/1.8\0")],
        [(1, ASCII, b"N\0"), (2, RATIONAL, [(52, 1), (30, 1), (0, 1)])],
        order=order,
    )
    with Image.open(io.BytesIO(jpeg_with_exif(block))) as picture:
        found = picture.getexif()
        assert dict(found.items()).items() >= {0x010F: "Canon", 0x0112: 6}.items()
        inner = found.get_ifd(ExifTags.IFD.Exif)
        assert (float(inner[0x829A]), inner[0xA434]) == (1 / 60, "EF 50mm f/1.8")
        assert found.get_ifd(ExifTags.IFD.GPSInfo) == {1: "N", 2: (52.0, 30.0, 0.0)}


def test_pillow_reads_the_made_chunks_and_segments_as_they_were_meant() -> None:
    record = iptc((2, 5, b"Title"))
    with Image.open(io.BytesIO(jpeg_with(photoshop(record), segment(0xFE, b"Hi")))) as picture:
        assert (picture.info["photoshop"], picture.info["comment"]) == ({0x0404: record}, b"Hi")
    with Image.open(io.BytesIO(png_with(chunk(b"tEXt", b"Title\0Sunset")))) as picture:
        assert picture.info["Title"] == "Sunset"


@pytest.mark.parametrize("format_", Format)
def test_a_picture_without_metadata_tells_nothing(format_: Format) -> None:
    from image_service.testing import make

    found = told(make(format_))
    if format_ is Format.TIFF:
        assert found.exif["ImageWidth"] == 64
    else:
        assert found.exif == {}
    assert (found.location, found.orientation, found.creator, found.keywords) == (None, 1, [], [])
    assert {found.title, found.description, found.rights, found.comment} == {None}
    assert (found.icc_profile, found.loop_count, found.bit_depth) == (None, None, 8)

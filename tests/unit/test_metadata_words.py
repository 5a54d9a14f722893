"""Titles, descriptions, names and keywords, wherever people's programs wrote them."""

from __future__ import annotations

import io
import json
import zlib
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from image_service.domain.description import Description
from image_service.imaging.metadata.png import late_texts
from image_service.testing import avif, gif, png, tiff, webp
from image_service.testing.pictures import draw
from tests.unit.test_metadata_makers import (
    ASCII,
    BYTE,
    UNDEFINED,
    chunk,
    exif,
    iptc,
    jpeg_with,
    jpeg_with_exif,
    jpeg_with_xmp,
    photoshop,
    png_with,
    segment,
    told,
    xmp,
)

XMP_BODY = """
<dc:title><rdf:Alt><rdf:li xml:lang="de">Abend</rdf:li>
<rdf:li xml:lang="x-default">Evening</rdf:li></rdf:Alt></dc:title>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default"> By the lake </rdf:li></rdf:Alt></dc:description>
<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>
<dc:subject><rdf:Bag><rdf:li>lake</rdf:li><rdf:li>sun</rdf:li><rdf:li>lake</rdf:li></rdf:Bag></dc:subject>
<dc:rights><rdf:Alt><rdf:li xml:lang="x-default">© Ann</rdf:li></rdf:Alt></dc:rights>
"""  # noqa: E501
IPTC = iptc(
    (1, 90, b"\x1b%G"), (2, 5, "Überschrift".encode()), (2, 120, b"Caption"), (2, 80, b"Cleo"),
    (2, 80, b"Dan"), (2, 25, b"press"), (2, 25, b"politics"), (2, 116, b"(c) Agency"),
)  # fmt: skip
EXIF = exif(
    [
        (0x010E, ASCII, b"From the camera\0"), (0x013B, ASCII, b"Eve; Finn;Eve\0"),
        (0x8298, ASCII, b"Eve 2020\0"), (0x9C9B, BYTE, "Titel\0".encode("utf-16-le")),
        (0x9C9E, BYTE, "eins;zwei; ;eins\0".encode("utf-16-le")),
    ],
    [(0x9286, UNDEFINED, b"ASCII\0\0\0Nice")],
)  # fmt: skip


def words(found: Description) -> tuple[Any, ...]:
    return found.title, found.description, found.creator, found.keywords, found.rights


OF_XMP = ("Evening", "By the lake", ["Ann", "Bob"], ["lake", "sun"], "© Ann")
OF_IPTC = ("Überschrift", "Caption", ["Cleo", "Dan"], ["press", "politics"], "(c) Agency")
OF_EXIF = ("Titel", "From the camera", ["Eve", "Finn"], ["eins", "zwei"], "Eve 2020")
_XMP_SEGMENT = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(XMP_BODY))
_EXIF_SEGMENT = segment(0xE1, b"Exif\0\0" + EXIF)


@pytest.mark.parametrize(
    ("segments", "expected"),
    [
        ([_XMP_SEGMENT], OF_XMP),
        ([photoshop(IPTC)], OF_IPTC),
        ([_EXIF_SEGMENT], OF_EXIF),
        ([_EXIF_SEGMENT, photoshop(IPTC), _XMP_SEGMENT], OF_XMP),
        ([_EXIF_SEGMENT, photoshop(IPTC)], OF_IPTC),
        ([_EXIF_SEGMENT, photoshop(iptc((2, 5, b"Only this")))], ("Only this", *OF_EXIF[1:])),
    ],
    ids=["xmp", "iptc", "exif", "all", "iptc over exif", "one word of iptc"],
)
def test_xmp_counts_before_iptc_and_iptc_before_exif(
    segments: list[bytes], expected: tuple[Any, ...]
) -> None:
    assert words(told(jpeg_with(*segments))) == expected


@pytest.mark.parametrize("maker", [png, webp, avif, tiff], ids=lambda maker: maker.__name__)
def test_every_format_that_holds_xmp_tells_it(maker: Any) -> None:
    options = {"xmp": xmp(XMP_BODY)}
    if maker is png:
        text = PngImagePlugin.PngInfo()
        text.add_itxt("XML:com.adobe.xmp", xmp(XMP_BODY).decode())
        options = {"pnginfo": text}
    elif maker is tiff:
        options = {"tiffinfo": {700: xmp(XMP_BODY)}}
    assert words(told(maker((8, 8), **options))) == OF_XMP


def test_a_gif_tells_its_xmp() -> None:
    trailer = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    block = b"!\xff\x0bXMP DataXMP" + xmp(XMP_BODY) + trailer
    plain = gif((8, 8))
    start = 13 + (3 << (plain[10] & 7) + 1)
    assert words(told(plain[:start] + block + plain[start:])) == OF_XMP


def test_a_tiff_tells_its_iptc() -> None:
    assert words(told(tiff((8, 8), tiffinfo={33723: IPTC}))) == OF_IPTC


def test_namespaces_count_and_not_their_prefixes() -> None:
    packet = xmp(XMP_BODY)
    for prefix in (b"dc", b"rdf"):
        packet = packet.replace(prefix + b":", b"f" + prefix + b":")
        packet = packet.replace(b"xmlns:" + prefix, b"xmlns:f" + prefix)
    assert words(told(jpeg_with_xmp(packet))) == OF_XMP
    other = xmp(XMP_BODY).replace(b"http://purl.org/dc/elements/1.1/", b"http://example.org/")
    assert told(jpeg_with_xmp(other)).title is None


@pytest.mark.parametrize(
    ("body", "attributes", "title"),
    [
        ("<dc:title>plain</dc:title>", "", "plain"),
        ("", 'dc:title="as attribute"', "as attribute"),
        ("<dc:title><rdf:Alt><rdf:li xml:lang='fr'>Soir</rdf:li></rdf:Alt></dc:title>", "", "Soir"),
        ("<dc:title><rdf:Alt><rdf:li>a &lt;b&gt; &#233;</rdf:li></rdf:Alt></dc:title>", "",
         "a <b> é"),
        ("<dc:title><rdf:Alt><rdf:li>  </rdf:li></rdf:Alt></dc:title>", "", None),
        ("<dc:title/>", "", None),
        ("<dc:other><rdf:Description><dc:title>deep</dc:title></rdf:Description></dc:other>", "",
         None),
        ("<dc:title>" + "é" * 5000 + "</dc:title>", "", "é" * 2000),
    ],
)  # fmt: skip
def test_an_xmp_property_is_text_or_one_of_several_languages(
    body: str, attributes: str, title: str | None
) -> None:
    assert told(jpeg_with_xmp(xmp(body, attributes=attributes))).title == title


@pytest.mark.parametrize(
    "packet",
    [
        xmp(XMP_BODY) + b"\0" * 100,
        b"\n  " + xmp(XMP_BODY),
        b"\xef\xbb\xbf" + xmp(XMP_BODY),
        xmp(XMP_BODY).decode().encode("utf-16"),
        xmp(XMP_BODY).decode().encode("utf-16-le"),
        xmp(XMP_BODY).decode().encode("utf-16-be"),
        b'<?xml version="1.0" encoding="koi8-r"?>' + xmp(XMP_BODY),
    ],
    ids=["padded", "indented", "BOM", "UTF-16", "UTF-16LE", "UTF-16BE", "wrong declaration"],
)
def test_a_packet_may_be_written_oddly(packet: bytes) -> None:
    assert words(told(jpeg_with_xmp(packet))) == OF_XMP


@pytest.mark.parametrize(
    "packet",
    [
        xmp(XMP_BODY)[:-60],
        xmp(XMP_BODY).replace(b"Evening", b"\xff\xfe"),
        xmp(XMP_BODY).replace(b"Evening", b"&unknown;"),
        xmp(XMP_BODY).replace(b"Evening", b"&#0;"),
        xmp(XMP_BODY).replace(b"</dc:title>", b""),
        b"<!DOCTYPE x>" + xmp(XMP_BODY),
        b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
        + xmp(XMP_BODY).replace(b"Evening", b"&a;"),
        b"not XML: http://purl.org/dc/elements/1.1/",
        b"",
    ],
    ids=["cut", "not UTF-8", "unknown entity", "NUL", "not closed", "DTD", "file", "text", "none"],
)
def test_a_broken_packet_tells_nothing(packet: bytes) -> None:
    assert words(told(jpeg_with_xmp(packet))) == (None, None, [], [], None)


def test_keywords_are_at_most_200_and_unique_and_bounded() -> None:
    items = "".join(f"<rdf:li>k{n % 300}</rdf:li>" for n in range(350))
    found = told(png_with_xmp(f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>")).keywords
    assert found == [f"k{n}" for n in range(200)]
    items = "".join(f"<rdf:li>{n:04}{'é' * 1996}</rdf:li>" for n in range(100))
    found = told(png_with_xmp(f"<dc:subject><rdf:Bag>{items}</rdf:Bag></dc:subject>")).keywords
    assert [len(each) for each in found] == [2000, 2000]
    assert len(json.dumps(found)) <= 32 * 1024


def png_with_xmp(body: str) -> bytes:
    return png_with(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(body)))


@pytest.mark.parametrize(
    ("charset", "value", "expected"),
    [
        (b"\x1b%G", "Grüße".encode(), "Grüße"),
        (b"\x1b%G", "Grüße".encode("latin-1"), "Grüße"),
        (b"\x1b.A", "Ã¼".encode("latin-1"), "Ã¼"),
        (None, "Grüße".encode("latin-1"), "Grüße"),
        (None, "Grüße".encode(), "Grüße"),
        (None, b"  \0\0", None),
    ],
)
def test_iptcs_characters_are_of_the_set_that_it_names(
    charset: bytes | None, value: bytes, expected: str | None
) -> None:
    named = [(1, 90, charset)] if charset else []
    assert told(jpeg_with(photoshop(iptc(*named, (2, 5, value))))).title == expected


@pytest.mark.parametrize(
    "record",
    [
        b"\x1c", b"\x1c\2\5", b"\x1c\2\5\xff\xff", b"\x1c\2\5\x80\xff" + b"\1" * 300,
        b"\x1c\2\5\x80\4\xff\xff\xff\xff" + b"x" * 90, b"\0" * 100, b"garbage",
    ],
)  # fmt: skip
def test_a_broken_iptc_record_tells_what_was_before(record: bytes) -> None:
    assert told(jpeg_with(photoshop(record))).title is None
    assert told(jpeg_with(photoshop(iptc((2, 5, b"Before")) + record))).title == "Before"


def test_a_long_iptc_text_has_its_size_in_more_bytes() -> None:
    record = b"\x1c\2\x78\x80\4\0\0\0\5Hello" + iptc((2, 5, b"Title"))
    found = told(jpeg_with(photoshop(record)))
    assert (found.title, found.description) == ("Title", "Hello")


TEXTS = {
    "Title": "Sunset", "Description": "By the sea", "Author": "Gil", "Copyright": "Gil 2021",
    "Comment": "Made with love",
}  # fmt: skip
OF_PNG = ("Sunset", "By the sea", ["Gil"], [], "Gil 2021")
_PLAIN = {key: f"{key}\0{text}".encode() for key, text in TEXTS.items()}


@pytest.mark.parametrize(
    "chunks",
    [
        [chunk(b"tEXt", text) for text in _PLAIN.values()],
        [chunk(b"zTXt", f"{k}\0\0".encode() + zlib.compress(v.encode())) for k, v in TEXTS.items()],
        [chunk(b"iTXt", f"{k}\0\0\0en\0\0{v}".encode()) for k, v in TEXTS.items()],
        [
            chunk(b"iTXt", f"{k}\0\1\0\0\0".encode() + zlib.compress(v.encode()))
            for k, v in TEXTS.items()
        ],
    ],
    ids=["tEXt", "zTXt", "iTXt", "compressed iTXt"],
)
@pytest.mark.parametrize("late", [False, True], ids=["before the pixels", "behind the pixels"])
def test_a_pngs_texts_are_told_wherever_they_are(chunks: list[bytes], late: bool) -> None:
    found = told(png_with(late=chunks) if late else png_with(*chunks))
    assert (words(found), found.comment) == (OF_PNG, "Made with love")


def test_a_pngs_texts_count_behind_exif_and_late_ones_behind_early_ones() -> None:
    early, late = chunk(b"tEXt", b"Title\0Early"), chunk(b"tEXt", b"Title\0Late")
    assert told(png_with(early, late=[late])).title == "Early"
    assert told(png_with(early, chunk(b"eXIf", EXIF))).title == "Titel"
    late_xmp = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(XMP_BODY))
    assert words(told(png_with(early, late=[late_xmp]))) == OF_XMP


def test_a_late_text_that_cannot_be_read_tells_nothing() -> None:
    bad = [
        chunk(b"zTXt", b"Title\0\0garbage"),
        chunk(b"iTXt", b"Author\0"),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * 10_000_000)),
    ]
    found = told(png_with(late=[*bad, chunk(b"tEXt", b"Copyright\0Good")]))
    assert (found.title, found.creator, found.rights) == (None, [], "Good")
    assert found.comment == "x" * 2000
    assert len(late_texts(png_with(late=bad))["Comment"]) == 256 * 1024


@pytest.mark.parametrize("name", ["exif", "APP1"])
def test_what_imagemagick_wrote_as_digits_is_read(name: str) -> None:
    digits = (b"Exif\0\0" + EXIF).hex()
    raw = f"Raw profile type {name}\0\n{name}\n{len(digits) // 2:8}\n{digits}\n".encode()
    assert words(told(png_with(chunk(b"tEXt", raw)))) == OF_EXIF
    record = b"8BIM\x04\x04\0\0" + len(IPTC).to_bytes(4, "big") + IPTC
    raw = f"Raw profile type iptc\0\niptc\n{len(record):8}\n{record.hex()}\n".encode()
    assert words(told(png_with(chunk(b"tEXt", raw)))) == OF_IPTC
    assert told(png_with(chunk(b"tEXt", b"Raw profile type exif\0\nexif\n 9\nxyz"))).exif == {}


def test_a_comment_is_the_formats_own_or_exifs() -> None:
    assert told(jpeg_with(_EXIF_SEGMENT)).comment == "Nice"
    assert told(jpeg_with(_EXIF_SEGMENT, segment(0xFE, b"Own\0"))).comment == "Own"
    assert told(jpeg_with(segment(0xFE, "Größe".encode("latin-1")))).comment == "Größe"
    assert told(jpeg_with(segment(0xFE, b"  \0"))).comment is None
    assert told(gif((8, 8), comment=b"From a GIF")).comment == "From a GIF"
    assert told(png_with(chunk(b"tEXt", b"Comment\0Own"), chunk(b"eXIf", EXIF))).comment == "Own"
    assert told(png_with(chunk(b"eXIf", EXIF))).comment == "Nice"


@pytest.mark.parametrize("raw", [b"OLYMPUS DIGITAL CAMERA         \0", b"\0", b"      \0", b"  "])
def test_a_description_counts_unless_it_is_blank(raw: bytes) -> None:
    found = told(jpeg_with_exif(exif([(0x010E, ASCII, raw)])))
    assert found.description == ("OLYMPUS DIGITAL CAMERA" if raw[0] == ord("O") else None)


def test_a_png_text_cannot_pass_for_something_else() -> None:
    keys = ("exif", "xmp", "dpi", "icc_profile", "photoshop", "comment", "loop", "jfif_unit")
    found = told(png_with(*(chunk(b"tEXt", key.encode() + b"\0nonsense") for key in keys)))
    assert (found.exif, found.dpi, found.icc_profile, found.loop_count) == ({}, None, None, None)
    found = told(png_with(*(chunk(b"iTXt", key.encode() + b"\0\0\0\0\0nonsense") for key in keys)))
    assert (found.exif, found.dpi, found.icc_profile, found.comment) == ({}, None, None, "nonsense")


def test_pillows_own_text_is_read() -> None:
    buffer, text = io.BytesIO(), PngImagePlugin.PngInfo()
    text.add_itxt("Title", "写真")
    draw((8, 8)).save(buffer, "PNG", pnginfo=text)
    assert told(buffer.getvalue()).title == "写真"
    with Image.open(buffer) as picture:
        assert picture.info["Title"] == "写真"

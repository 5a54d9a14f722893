"""What bytes and names are taken for."""

from __future__ import annotations

import contextlib
import gzip
import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.filename import (
    MAX_FILENAME_CHARACTERS,
    check_extension,
    check_filename,
    extension_of,
    fold,
)
from image_service.domain.formats import (
    EXTENSIONS,
    OPTIONAL,
    OTHER_PICTURE_EXTENSIONS,
    Format,
    describe_unsupported,
    sniff,
)
from image_service.errors import InvalidFilename, TypeMismatch
from image_service.testing import avif, gif, make, png


def zip_file() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.txt", "a")
    return buffer.getvalue()


def media_box(major: bytes, *others: bytes) -> bytes:
    brands = major + b"\0\0\0\0" + b"".join(others)
    return (8 + len(brands)).to_bytes(4, "big") + b"ftyp" + brands


@pytest.mark.parametrize("format_", Format)
def test_every_made_picture_is_recognised(format_: Format) -> None:
    assert sniff(make(format_)) is format_


@pytest.mark.parametrize(
    ("head", "format_"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", Format.JPEG),
        (b"\xff\xd8\xff\xdb", Format.JPEG),
        (b"GIF87a", Format.GIF),
        (b"RIFF\0\0\0\0WEBPVP8X", Format.WEBP),
        (b"II*\0", Format.TIFF),
        (b"MM\0*", Format.TIFF),
        (b"II+\0\x08\0\0\0", Format.TIFF),
        (media_box(b"avif", b"mif1"), Format.AVIF),
        (media_box(b"avis", b"msf1"), Format.AVIF),
        (media_box(b"mif1", b"heic", b"avif"), Format.AVIF),
        (media_box(b"heic", b"mif1"), Format.HEIC),
        (media_box(b"mif1", b"heic"), Format.HEIC),
        (media_box(b"MiHB", b"mif1", b"heix"), Format.HEIC),
        (b"BM" + bytes(12) + (40).to_bytes(4, "little"), Format.BMP),
        (b"BM" + bytes(12) + (12).to_bytes(4, "little"), Format.BMP),
    ],
)
def test_the_first_bytes_decide(head: bytes, format_: Format) -> None:
    assert sniff(head) is format_


def test_animations_are_the_format_they_are() -> None:
    assert sniff(avif(frames=2)) is Format.AVIF
    assert sniff(png(frames=2)) is Format.PNG
    assert sniff(gif(frames=2)) is Format.GIF


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
UNSUPPORTED = [
    (SVG, "SVG"),
    (b"\xef\xbb\xbf\n<?xml version='1.0'?>\n<!-- c --><!DOCTYPE svg><SVG>", "SVG"),
    (b"<?xml version='1.0'?><!-- <html> -->" + SVG, "SVG"),
    (b"<?xml version='1.0'?><note/>", "XML"),
    (b"<!DOCTYPE html><p>", "HTML"),
    (b"\n  <HTML><svg>", "HTML"),
    (b"<script>alert(1)</script>", "HTML"),
    (b"%PDF-1.7", "PDF"),
    (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS or PostScript"),
    (b"\xc5\xd0\xd3\xc6\x1e\0\0\0", "EPS or PostScript"),
    (zip_file(), "ZIP (or a document made of it)"),
    (gzip.compress(SVG), "gzip"),
    (b"8BPS\0\1", "a Photoshop document (PSD)"),
    (media_box(b"hevc", b"msf1"), "a HEIC sequence"),
    (media_box(b"mif1", b"jpeg"), "HEIF of an unknown codec"),
    (media_box(b"isom", b"mp42"), "an MP4 or QuickTime video"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (b"\xff\x0a\0\0", "JPEG XL"),
    (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (b"#!/bin/sh\n", "a script"),
    (b"\x7fELF\2\1\1\0", "a program (ELF)"),
    (b"MZ\x90\0", "a Windows program"),
    (b"just some words", "text"),
    ("schöne Grüße".encode(), "text"),
    (("ü" * 5000).encode(), "text"),
    (b"x" + ("ü" * 5000).encode(), "text"),
    (b"B", "text"),
    (b"BM a text of two letters and more", "text"),
    (bytes(100), "of an unknown type"),
    (b"\xff\xd8", "of an unknown type"),
    (b"\x89PNG", "of an unknown type"),
    (b"\x80\x81\x82\x83\x84\x85\x86", "of an unknown type"),
]


@pytest.mark.parametrize(("data", "what"), UNSUPPORTED, ids=lambda v: repr(v)[:40])
def test_what_is_not_accepted_is_named(data: bytes, what: str) -> None:
    assert sniff(data) is None
    assert describe_unsupported(data) == what


def test_nothing_at_all_is_no_format() -> None:
    assert sniff(b"") is None
    assert isinstance(describe_unsupported(b""), str)


@given(st.binary(max_size=200))
def test_any_bytes_are_looked_at_without_an_error(data: bytes) -> None:
    assert sniff(data) is None or isinstance(sniff(data), Format)
    assert describe_unsupported(data)


@given(st.sampled_from([b"<!--", b"<?xml", b"-->", b"?>", b" ", b"<!", b"<svg"]), st.data())
def test_hostile_markup_is_looked_at_without_an_error(piece: bytes, data: st.DataObject) -> None:
    pieces = data.draw(st.lists(st.sampled_from([piece, b"<!--", b"-->", b"<?", b"?>", b"a"])))
    assert describe_unsupported(b"".join(pieces))


def test_hostile_markup_takes_no_time() -> None:
    for data in (b"<!--" * 5000, b"<!-- -->" * 5000, b"<?xml " * 5000, b" " * 50_000):
        assert describe_unsupported(data)


def test_a_format_whose_decoder_may_be_missing_can_be_named() -> None:
    assert {describe_unsupported(make(format_)) for format_ in OPTIONAL} == {"HEIC"}


def test_extensions_and_media_types_agree_with_the_contract() -> None:
    assert [format_.extension for format_ in Format] == [
        "jpg", "png", "gif", "webp", "avif", "tiff", "bmp", "heic",
    ]  # fmt: skip
    assert Format.JPEG.content_type == "image/jpeg"
    assert not EXTENSIONS.keys() & OTHER_PICTURE_EXTENSIONS
    assert {EXTENSIONS[each] for each in ("jpg", "JPEG".lower(), "jpe", "jfif")} == {Format.JPEG}


GOOD_NAMES = [
    "a.jpg",
    "../../etc/passwd",
    "C:\\a\\b.png",
    "Grüße 😀👨‍👩‍👧.png",
    "a\u202fb.jpg",
    "x" * 255,
]


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_a_filename_is_kept_as_it_is(name: str) -> None:
    assert check_filename(name) == name


BAD_NAMES = ["", " ", "\t", "a\nb", "a\0b", "a\x7f", "\ud800.jpg", "x" * 256, None, 5, b"a.jpg", []]


@pytest.mark.parametrize("name", BAD_NAMES, ids=repr)
def test_a_filename_that_could_break_things_is_refused(name: object) -> None:
    with pytest.raises(InvalidFilename) as raised:
        check_filename(name)
    assert raised.value.code == "invalid_filename"
    assert raised.value.details() == {"argument": "filename"}


@given(st.one_of(st.text(max_size=40), st.none(), st.integers(), st.binary(max_size=5)))
def test_checking_a_filename_never_crashes(name: object) -> None:
    try:
        kept = check_filename(name)
    except InvalidFilename:
        return
    assert kept == name
    assert 1 <= len(kept) <= MAX_FILENAME_CHARACTERS
    for format_ in Format:
        with contextlib.suppress(TypeMismatch):
            check_extension(kept, format_)


@pytest.mark.parametrize(
    ("name", "extension"),
    [
        ("a.JPG", "jpg"),
        ("a.tar.gz", "gz"),
        ("a", ""),
        (".png", ""),
        ("a.", ""),
        ("dir.png/a", ""),
        ("dir\\a.gif", "gif"),
        ("a.png ", "png"),
        ("a.png/", "png"),
    ],
)
def test_the_extension_is_what_follows_the_last_dot(name: str, extension: str) -> None:
    assert extension_of(name) == extension


def test_searches_ignore_case_and_ways_of_writing() -> None:
    assert fold("STRASSE") == fold("straße")
    assert fold("e\u0301") == fold("É")
    assert fold("ﬁ") == "fi"

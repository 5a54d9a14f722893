"""EXIF tags as people and programs can use them: names of the standard, numbers, dates, texts."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from image_service.domain.formats import Format
from image_service.imaging.metadata import tags
from image_service.testing import avif, jpeg, png, tiff, webp
from tests.unit.test_metadata_makers import (
    ASCII,
    BYTE,
    DOUBLE,
    FLOAT,
    LONG,
    RATIONAL,
    SHORT,
    SLONG,
    SRATIONAL,
    UNDEFINED,
    UTF8,
    Tag,
    chunk,
    exif,
    jpeg_with_exif,
    png_with,
    told,
)


def exif_of(*exif_ifd: Tag, ifd0: list[Tag] | None = None, order: str = "<") -> dict[str, Any]:
    return told(jpeg_with_exif(exif(ifd0 or (), exif_ifd, order=order))).exif


CAMERA: list[Tag] = [
    (0x829A, RATIONAL, (10, 600)),
    (0x829D, RATIONAL, (28, 10)),
    (0x8827, SHORT, 400),
    (0x9000, UNDEFINED, b"0230"),
    (0x9003, ASCII, b"2020:07:01 10:20:30\0"),
    (0x9011, ASCII, b"+02:00\0"),
    (0x9101, UNDEFINED, b"\1\2\3\0"),
    (0x9204, SRATIONAL, (-2, 3)),
    (0x920A, RATIONAL, (50, 1)),
    (0x9291, ASCII, b"12\0"),
    (0xA300, UNDEFINED, b"\3"),
    (0xA432, RATIONAL, [(24, 1), (70, 1), (28, 10), (4, 1)]),
    (0xA434, ASCII, b"EF 24-70mm\0"),
]
CAMERA_TOLD = {
    "Make": "Canon",
    "Orientation": 6,
    "ExposureTime": 0.016666667,
    "FNumber": 2.8,
    "PhotographicSensitivity": 400,
    "ExifVersion": "0230",
    "DateTimeOriginal": "2020-07-01T10:20:30.12+02:00",
    "OffsetTimeOriginal": "+02:00",
    "ComponentsConfiguration": [1, 2, 3, 0],
    "ExposureBiasValue": -0.66666667,
    "FocalLength": 50,
    "SubSecTimeOriginal": "12",
    "FileSource": 3,
    "LensSpecification": [24, 70, 2.8, 4],
    "LensModel": "EF 24-70mm",
}


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_cameras_tags_are_told_by_the_standards_names(order: str) -> None:
    ifd0: list[Tag] = [(0x010F, ASCII, b"Canon\0"), (0x0112, SHORT, 6)]
    assert exif_of(*CAMERA, ifd0=ifd0, order=order) == CAMERA_TOLD


@pytest.mark.parametrize("maker", [jpeg, png, webp, avif], ids=lambda maker: maker.__name__)
def test_every_format_that_holds_exif_tells_it(maker: Any) -> None:
    block = exif([(0x010F, ASCII, b"Canon\0"), (0x0112, SHORT, 6)], CAMERA)
    found = told(maker((8, 8), exif=b"Exif\0\0" + block))
    assert (found.exif, found.orientation) == (CAMERA_TOLD, 6)


@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0", b"Exif\0\0Exif\0\0"])
def test_exifs_own_prefix_may_be_there_or_not(prefix: bytes) -> None:
    data = png((8, 8), exif=prefix + exif([(0x0112, SHORT, 8)]))
    assert told(data).exif == {"Orientation": 8}


def test_a_tiff_tells_its_own_tags_but_not_where_its_pixels_are() -> None:
    info = {0x010F: "Leica", 0x0112: 8, 0x829A: IFDRational(1, 64), 0x9003: "2020:07:01 10:20:30"}
    found = told(tiff((8, 4), tiffinfo=info, compression="tiff_lzw"))
    assert found.exif == {
        "ImageWidth": 8, "ImageLength": 4, "BitsPerSample": [8, 8, 8], "Compression": 5,
        "PhotometricInterpretation": 2, "SamplesPerPixel": 3, "PlanarConfiguration": 1,
        "Make": "Leica", "Orientation": 8, "ExposureTime": 0.015625,
        "DateTimeOriginal": "2020-07-01T10:20:30",
    }  # fmt: skip
    assert found.orientation == 8


def test_a_big_tiff_is_read_as_well() -> None:
    found = told(tiff((8, 4), big_tiff=True, tiffinfo={0x010F: "Hasselblad"}))
    assert (found.exif["Make"], found.exif["ImageWidth"]) == ("Hasselblad", 8)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (RATIONAL, (1, 3), 0.33333333),
        (RATIONAL, (4, 2), 2),
        (RATIONAL, (4294967295, 1), 4294967295),
        (RATIONAL, (1, 0), None),
        (RATIONAL, (0, 0), None),
        (SRATIONAL, (-1, 2), -0.5),
        (FLOAT, 0.1, 0.1),
        (FLOAT, float("nan"), None),
        (FLOAT, float("inf"), None),
        (DOUBLE, 2.0, 2),
        (DOUBLE, float("-inf"), None),
        (DOUBLE, 1e300, 1e300),
        (SLONG, -7, -7),
        (ASCII, b"12\0", None),
        (UNDEFINED, b"\1\2\3\4\5", None),
        (RATIONAL, [(1, 2), (1, 0)], None),
        (SHORT, [200, 400], [200, 400]),
        (SHORT, [1] * 32, [1] * 32),
        (SHORT, [1] * 33, None),
    ],
)
def test_numbers_are_told_as_json_or_not_at_all(kind: int, value: Any, expected: Any) -> None:
    found = exif_of((0x829A, kind, value), (0x9207, SHORT, 5))
    assert found == ({"MeteringMode": 5} if expected is None else
                     {"ExposureTime": expected, "MeteringMode": 5})  # fmt: skip
    assert [type(each) for each in found.values()] == [
        type(each) for each in (expected, 5) if each is not None
    ]


@pytest.mark.parametrize(
    ("kind", "raw", "expected"),
    [
        (ASCII, b"Nikkor\0", "Nikkor"),
        (ASCII, b"  Nikkor  \0garbage", "Nikkor"),
        (ASCII, b"never ended", "never ended"),
        (ASCII, "Müller".encode(), "Müller"),
        (ASCII, "Müller".encode("latin-1"), "Müller"),
        (ASCII, "写真".encode(), "写真"),
        (UTF8, "写真\0".encode(), "写真"),
        (BYTE, b"as bytes\0", "as bytes"),
        (ASCII, b"two\nlines\x07\x1b[31m\0", "two\nlines[31m"),
        (ASCII, b"    \0", None),
        (ASCII, b"\0\0\0\0\0\0", None),
        (ASCII, b"\xed\xa0\x80lone", "í\xa0lone"),
        (SHORT, [65, 66, 67], None),
    ],
)
def test_texts_end_at_nul_and_are_trimmed(kind: int, raw: Any, expected: str | None) -> None:
    assert exif_of((0xA434, kind, raw)).get("LensModel") == expected


@pytest.mark.parametrize("character", ["x", "ü", "写", "😀"])
def test_a_text_has_at_most_2000_characters(character: str) -> None:
    raw = (character * 5000).encode()
    assert exif_of((0xA434, ASCII, raw))["LensModel"] == character * 2000


@pytest.mark.parametrize(
    ("raw", "order", "expected"),
    [
        (b"ASCII\0\0\0Hello", "<", "Hello"),
        (b"ASCII\0\0\0Hello\0\0\0\0", "<", "Hello"),
        (b"UNICODE\0" + "Grüße".encode("utf-16-le"), "<", "Grüße"),
        (b"UNICODE\0" + "Grüße".encode("utf-16-be"), ">", "Grüße"),
        (b"UNICODE\0" + "Grüße".encode("utf-16-be"), "<", "Grüße"),
        (b"UNICODE\0" + "写真".encode("utf-16-be"), ">", "写真"),
        (b"UNICODE\0\xff\xfe" + "写真".encode("utf-16-le"), ">", "写真"),
        (b"UNICODE\0" + b"\x00\xd8\x41\0", "<", "A"),
        (b"JIS\0\0\0\0\0" + "写真".encode("iso2022_jp"), "<", "写真"),
        (b"JIS\0\0\0\0\0" + b"\xff\xff", "<", None),
        (b"\0\0\0\0\0\0\0\0" + "naïve".encode(), "<", "naïve"),
        (b"\0\0\0\0\0\0\0\0", "<", None),
        (b"ASCII\0\0\0" + b" " * 40, "<", None),
        (b"no code at all", "<", "no code at all"),
    ],
)
def test_a_user_comment_is_decoded_by_its_code(
    raw: bytes, order: str, expected: str | None
) -> None:
    assert exif_of((0x9286, UNDEFINED, raw), order=order).get("UserComment") == expected


def test_what_windows_wrote_is_decoded() -> None:
    raw = "Sommer; See\0".encode("utf-16-le")
    found = exif_of(ifd0=[(0x9C9B, BYTE, raw), (0x9C9E, BYTE, raw), (0x9C9F, BYTE, b"\0\0")])
    assert found == {"XPTitle": "Sommer; See", "XPKeywords": "Sommer; See"}


@pytest.mark.parametrize(
    ("date", "fraction", "offset", "expected"),
    [
        ("2020:07:01 10:20:30", "12", "+02:00", "2020-07-01T10:20:30.12+02:00"),
        ("2020:07:01 10:20:30", None, None, "2020-07-01T10:20:30"),
        ("2020:07:01 10:20:30", "120 ", None, "2020-07-01T10:20:30.120"),
        ("2020:07:01 10:20:30", None, "-05:30", "2020-07-01T10:20:30-05:30"),
        ("2020:07:01 10:20:30", None, "Z", "2020-07-01T10:20:30Z"),
        ("2020:07:01 10:20:30", "   ", "   :  ", "2020-07-01T10:20:30"),
        ("2020:07:01 10:20:30", "1x", "+99:00", "2020-07-01T10:20:30"),
        ("2020:07:01 10:20:30", "1234567890", "+2", "2020-07-01T10:20:30"),
        ("2020-07-01T10:20:30.5+01:00", None, None, "2020-07-01T10:20:30.5+01:00"),
        ("2020:07:01 10:20", None, None, "2020-07-01T10:20:00"),
        ("2020:02:29 00:00:00", None, None, "2020-02-29T00:00:00"),
        ("2021:02:29 00:00:00", None, None, None),
        ("0000:00:00 00:00:00", "12", "+02:00", None),
        ("    :  :     :  :  ", None, None, None),
        ("2020:13:01 10:20:30", None, None, None),
        ("2020:07:01 25:20:30", None, None, None),
        ("2020:07:01 24:00:00", None, None, None),
        ("2020:07:01", None, None, None),
        ("yesterday", None, None, None),
        ("２０２０:07:01 10:20:30", None, None, None),
    ],
)
def test_dates_are_rfc_3339_or_not_told(
    date: str, fraction: str | None, offset: str | None, expected: str | None
) -> None:
    parts = ((0x9003, date), (0x9291, fraction), (0x9011, offset))
    found = exif_of(*((tag, ASCII, text.encode() + b"\0") for tag, text in parts if text))
    assert found.get("DateTimeOriginal") == expected


def test_each_date_has_its_own_fraction_and_offset() -> None:
    found = exif_of(
        (0x9004, ASCII, b"2021:01:02 03:04:05\0"),
        (0x9010, ASCII, b"+01:00\0"), (0x9012, ASCII, b"+03:00\0"),
        (0x9290, ASCII, b"1\0"), (0x9292, ASCII, b"3\0"),
        ifd0=[(0x0132, ASCII, b"2020:01:02 03:04:05\0")],
    )  # fmt: skip
    assert found["DateTime"] == "2020-01-02T03:04:05.1+01:00"
    assert found["DateTimeDigitized"] == "2021-01-02T03:04:05.3+03:00"


def test_blobs_and_what_is_not_of_the_standard_are_left_out() -> None:
    found = exif_of(
        (0x927C, UNDEFINED, b"Nikon\0" + bytes(range(256))),  # MakerNote
        (0xEA1C, UNDEFINED, b"\x1c\xea" * 1000),  # padding
        (0xA302, UNDEFINED, b"\2\0\2\0\0\1\1\2"),  # CFAPattern
        (0xA005, LONG, 8),  # Interoperability
        (0x9000, UNDEFINED, b"\xff\xff\xff\xff"),
        (0xA301, UNDEFINED, b"\1"),
        ifd0=[(0xC4A5, UNDEFINED, b"PrintIM\0"), (0x0201, LONG, 8), (0x8773, UNDEFINED, b"icc..")],
    )
    assert found == {"SceneType": 1}


def test_a_version_may_have_an_end_and_a_wrong_type() -> None:
    assert exif_of((0x9000, ASCII, b"0220\0")) == {"ExifVersion": "0220"}


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [*((SHORT, n, n) for n in range(1, 9)), (SHORT, 0, 1), (SHORT, 9, 1), (LONG, 6, 6),
     (SHORT, [6, 6], 1), (ASCII, b"6\0", 1), (RATIONAL, (6, 0), 1), (BYTE, 3, 3)],
)  # fmt: skip
def test_an_orientation_is_1_to_8_and_upright_if_it_is_none(
    kind: int, value: Any, expected: int
) -> None:
    assert told(jpeg_with_exif(exif([(0x0112, kind, value)]))).orientation == expected


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_tiffs_orientation_is_as_stored(orientation: int) -> None:
    assert told(tiff((8, 4), orientation=orientation)).orientation == orientation


def test_ifd0_counts_before_the_exif_directory() -> None:
    found = told(jpeg_with_exif(exif([(0x0112, SHORT, 3)], [(0x0112, SHORT, 6)])))
    assert (found.orientation, found.exif["Orientation"]) == (3, 3)


def test_all_of_exif_has_at_most_150_tags_and_32_kib() -> None:
    assert len(tags.NAMES) <= 150
    long = ("😀" * 2000).encode()
    texts = [tag for tag, (_, kind) in tags.NAMES.items() if kind is tags.Kind.TEXT]
    block = exif([(0x0112, SHORT, 6)], [(tag, ASCII, long) for tag in texts])
    found = told(png_with(chunk(b"eXIf", block))).exif
    size = len(json.dumps(found))
    assert 24_000 < size <= 32 * 1024
    assert found["Orientation"] == 6  # what is small stays


def test_no_pixel_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import ImageFile

    from image_service.imaging.metadata import describe
    from image_service.testing import make

    for format_ in Format:
        data = make(format_)
        with Image.open(io.BytesIO(data)) as picture, monkeypatch.context() as patch:
            patch.setattr(ImageFile.ImageFile, "load", lambda self: pytest.fail("decoded"))
            patch.setattr(type(picture), "load", lambda self: pytest.fail("decoded"))
            describe(picture, format_, data)

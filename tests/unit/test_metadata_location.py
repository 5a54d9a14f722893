"""Where a picture was taken: degrees from EXIF's GPS directory, else from XMP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.test_metadata_makers import (
    ASCII,
    BYTE,
    RATIONAL,
    SHORT,
    SRATIONAL,
    Tag,
    exif,
    jpeg_with,
    jpeg_with_exif,
    jpeg_with_xmp,
    segment,
    told,
    xmp,
)

BERLIN: list[Tag] = [
    (1, ASCII, b"N\0"), (2, RATIONAL, [(52, 1), (31, 1), (1212, 100)]),
    (3, ASCII, b"E\0"), (4, RATIONAL, [(13, 1), (24, 1), (1776, 100)]),
]  # fmt: skip


def place(*changes: Tag, without: tuple[int, ...] = ()) -> dict[str, float] | None:
    tags = {tag[0]: tag for tag in (*BERLIN, *changes)}
    kept = [tag for number, tag in sorted(tags.items()) if number not in without]
    return told(jpeg_with_exif(exif(gps=kept))).location


def test_degrees_minutes_and_seconds_are_told_as_degrees_of_7_places() -> None:
    assert place() == {"latitude": 52.5200333, "longitude": 13.4049333}


@pytest.mark.parametrize(
    ("north", "east", "signs"),
    [(b"N\0", b"E\0", (1, 1)), (b"S\0", b"E\0", (-1, 1)), (b"N\0", b"W\0", (1, -1)),
     (b"s\0", b"w\0", (-1, -1)), (b"South\0", b"West\0", (-1, -1))],
)  # fmt: skip
def test_the_side_gives_the_sign(north: bytes, east: bytes, signs: tuple[int, int]) -> None:
    found = place((1, ASCII, north), (3, ASCII, east))
    assert found == {"latitude": signs[0] * 52.5200333, "longitude": signs[1] * 13.4049333}


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [
        ([(52, 1), (5, 10), (0, 1)], 52.0083333),
        ([(525, 10)], 52.5),
        ([(52, 1), (30, 1)], 52.5),
        ([(0, 1), (0, 1), (0, 1)], 0),
        ([(90, 1), (0, 1), (0, 1)], 90),
        ([(52, 1), (60, 1), (60, 1)], 53.0166667),
    ],
)
def test_parts_may_be_missing_or_fractions(degrees: Any, expected: float) -> None:
    found = place((2, RATIONAL, degrees))
    assert found
    assert found["latitude"] == expected


@pytest.mark.parametrize(
    "bad",
    [
        (2, RATIONAL, [(90, 1), (0, 1), (1, 100)]),
        (4, RATIONAL, [(180, 1), (1, 1), (0, 1)]),
        (2, RATIONAL, [(52, 0), (31, 1), (12, 1)]),
        (2, RATIONAL, [(0, 0), (0, 0), (0, 0)]),
        (2, RATIONAL, [(52, 1), (61, 1), (0, 1)]),
        (2, RATIONAL, [(4294967295, 1), (0, 1), (0, 1)]),
        (2, SRATIONAL, [(-52, 1), (31, 1), (0, 1)]),
        (2, RATIONAL, [(52, 1), (31, 1), (12, 1), (1, 1)]),
        (2, ASCII, b"52.5\0"),
        (1, ASCII, b"E\0"),
        (1, ASCII, b"\0\0"),
        (1, ASCII, b"?\0"),
        (1, SHORT, 256),
        (3, ASCII, b"\xff\xff"),
    ],
)
def test_a_place_that_is_none_is_not_told(bad: Tag) -> None:
    assert place(bad) is None


def test_there_is_no_place_minus_zero() -> None:
    nowhere: list[Tag] = [(2, RATIONAL, [(0, 1)]), (4, RATIONAL, [(0, 1)])]
    found = place(*nowhere, (1, ASCII, b"S\0"), (5, BYTE, 1), (6, RATIONAL, (0, 1)))
    assert str(found) == "{'latitude': 0.0, 'longitude': 0.0, 'altitude': 0.0}"


@pytest.mark.parametrize("missing", [1, 2, 3, 4])
def test_half_a_place_is_not_told(missing: int) -> None:
    assert place(without=(missing,)) is None


@pytest.mark.parametrize(
    ("metres", "below", "expected"),
    [((34500, 1000), 0, 34.5), ((34500, 1000), 1, -34.5), ((34500, 1000), 2, 34.5),
     ((34500, 1000), 3, -34.5), ((10, 3), None, 3.333), ((0, 0), 0, None), ((5, 0), 1, None)],
)  # fmt: skip
def test_an_altitude_is_metres_and_negative_below_the_sea(
    metres: tuple[int, int], below: int | None, expected: float | None
) -> None:
    ref: list[Tag] = [] if below is None else [(5, BYTE, below)]
    found = place(*ref, (6, RATIONAL, metres))
    assert found
    assert found["latitude"] == 52.5200333
    assert found.get("altitude") == expected


XMP_PLACE = 'exif:GPSLatitude="52,30.5N" exif:GPSLongitude="13,15,30W"'


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (XMP_PLACE, {"latitude": 52.5083333, "longitude": -13.2583333}),
        (f'{XMP_PLACE} exif:GPSAltitude="345/10" exif:GPSAltitudeRef="1"',
         {"latitude": 52.5083333, "longitude": -13.2583333, "altitude": -34.5}),
        (f'{XMP_PLACE} exif:GPSAltitude="345/0"',
         {"latitude": 52.5083333, "longitude": -13.2583333}),
        ('exif:GPSLatitude="52,30.5N"', None),
        ('exif:GPSLatitude="52.5N" exif:GPSLongitude="13,15E"', None),
        ('exif:GPSLatitude="91,0N" exif:GPSLongitude="13,15E"', None),
        ('exif:GPSLatitude="52,30.5E" exif:GPSLongitude="13,15E"', None),
        ('exif:GPSLatitude="nan,infN" exif:GPSLongitude="13,15E"', None),
    ],
)  # fmt: skip
def test_xmp_tells_a_place_where_exif_does_not(attributes: str, expected: Any) -> None:
    assert told(jpeg_with_xmp(xmp("", attributes=attributes))).location == expected


def test_exifs_place_counts_before_that_of_xmp() -> None:
    packet = b"http://ns.adobe.com/xap/1.0/\0" + xmp("", attributes=XMP_PLACE)
    block = b"Exif\0\0" + exif(gps=BERLIN)
    found = told(jpeg_with(segment(0xE1, block), segment(0xE1, packet)))
    assert found.location == {"latitude": 52.5200333, "longitude": 13.4049333}

"""JPEG: which segments go, which stay, and what lies behind the picture."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from image_service.domain.formats import Format
from image_service.domain.strip import Strip
from image_service.imaging.strip import CannotStrip, Stripped, strip
from image_service.testing import jpeg
from tests.unit.test_strip_exif import COORDINATES, MAKER_NOTE, block
from tests.unit.test_strip_xmp import dataset, packet, resource

EXTENDED = b"http://ns.adobe.com/xmp/extension/\0" + b"F" * 32 + bytes(8)
XMP = b"http://ns.adobe.com/xap/1.0/\0"
PLAIN = jpeg()


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (2 + len(body)).to_bytes(2, "big") + body


def with_segments(*added: bytes, data: bytes = PLAIN) -> bytes:
    return data[:2] + b"".join(added) + data[2:]


def all_of(data: bytes) -> Stripped:
    return strip(data, Format.JPEG, Strip.ALL)


def location_of(data: bytes) -> Stripped:
    return strip(data, Format.JPEG, Strip.LOCATION)


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.tobytes()


@pytest.mark.parametrize(
    ("added", "word"),
    [
        (segment(0xFE, b"needle"), "comment"),
        (segment(0xE1, EXTENDED + b"needle"), "xmp"),
        (segment(0xED, b"Adobe_CM\0needle"), "other"),
        (segment(0xE0, b"JFXX\0\x10needle"), "thumbnail"),
        (segment(0xE2, b"MPF\0needle"), "other"),
        (segment(0xE2, b"FPXR\0needle"), "other"),
        (segment(0xEB, b"JP\0needle"), "other"),
        (segment(0xEE, b"needle"), "other"),
        (segment(0xE0, b"needle"), "other"),
        (b"needle between segments", "other"),
    ],
)
def test_every_segment_that_no_decoder_needs_goes(added: bytes, word: str) -> None:
    stripped = all_of(with_segments(added))
    assert stripped == Stripped(PLAIN, (word,))


@pytest.mark.parametrize(
    "added",
    [
        segment(0xE2, b"ICC_PROFILE\0\1\1profile"),
        segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"),
        b"\xff\xff\xff",
    ],
)
def test_what_decoders_need_stays(added: bytes) -> None:
    data = with_segments(added)
    assert all_of(data).data is data


def test_the_small_picture_in_jfif_goes_and_its_density_stays() -> None:
    head = b"JFIF\0\1\2\1\x01\x2c\x01\x2c"
    data = b"\xff\xd8" + segment(0xE0, head + b"\2\2" + b"needle-pixels") + PLAIN[20:]
    stripped = all_of(data)
    assert stripped.removed == ("thumbnail",)
    assert stripped.data == b"\xff\xd8" + segment(0xE0, head + b"\0\0") + PLAIN[20:]


def test_comments_between_the_scans_of_a_progressive_picture_go() -> None:
    data = jpeg(progressive=True)
    at = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    stripped = all_of(data[:at] + segment(0xFE, b"needle") + data[at:])
    assert stripped == Stripped(data, ("comment",))


def test_marker_bytes_inside_tables_end_nothing() -> None:
    fake = segment(0xFE, b"\xff\xd9\xff\xda\xff\xd8")
    kept = segment(0xE2, b"ICC_PROFILE\0\1\1" + b"\xff\xd9\xff\xfe\0\4ab")
    data = with_segments(kept)
    assert all_of(with_segments(fake, kept)) == Stripped(data, ("comment",))


def test_what_follows_the_picture_goes() -> None:
    assert all_of(PLAIN + b"needle" + PLAIN) == Stripped(PLAIN, ("trailing",))


def test_a_picture_that_lacks_its_end_marker_is_kept() -> None:
    data = PLAIN[:-2]
    assert all_of(data).data is data


def further(maker: Any = jpeg) -> bytes:
    exif = segment(0xE1, b"Exif\0\0" + block())
    return with_segments(exif, segment(0xE1, XMP + bytes(packet('p:City="Needle"'))), data=maker())


def test_pictures_behind_the_first_lose_their_place_where_they_stand() -> None:
    data = with_segments(segment(0xE2, b"MPF\0index")) + further() + b"between" + further()
    stripped = location_of(data)
    assert stripped.removed == ("gps", "makernote", "place")
    assert len(stripped.data) == len(data)
    assert COORDINATES not in stripped.data
    assert b"Needle<" not in stripped.data
    assert MAKER_NOTE not in stripped.data
    for kept in (b"MPF\0index", b"between", b"NeedleMaker"):
        assert stripped.data.count(kept) == data.count(kept)


def test_a_film_behind_the_picture_loses_its_coordinates() -> None:
    box = b"\0\0\0\x1e\xa9xyz\0\x12\x15\xc7+48.1234+011.5678/"
    data = PLAIN + b"\0\0\0\x08free" + box + b"film"
    stripped = location_of(data)
    assert stripped.removed == ("gps",)
    assert (len(stripped.data), stripped.data[-4:]) == (len(data), b"film")
    assert b"48.1234" not in stripped.data


def test_the_small_picture_in_exif_loses_its_own_place() -> None:
    exif = block(gps=False, note=False, thumbnail=further())
    data = with_segments(segment(0xE1, b"Exif\0\0" + exif))
    stripped = location_of(data)
    assert stripped.removed == ("gps", "makernote", "place")
    assert COORDINATES not in stripped.data
    assert pixels(stripped.data) == pixels(data)
    assert b"Needle<" not in stripped.data


def test_resources_that_go_on_in_the_next_segment_are_read_on() -> None:
    resources = resource(0x0404, dataset(80, b"Ann") + dataset(90, b"Needle" * 20))
    halves = [b"Photoshop 3.0\0" + part for part in (resources[:60], resources[60:])]
    data = with_segments(*(segment(0xED, half) for half in halves))
    stripped = location_of(data)
    assert stripped.removed == ("place",)
    assert b"eedl" not in stripped.data
    assert b"Ann" in stripped.data


@pytest.mark.parametrize(
    ("body", "marker", "word"),
    [
        (EXTENDED + b"needle", 0xE1, "xmp"),
        (b"FLIR\0\1needle", 0xE1, "other"),
        (b"GoPro\0GPS needle", 0xE6, "other"),
        (b"latitude needle", 0xFE, "comment"),
    ],
)
def test_segments_that_may_hide_a_place_are_blanked(body: bytes, marker: int, word: str) -> None:
    data = with_segments(segment(marker, body))
    stripped = location_of(data)
    assert stripped.removed == (word,)
    assert len(stripped.data) == len(data)
    assert b"needle" not in stripped.data


def test_profiles_and_comments_without_a_place_stay() -> None:
    data = with_segments(
        segment(0xE2, b"ICC_PROFILE\0\1\1GPS latitude"), segment(0xFE, b"a comment")
    )
    assert location_of(data).data is data


BROKEN = {
    "a segment past the end": PLAIN[:2] + b"\xff\xe1\xff\xffExif\0\0",
    "a segment without a size": PLAIN[:2] + b"\xff\xe1\0\1" + PLAIN[2:],
    "a picture in the picture": with_segments(b"\xff\xd8"),
    "a marker that is none": with_segments(segment(0xBF, b"needle")),
    "a segment in the middle of a scan": PLAIN[:-2] + segment(0xE5, b"a") + b"\xff\xd0rest\xff\xd9",
    "an end before any scan": PLAIN[:20] + b"\xff\xd9" + PLAIN[20:],
    "no scan": PLAIN[:20],
    "too many segments": with_segments(segment(0xE0, b"") * 20_000),
}


@pytest.mark.parametrize("mode", [Strip.LOCATION, Strip.ALL])
@pytest.mark.parametrize("damage", BROKEN)
def test_damage_that_decoders_read_differently_is_refused(damage: str, mode: Strip) -> None:
    with pytest.raises(CannotStrip):
        strip(BROKEN[damage], Format.JPEG, mode)


def test_more_pictures_than_any_camera_writes_are_refused() -> None:
    with pytest.raises(CannotStrip, match="pictures behind"):
        location_of(PLAIN + b"\xff\xd8\xff" * 2000)
    overlapping = b"".join(b"\xff\xd8\xff\xe5\xff\xf0" + bytes(80) for _ in range(900))
    with pytest.raises(CannotStrip, match="pictures behind"):
        location_of(PLAIN + overlapping + bytes(70_000))

"""Stripping pictures of every format: what shows stays, what tells goes."""

from __future__ import annotations

import io
import struct
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin, TiffImagePlugin

from image_service.domain.formats import Format
from image_service.domain.strip import Strip
from image_service.imaging import decoders
from image_service.imaging.strip import _HANDLERS, WORDS, CannotStrip, strip
from image_service.testing import avif, bmp, gif, heic, jpeg, make, png, tiff, webp
from tests.unit.test_strip_exif import COORDINATES, LONGITUDE, MAKER_NOTE, block
from tests.unit.test_strip_xmp import dataset, packet, resource

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's about damaged EXIF, as in a worker
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
EXIF = b"Exif\0\0" + block()
XMP = bytes(packet('p:City="NeedleCity" exif:GPSLatitude="48,8.504167N"'))
IPTC = resource(0x0404, dataset(80, b"NeedleAuthor") + dataset(90, b"NeedleCity"))


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + (2 + len(body)).to_bytes(2, "big") + body


def full_jpeg(**options: Any) -> bytes:
    data = jpeg(exif=EXIF, xmp=XMP, comment=b"NeedleComment", icc_profile=ICC, **options)
    return data[:2] + segment(0xED, b"Photoshop 3.0\0" + IPTC) + data[2:]


def full_png(**options: Any) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Author", "NeedleAuthor")
    texts.add_text("Comment", "NeedleComment", zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    return png(exif=EXIF, pnginfo=texts, icc_profile=ICC, dpi=(300, 300), **options)


def full_gif(**options: Any) -> bytes:
    data = gif(comment=b"NeedleComment GPS", **options)
    magic = b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    return data[:-1] + b"\x21\xff\x0bXMP DataXMP" + XMP + magic + b";"


def full_tiff(**options: Any) -> bytes:
    tags = {
        270: "NeedleDescription", 271: "NeedleMaker", 274: 6, 700: XMP, 34377: IPTC,
        33550: (1.5, 2.5, 0.0), 40091: b"N\0e\0e\0d\0l\0e\0",
    }  # fmt: skip
    exif = TiffImagePlugin.ImageFileDirectory_v2()
    if not options.keys() & {"compression", "pages"}:  # libtiff cannot, and Pillow points astray
        exif[34665] = {37500: MAKER_NOTE}
        exif[34853] = {1: "N", 2: (48.0, 8.0, 30.25)}
    for tag, value in tags.items():
        exif[tag] = value
    return tiff(tiffinfo=exif, icc_profile=ICC, dpi=(300, 300), **options)


FULL: dict[str, tuple[Format, bytes]] = {
    "JPEG": (Format.JPEG, full_jpeg(dpi=(300, 300))),
    "progressive JPEG": (Format.JPEG, full_jpeg(progressive=True)),
    "JPEG with restarts": (Format.JPEG, full_jpeg(restart_marker_blocks=2)),
    "CMYK JPEG": (Format.JPEG, full_jpeg(mode="CMYK")),
    "PNG": (Format.PNG, full_png()),
    "APNG": (Format.PNG, full_png(frames=3, alpha=True)),
    "GIF": (Format.GIF, full_gif()),
    "animated GIF": (Format.GIF, full_gif(frames=3, loop=2, duration=70)),
    "WebP": (Format.WEBP, webp(exif=EXIF, xmp=XMP, icc_profile=ICC)),
    "lossless WebP": (Format.WEBP, webp(exif=EXIF, xmp=XMP, icc_profile=ICC, lossless=True)),
    "animated WebP": (
        Format.WEBP,
        webp(frames=3, alpha=True, exif=EXIF, xmp=XMP, icc_profile=ICC, loop=2, duration=70),
    ),
    "AVIF": (Format.AVIF, avif(exif=EXIF, xmp=XMP, icc_profile=ICC)),
    "HEIC": (Format.HEIC, heic(exif=EXIF, xmp=XMP, icc_profile=ICC)),
    "animated AVIF": (Format.AVIF, avif(frames=3, alpha=True, xmp=XMP)),
    "TIFF": (Format.TIFF, full_tiff()),
    "TIFF of pages": (Format.TIFF, full_tiff(pages=3)),
    "compressed TIFF": (Format.TIFF, full_tiff(compression="tiff_lzw")),
    "BigTIFF": (Format.TIFF, full_tiff(big_tiff=True)),
    "BMP": (Format.BMP, bmp() + b"NeedleTrailer"),
}
IN_EXIF = {"exif", "gps", "makernote"}
ALL_WORDS = {
    Format.JPEG: {*IN_EXIF, "xmp", "iptc", "place", "comment"},
    Format.PNG: {*IN_EXIF, "xmp", "place", "text"},
    Format.GIF: {"comment", "xmp", "gps", "place"},
    Format.WEBP: {*IN_EXIF, "xmp", "place"},
    Format.AVIF: {*IN_EXIF, "xmp", "place"},
    Format.TIFF: {*IN_EXIF, "xmp", "iptc", "text"},
    Format.BMP: {"trailing"},
    Format.HEIC: {*IN_EXIF, "xmp", "place"},
}
LOCATION_WORDS = {
    **{format_: {"gps", "makernote", "place"} for format_ in Format},
    Format.GIF: {"gps", "place", "comment"},
    Format.BMP: set[str](),
}
WITHOUT_EXIF = {"animated AVIF", "compressed TIFF", "TIFF of pages"}  # Pillow cannot write them
MODES = (Strip.LOCATION, Strip.ALL)


@pytest.fixture(autouse=True, scope="module")
def _decoders() -> None:
    decoders.load()


def shown(data: bytes) -> list[Any]:
    """Return all that makes up how a picture shows, frame by frame."""
    with Image.open(io.BytesIO(data)) as picture:
        facts: list[Any] = [picture.info.get("icc_profile"), picture.info.get("loop")]
        facts.append(picture.getexif().get(274, 1))
        for index in range(getattr(picture, "n_frames", 1)):
            picture.seek(index)
            picture.load()
            duration = picture.info.get("duration")
            facts.append((picture.mode, picture.size, picture.tobytes(), duration))
        return facts


def coordinates(data: bytes) -> dict[int, Any]:
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        return dict(picture.getexif().get_ifd(34853))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FULL)
def test_a_picture_shows_as_before(name: str, mode: Strip) -> None:
    format_, data = FULL[name]
    stripped = strip(data, format_, mode)
    assert shown(stripped.data) == shown(data)


@pytest.mark.parametrize("name", FULL)
def test_nothing_of_the_metadata_is_left(name: str) -> None:
    format_, data = FULL[name]
    stripped = strip(data, format_, Strip.ALL)
    lacking = IN_EXIF - {"gps"} if name in WITHOUT_EXIF else set()
    assert set(stripped.removed) == ALL_WORDS[format_] - lacking
    assert b"Needle" in data
    assert coordinates(stripped.data) == {}
    for needle in (b"Needle", b"N\0e\0e\0d\0l\0e", b"GPS", COORDINATES, LONGITUDE, b"Ann"):
        assert needle not in stripped.data


@pytest.mark.parametrize("name", FULL)
def test_nothing_of_the_place_is_left_and_the_rest_is(name: str) -> None:
    format_, data = FULL[name]
    stripped = strip(data, format_, Strip.LOCATION)
    lacking = IN_EXIF - {"gps"} if name in WITHOUT_EXIF else set()
    assert set(stripped.removed) == LOCATION_WORDS[format_] - lacking
    if "gps" in stripped.removed and "makernote" in stripped.removed:
        assert coordinates(data) != {}
    assert coordinates(stripped.data) == {}
    for needle in (b"NeedleCity", b"GPS", b"48,8.504167N", COORDINATES, LONGITUDE, MAKER_NOTE):
        assert needle not in stripped.data
    for kept in (b"NeedleMaker", b"NeedleAuthor", b"NeedleDescription", b"<dc:creator>Ann"):
        assert (kept in stripped.data) == (kept in data)


@pytest.mark.parametrize("name", [name for name in FULL if "GIF" not in name])
def test_without_its_place_a_file_is_as_long_as_before(name: str) -> None:
    format_, data = FULL[name]
    assert len(strip(data, format_, Strip.LOCATION).data) == len(data)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FULL)
def test_a_stripped_file_comes_back_as_the_same_object(name: str, mode: Strip) -> None:
    format_, data = FULL[name]
    once = strip(data, format_, mode)
    twice = strip(once.data, format_, mode)
    assert (twice.data is once.data, twice.removed) == (True, ())


@pytest.mark.parametrize("mode", Strip)
@pytest.mark.parametrize("format_", Format)
def test_a_picture_without_metadata_comes_back_as_the_same_object(
    format_: Format, mode: Strip
) -> None:
    data = make(format_)
    stripped = strip(data, format_, mode)
    assert (stripped.data is data, stripped.removed) == (True, ())


@pytest.mark.parametrize("name", FULL)
def test_nothing_is_removed_when_nothing_is_to_be(name: str) -> None:
    format_, data = FULL[name]
    stripped = strip(data, format_, Strip.NONE)
    assert (stripped.data is data, stripped.removed) == (True, ())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("maker", [jpeg, png, webp, tiff])
def test_orientation_is_all_that_is_kept_of_exif(maker: Any, orientation: int) -> None:
    format_ = Format[maker.__name__.upper()]
    exif = b"Exif\0\0" + block(orientation=orientation)
    data = maker(orientation=orientation) if maker is tiff else maker(exif=exif)
    stripped = strip(data, format_, Strip.ALL)
    with Image.open(io.BytesIO(stripped.data)) as picture:
        found = dict(picture.getexif())
        assert found.get(274, 1) == orientation
        if maker is not tiff:
            assert set(found) <= {274}
            assert bool(found) == (orientation > 1)


def test_removed_words_are_of_the_vocabulary_and_sorted() -> None:
    for format_, data in FULL.values():
        for mode in MODES:
            removed = strip(data, format_, mode).removed
            assert set(removed) <= WORDS
            assert list(removed) == sorted(set(removed))


def test_density_stays() -> None:
    for name in ("JPEG", "PNG", "TIFF"):
        format_, data = FULL[name]
        with Image.open(io.BytesIO(strip(data, format_, Strip.ALL).data)) as picture:
            assert [round(each) for each in picture.info["dpi"]] == [300, 300]


NEXT_BYTE = st.integers(0, 255)
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 1 << 30), st.sampled_from(("set", "cut", "copy", "number")), NEXT_BYTE
    ),
    min_size=1,
    max_size=12,
)


def broken(data: bytes, changes: list[tuple[int, str, int]]) -> bytes:
    """Return data with bytes set, cut out, repeated or made a big or small number."""
    changed = bytearray(data)
    for where, how, value in changes:
        place = where % max(1, min(len(changed), 1 + where % 3000))
        if how == "set":
            changed[place : place + 1] = bytes([value])
        elif how == "cut":
            del changed[place : place + 1 + value]
        elif how == "copy":
            changed[place:place] = changed[where % (len(changed) + 1) :][:value]
        else:
            changed[place : place + 4] = struct.pack("<I" if where % 2 else ">I", value or 1 << 31)
    return bytes(changed)


@pytest.mark.parametrize("name", FULL)
@given(changes=CHANGES)
def test_damage_is_told_or_survived_and_takes_no_time(
    name: str, changes: list[tuple[int, str, int]]
) -> None:
    format_, data = FULL[name]
    damaged = broken(data, changes)
    for mode in MODES:
        started = time.thread_time()
        try:
            stripped = strip(damaged, format_, mode)
        except CannotStrip:
            continue
        finally:
            assert time.thread_time() - started < 1
        again = strip(stripped.data, format_, mode)
        assert (again.data is stripped.data, again.removed) == (True, ())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", FULL)
def test_a_file_cut_anywhere_is_refused_or_shows_no_metadata(name: str, mode: Strip) -> None:
    format_, data = FULL[name]
    for cut in {*range(0, min(len(data), 400)), *range(0, len(data), 97)}:
        try:
            stripped = strip(data[:cut], format_, mode)
        except CannotStrip:
            continue
        assert COORDINATES not in stripped.data
        assert b"NeedleCity" not in stripped.data


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("format_", Format)
def test_what_is_no_picture_at_all_is_refused(format_: Format, mode: Strip) -> None:
    if (format_, mode) == (Format.BMP, Strip.LOCATION):
        return
    for data in (b"", b"\0", b"nothing of the kind" * 20):
        with pytest.raises(CannotStrip):
            strip(data, format_, mode)


def test_a_read_past_the_end_is_told_as_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def read_on(data: bytes) -> tuple[bytes, set[str]]:
        return bytes([data[len(data)]]), set()

    monkeypatch.setitem(_HANDLERS, (Format.PNG, Strip.ALL), read_on)
    with pytest.raises(CannotStrip, match="removed safely: it is cut off"):
        strip(png(), Format.PNG, Strip.ALL)

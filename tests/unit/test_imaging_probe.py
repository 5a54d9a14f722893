"""Looking at real pictures: what they are, whether they are whole, and whether they are bombs."""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from image_service.domain.formats import Format
from image_service.domain.strip import Strip
from image_service.errors import (
    CorruptImage,
    ImageServiceError,
    TooManyFrames,
    TooManyPixels,
    TooManyScans,
    TruncatedImage,
)
from image_service.imaging import probe as probe_module
from image_service.imaging.examine import examine
from image_service.imaging.limits import Limits
from image_service.imaging.probe import probe, set_up
from image_service.testing import avif, bmp, gif, heic, jpeg, make, png, tiff, webp
from tests.corpus import bombs
from tests.corpus.containers import gif_frame, gif_head

LIMITS = Limits()
pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(LIMITS)
        yield


def test_grey_of_sixteen_bits_with_alpha_is_grey() -> None:
    header = struct.pack(">IIBBBBB", 2, 1, 16, 4, 0, 0, 0)
    rows = zlib.compress(b"\0" + bytes(range(8)))
    chunks = [(b"IHDR", header), (b"IDAT", rows), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )
    facts = probe(data, Format.PNG, LIMITS)
    assert (facts.color_space, facts.has_alpha) == ("Gray", True)


@pytest.mark.parametrize("format_", Format)
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 48), (200, 300)], ids=str)
def test_every_format_is_told_as_it_is(format_: Format, size: tuple[int, int]) -> None:
    facts = probe(make(format_, size), format_, LIMITS)
    assert (facts.format, facts.width, facts.height) == (format_, *size)
    assert (facts.frames, facts.animated, facts.orientation) == (1, False, 1)
    assert (facts.has_alpha, facts.color_space) == (False, "RGB")


ORIENTABLE = {Format.JPEG: jpeg, Format.PNG: png, Format.WEBP: webp, Format.TIFF: tiff}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ORIENTABLE)
def test_width_and_height_are_as_a_viewer_shows_them(format_: Format, orientation: int) -> None:
    facts = probe(ORIENTABLE[format_]((64, 48), orientation=orientation), format_, LIMITS)
    assert facts.orientation == orientation
    assert (facts.width, facts.height) == ((48, 64) if orientation >= 5 else (64, 48))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_avif_turned_by_its_exif_is_shown_turned(orientation: int) -> None:
    data = avif((64, 48), orientation=orientation)
    with Image.open(io.BytesIO(data)) as picture:
        from PIL import ImageOps

        expected = ImageOps.exif_transpose(picture).size
    facts = probe(data, Format.AVIF, LIMITS)
    assert (facts.width, facts.height) == expected


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
def test_an_orientation_that_does_not_exist_is_none(orientation: int) -> None:
    facts = probe(jpeg(orientation=orientation), Format.JPEG, LIMITS)
    assert (facts.orientation, facts.width) == (1, 64)


def test_broken_exif_does_not_spoil_a_picture() -> None:
    for exif in (
        b"Exif\0\0garbage",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
    ):
        assert probe(jpeg(exif=exif), Format.JPEG, LIMITS).orientation == 1


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (gif(frames=3), Format.GIF),
        (png(frames=3), Format.PNG),
        (webp(frames=3), Format.WEBP),
        (avif(frames=3), Format.AVIF),
    ],
    ids=lambda v: getattr(v, "value", ""),
)
def test_animations_have_their_frames_counted(data: bytes, format_: Format) -> None:
    facts = probe(data, format_, LIMITS)
    assert (facts.frames, facts.animated) == (3, True)


def test_pages_are_counted_and_are_no_animation() -> None:
    facts = probe(tiff(pages=4), Format.TIFF, LIMITS)
    assert (facts.frames, facts.animated) == (4, False)


@pytest.mark.parametrize(("mode", "space"), [("L", "Gray"), ("CMYK", "CMYK"), ("RGB", "RGB")])
def test_colour_spaces_are_told(mode: str, space: str) -> None:
    assert probe(jpeg(mode=mode), Format.JPEG, LIMITS).color_space == space


@pytest.mark.parametrize(
    ("maker", "format_"), [(png, Format.PNG), (webp, Format.WEBP), (avif, Format.AVIF)]
)
def test_alpha_is_told(maker: Any, format_: Format) -> None:
    assert probe(maker(alpha=True), format_, LIMITS).has_alpha
    assert not probe(maker(), format_, LIMITS).has_alpha


WHOLE = {
    "baseline JPEG": (Format.JPEG, jpeg((160, 120))),
    "progressive JPEG": (Format.JPEG, jpeg((160, 120), progressive=True)),
    "CMYK JPEG": (Format.JPEG, jpeg((160, 120), mode="CMYK")),
    "PNG": (Format.PNG, png((80, 60))),
    "APNG": (Format.PNG, png((40, 30), frames=3)),
    "GIF": (Format.GIF, gif((80, 60))),
    "animated GIF": (Format.GIF, gif((40, 30), frames=3)),
    "WebP": (Format.WEBP, webp((160, 120))),
    "lossless WebP": (Format.WEBP, webp((80, 60), lossless=True)),
    "animated WebP": (Format.WEBP, webp((40, 30), frames=3)),
    "AVIF": (Format.AVIF, avif((160, 120))),
    "TIFF": (Format.TIFF, tiff((80, 60))),
    "compressed TIFF": (Format.TIFF, tiff((80, 60), compression="tiff_lzw")),
    "BMP": (Format.BMP, bmp((80, 60))),
}
MAY_LACK = {"PNG": 24, "APNG": 24, "GIF": 4, "animated GIF": 4, "TIFF": 2, "compressed TIFF": 2}
"""Bytes at the end that hold no pixels: a PNG's IEND and checksums, a GIF's trailer."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_picture_cut_anywhere_is_refused(name: str) -> None:
    format_, data = WHOLE[name]
    probe(data, format_, LIMITS)
    last = len(data) - MAY_LACK.get(name, 2)
    cuts = sorted({*range(16, last, max(1, last // 60)), *range(last - 8, last)})
    accepted = []
    for cut in cuts:
        try:
            probe(data[:cut], format_, LIMITS)
        except CorruptImage:
            continue
        accepted.append(cut)
    if name == "animated GIF":  # between two frames it is a whole GIF with fewer of them
        accepted = [cut for cut in accepted if probe(data[:cut], format_, LIMITS).frames == 3]
    assert accepted == [], f"of {len(data)} bytes"


@pytest.mark.parametrize("name", ["baseline JPEG", "progressive JPEG", "PNG", "GIF", "BMP"])
def test_a_picture_cut_in_the_middle_of_its_pixels_is_told_as_truncated(name: str) -> None:
    format_, data = WHOLE[name]
    with pytest.raises(TruncatedImage):
        probe(data[: len(data) * 2 // 3], format_, LIMITS)


@pytest.mark.parametrize("name", WHOLE)
def test_garbage_behind_the_first_bytes_is_refused(name: str) -> None:
    format_, data = WHOLE[name]
    with pytest.raises((CorruptImage, TooManyPixels)):
        probe(data[:16] + bytes(range(256)) * 8, format_, LIMITS)


@pytest.mark.parametrize("name", WHOLE)
def test_flipped_bytes_are_decoded_or_refused_but_never_crash(name: str) -> None:
    format_, data = WHOLE[name]
    for place in range(0, len(data), max(1, len(data) // 40)):
        broken = bytearray(data)
        broken[place] ^= 0xFF
        with contextlib.suppress(ImageServiceError):
            probe(bytes(broken), format_, LIMITS)


def test_a_picture_of_another_format_than_its_first_bytes_is_refused() -> None:
    for format_ in (Format.PNG, Format.TIFF, Format.AVIF):
        with pytest.raises(CorruptImage):
            probe(jpeg(), format_, LIMITS)


def test_a_side_or_an_area_beyond_its_limit_is_told_before_decoding() -> None:
    with pytest.raises(TooManyPixels) as raised:
        probe(bombs.png_of(16_385, 1), Format.PNG, LIMITS)
    assert raised.value.args == ("max_side_px", 16_384, 16_385)
    with pytest.raises(TooManyPixels) as raised:
        probe(bombs.png_of(10_000, 5_001), Format.PNG, LIMITS)
    assert raised.value.args == ("max_pixels", 50_000_000, 50_010_000)
    exact = Limits(max_pixels=64 * 48, max_side_px=64)
    assert probe(jpeg((64, 48)), Format.JPEG, exact)
    with pytest.raises(TooManyPixels):
        probe(jpeg((64, 49)), Format.JPEG, exact)


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (gif(frames=4), Format.GIF),
        (png(frames=4), Format.PNG),
        (webp(frames=4), Format.WEBP),
        (avif(frames=4), Format.AVIF),
        (tiff(pages=4), Format.TIFF),
    ],
    ids=lambda v: getattr(v, "value", ""),
)
def test_frames_beyond_their_limits_are_told(data: bytes, format_: Format) -> None:
    pixels = 4 * 64 * 48
    assert probe(data, format_, Limits(max_frames=4, max_frames_pixels=pixels)).frames == 4
    with pytest.raises(TooManyFrames) as raised:
        probe(data, format_, Limits(max_frames=3))
    assert raised.value.args == ("max_frames", 3, 4)
    with pytest.raises(TooManyFrames) as raised:
        probe(data, format_, Limits(max_frames_pixels=pixels - 1))
    assert raised.value.args == ("max_frames_pixels", pixels - 1, pixels)


@pytest.mark.parametrize(
    "data",
    [
        webp((64, 48)),
        webp((64, 48), lossless=True),
        webp((64, 48), alpha=True),
        webp((64, 48), alpha=True, lossless=True),
        webp((64, 48), frames=2),
        webp((64, 48), orientation=6),
    ],
)
def test_every_kind_of_webp_has_its_size_checked_before_it_is_opened(data: bytes) -> None:
    assert probe(data, Format.WEBP, Limits(max_side_px=64)).format is Format.WEBP
    with pytest.raises(TooManyPixels) as raised:
        probe(data[:30], Format.WEBP, Limits(max_side_px=63))
    assert raised.value.args == ("max_side_px", 63, 64)


def test_scan_headers_inside_a_photos_metadata_are_not_scans() -> None:
    data = jpeg((64, 48))
    comment = b"\xff\xda" * 100
    segment = b"\xff\xfe" + (2 + len(comment)).to_bytes(2, "big") + comment
    assert probe(data[:2] + segment + data[2:], Format.JPEG, Limits()).width == 64


def test_scans_of_a_progressive_photo_are_counted_whatever_its_metadata_say() -> None:
    data = bombs.jpeg_with_scans(100)
    sequential = jpeg((64, 48))
    header = sequential[sequential.rindex(b"\xff\xda") :][:14]
    segment = b"\xff\xfe" + (2 + len(header)).to_bytes(2, "big") + header
    with pytest.raises(TooManyScans, match="scans"):
        probe(data[:2] + segment + data[2:], Format.JPEG, Limits())


@pytest.mark.parametrize(("orientation", "size"), [(1, (64, 48)), (3, (64, 48)), (6, (48, 64))])
def test_a_heic_comes_upright_out_of_its_decoder(orientation: int, size: tuple[int, int]) -> None:
    found = examine(heic(orientation=orientation), Format.HEIC, Limits(), strip_mode=Strip.NONE)
    assert (found.facts.width, found.facts.height, found.facts.orientation) == (*size, 1)
    assert (found.facts.frames, found.facts.animated) == (1, False)


@pytest.mark.parametrize("format_", [Format.HEIC, Format.AVIF])
def test_a_file_of_boxes_that_is_cut_short_is_told_as_such(format_: Format) -> None:
    data = make(format_)
    media = data.index(b"mdat")
    for size in (media + 8, media + 20, len(data) - 1):
        with pytest.raises(TruncatedImage):
            probe(data[:size], format_, Limits())
    spoilt = data.replace(b"pitm", b"xxxx")
    with pytest.raises(CorruptImage) as raised:
        probe(spoilt, format_, Limits())
    assert not isinstance(raised.value, TruncatedImage)


def test_frames_are_counted_at_the_size_they_grow_to() -> None:
    frames = gif_frame(0, 0, 1, 1) + gif_frame(6999, 6999, 1, 1) * 15
    with pytest.raises(TooManyFrames) as raised:
        probe(gif_head(1, 1) + frames + b";", Format.GIF, LIMITS)
    assert raised.value.details()["limit"] == LIMITS.max_frames_pixels


def test_a_frame_that_only_pillow_finds_is_still_held_to_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probe_module, "survey", lambda data: (1, 1, True))
    frames = gif_frame(0, 0, 1, 1) + gif_frame(0, 0, 30_000, 30_000)
    with pytest.raises(TooManyPixels) as raised:
        probe(gif_head(1, 1) + frames + b";", Format.GIF, LIMITS)
    assert raised.value.details()["actual"] == 900_000_000

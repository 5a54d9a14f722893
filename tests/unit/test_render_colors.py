"""Pixels of every kind become what they mean: depths, palettes, transparency, colour profiles."""

from __future__ import annotations

import io
import tracemalloc
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from image_service.domain.formats import Format
from image_service.domain.transform import Trim
from image_service.imaging import color
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.testing.pictures import draw
from tests.unit.rendering import (
    P3,
    cmyk_profile,
    flat,
    lanczos,
    pixels,
    psnr,
    rendered,
    saved,
    variant,
)

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


RAMP = np.tile(np.arange(0, 256, 4), (48, 1))
GREY = np.stack([RAMP] * 3, axis=2)


def test_grey_pictures_keep_their_values() -> None:
    assert np.array_equal(variant(saved(RAMP)), GREY)
    assert psnr(variant(saved(RAMP), width=32), lanczos(GREY, (32, 24))) >= 48


@pytest.mark.parametrize("name", ["PNG", "TIFF"])
def test_sixteen_bits_become_the_nearest_of_eight(name: str) -> None:
    deep = np.linspace(0, 65535, 64 * 48).reshape(48, 64).round().astype(np.uint16)
    shown = variant(saved(Image.fromarray(deep), name))
    assert np.array_equal(shown[..., 0], np.floor(deep / 257 + 0.5).astype(int))
    assert shown[0, 0].tolist() == [0, 0, 0]
    assert shown[-1, -1].tolist() == [255, 255, 255]


def test_sixteen_bits_of_fifty_megapixels_need_not_much_memory() -> None:
    """Ten bytes a pixel at once would be too much for a worker."""
    deep = Image.fromarray(np.full((4000, 4000), 32896, np.uint16))
    tracemalloc.start()
    narrow = color.plain(deep)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert narrow.getpixel((3999, 3999)) == 128
    assert peak <= 5 * 4000 * 4000


def test_bits_become_black_and_white_and_grey_between() -> None:
    board = Image.fromarray(np.indices((40, 40)).sum(axis=0) % 2 == 0)
    assert board.mode == "1"
    assert np.array_equal(variant(saved(board))[0, :4, 0], [255, 0, 255, 0])
    assert np.abs(variant(saved(board), width=10)[1:-1, 1:-1] - 127.5).max() <= 2


def test_a_palette_becomes_its_colours_and_its_transparency() -> None:
    picture = Image.new("P", (20, 10), 1)
    picture.putpalette([255, 0, 0, 0, 128, 0, 0, 0, 255])
    picture.paste(2, (10, 0, 20, 10))
    assert variant(saved(picture))[5, [5, 15]].tolist() == [[0, 128, 0], [0, 0, 255]]
    shown = variant(saved(picture, transparency=2))
    assert shown[5, 5].tolist() == [0, 128, 0, 255]
    assert shown[5, 15, 3] == 0


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_a_colour_that_stands_for_transparency_is_transparent(mode: str) -> None:
    values: dict[str, tuple[Any, Any, Any]] = {
        "RGB": ((9, 8, 7), (1, 2, 3), (1, 2, 3)), "L": (200, 7, 7), "I;16": (51400, 1799, 1799),
    }  # fmt: skip
    seen, hidden, key = values[mode]
    picture = Image.new(mode, (20, 10), seen)
    picture.paste(hidden, (10, 0, 20, 10))
    shown = variant(saved(picture, transparency=key))
    assert shown.shape == (10, 20, 4)
    assert shown[5, [5, 15], 3].tolist() == [255, 0]
    assert shown[5, 5, :3].tolist() == ([9, 8, 7] if mode == "RGB" else [200] * 3)


def test_grey_with_alpha_keeps_both() -> None:
    whole = np.stack([RAMP, RAMP[:, ::-1]], axis=2).astype(np.uint8)
    shown = variant(saved(Image.fromarray(whole, "LA")))
    assert np.array_equal(shown[..., 3], RAMP[:, ::-1])
    assert np.array_equal(shown[:, :-1, 0], RAMP[:, :-1])


def test_inks_without_a_profile_become_what_is_left_of_white() -> None:
    picture = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    shown = variant(saved(picture, "JPEG", quality=95))
    assert np.abs(shown[16, 16] - (0, 255, 255)).max() <= 3


def test_inks_with_a_profile_become_srgb() -> None:
    profile = cmyk_profile()
    picture = draw((48, 32), seed=4, mode="RGBA")
    inks = Image.frombytes("CMYK", picture.size, picture.tobytes())
    data = saved(inks, "TIFF", icc_profile=profile)
    assert np.abs(variant(data) - _in_srgb(inks, profile)).max() <= 1


def _in_srgb(picture: Image.Image, profile: bytes) -> Any:
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    found = ImageCms.profileToProfile(
        picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )
    return np.asarray(found).astype(int)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
def test_wide_colours_become_srgb_and_the_profile_goes(kind: str) -> None:
    picture = draw((48, 32), seed=4)
    options = {"lossless": True} if kind == "WEBP" else {}
    data = saved(picture, kind, icc_profile=P3, **options)
    decoded = Image.fromarray(pixels(data).astype(np.uint8))
    made = rendered(data)
    expected = _in_srgb(decoded, P3)
    assert np.abs(pixels(made) - expected).max() <= 1
    assert psnr(expected, np.asarray(decoded)) < 40, "it does make a difference"
    assert b"iCCP" not in made.data


def test_wide_colours_become_srgb_once_when_they_are_trimmed() -> None:
    picture = Image.new("RGB", (48, 32), (255, 255, 255))
    picture.paste((200, 60, 30), (8, 8, 40, 24))
    data = saved(picture, icc_profile=P3)
    expected = _in_srgb(picture, P3)[8:24, 8:40]
    assert np.array_equal(variant(data, trim=Trim(10)), expected)
    kept = rendered(data, trim=Trim(10), strip_color_profile=False)
    assert pixels(kept)[4, 4].tolist() == [200, 60, 30]


@pytest.mark.parametrize("format_", [Format.PNG, Format.JPEG, Format.WEBP, Format.AVIF])
def test_a_profile_of_rgb_is_kept_with_its_pixels_when_asked(format_: Format) -> None:
    data = saved(flat((32, 32), (200, 60, 30)), icc_profile=P3)
    made = rendered(data, format=format_, strip_color_profile=False, quality=95)
    with Image.open(io.BytesIO(made.data)) as picture:
        assert picture.info["icc_profile"] == P3
        assert np.abs(np.asarray(picture)[16, 16].astype(int) - (200, 60, 30)).max() <= 4


def test_a_gif_cannot_keep_a_profile_and_so_is_in_srgb() -> None:
    picture = Image.new("RGB", (32, 32), (200, 60, 30))
    made = rendered(saved(picture, icc_profile=P3), format=Format.GIF, strip_color_profile=False)
    with Image.open(io.BytesIO(made.data)) as shown:
        found = np.asarray(shown.convert("RGB")).astype(int)
    assert np.array_equal(found, _in_srgb(picture, P3))


def test_a_profile_of_inks_is_not_kept_with_rgb() -> None:
    inks = Image.new("CMYK", (32, 32), (30, 90, 0, 10))
    profile = cmyk_profile()
    made = rendered(saved(inks, "TIFF", icc_profile=profile), strip_color_profile=False)
    assert np.abs(pixels(made) - _in_srgb(inks, profile)).max() <= 1
    assert b"iCCP" not in made.data


def test_a_damaged_profile_is_no_obstacle() -> None:
    data = saved(flat((16, 16), (200, 60, 30)), icc_profile=b"nonsense" * 20)
    assert variant(data)[8, 8].tolist() == [200, 60, 30]


@pytest.mark.parametrize(
    ("background", "expected"), [(None, (255, 127, 127)), ((0, 0, 255), (128, 0, 127))]
)
def test_a_jpeg_shows_what_is_transparent_on_white_or_on_the_background(
    background: tuple[int, int, int] | None, expected: tuple[int, int, int]
) -> None:
    data = saved(flat((32, 32), (255, 0, 0, 128)))
    made = rendered(data, format=Format.JPEG, background=background, quality=95)
    assert made.format is Format.JPEG
    assert np.abs(pixels(made)[16, 16] - expected).max() <= 3


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P", "1", "CMYK", "I;16", "F", "LAB"])
def test_every_mode_is_scaled_and_turned(mode: str) -> None:
    picture = Image.new(mode, (40, 30))
    kind = "PNG" if mode in ("LA", "P") else "TIFF"
    shown = variant(saved(picture, kind), width=20, rotate=90)
    assert shown.shape[:2] == (27, 20)

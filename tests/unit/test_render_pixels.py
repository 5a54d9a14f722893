"""A variant's pixels are those of the original, cut, resized and turned: against float arithmetic.

All are asked for as PNG, so that nothing but rendering is measured.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from image_service.domain.transform import Gravity
from image_service.imaging import vips
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.testing.pictures import draw
from tests.unit.rendering import (
    flat,
    lanczos,
    pixels,
    psnr,
    saved,
    ssim,
    variant,
)

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
"""How an upright picture is turned to be stored: the inverse of what a viewer does."""

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        with patch.object(vips, "_loaded", None):  # test_render_vips looks at that
            yield


def _large_jpeg() -> bytes:
    clouds = draw((376, 251), seed=3).resize((3001, 2003), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(1).normal(0, 4, (2003, 3001, 1))
    return saved(np.clip(np.asarray(clouds) + noise, 0, 255), "JPEG", quality=92)


LARGE = _large_jpeg()
LARGE_PIXELS = pixels(LARGE)


@pytest.mark.parametrize("width", [2400, 1500, 1201, 750, 600, 375, 299, 187, 100])
def test_a_large_jpeg_is_scaled_as_if_all_of_it_were_filtered(width: int) -> None:
    shown = variant(LARGE, width=width)
    expected = lanczos(LARGE_PIXELS, (shown.shape[1], shown.shape[0]))
    assert shown.shape[:2] == (round(2003 * width / 3001), width)
    assert psnr(shown, expected) >= 42
    assert ssim(shown, expected) >= 0.99


@pytest.mark.parametrize("share", [0.9, 0.5, 0.251, 0.25, 0.17, 0.125])
@pytest.mark.parametrize("name", ["hubble_deep_field.jpg", "rocket.jpg"])
def test_a_photo_is_scaled_as_if_all_of_it_were_filtered(name: str, share: float) -> None:
    data = (PHOTOS / name).read_bytes()
    original = pixels(data)
    shown = variant(data, width=round(original.shape[1] * share), strip_color_profile=False)
    assert psnr(shown, lanczos(original, (shown.shape[1], shown.shape[0]))) >= 42


@pytest.mark.parametrize("size", [(451, 300), (200, 133), (77, 50), (24, 16), (900, 600)], ids=str)
def test_a_png_is_scaled_as_floats_say(size: tuple[int, int]) -> None:
    data = (PHOTOS / "chelsea.png").read_bytes()
    shown = variant(data, width=size[0], height=size[1], resizing_type="force", enlarge=True)
    assert psnr(shown, lanczos(pixels(data), size)) >= 47


@pytest.mark.parametrize(
    ("kind", "left", "top"),
    [
        ("nowe", 0, 0), ("no", 1201, 0), ("noea", 2401, 0),
        ("we", 0, 852), ("ce", 1201, 852), ("ea", 2401, 852),
        ("sowe", 0, 1703), ("so", 1201, 1703), ("soea", 2401, 1703),
    ],
)  # fmt: skip
def test_a_crop_of_a_large_jpeg_is_scaled_from_the_right_place(
    kind: str, left: int, top: int
) -> None:
    shown = variant(LARGE, crop_width=600, crop_height=300, gravity=Gravity(kind), width=150)
    expected = lanczos(LARGE_PIXELS, (150, 75), (left, top, left + 600, top + 300))
    assert psnr(shown, expected) >= 45


def _numbered(width: int, height: int) -> Any:
    """Return pixels that each tell their own place."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, (x * 7 + y * 13) % 256], axis=2)


@pytest.mark.parametrize(
    ("gravity", "left", "top"),
    [
        (Gravity("nowe"), 0, 0), (Gravity("no"), 30, 0), (Gravity("noea"), 60, 0),
        (Gravity("we"), 0, 20), (Gravity("ce"), 30, 20), (Gravity("ea"), 60, 20),
        (Gravity("sowe"), 0, 40), (Gravity("so"), 30, 40), (Gravity("soea"), 60, 40),
        (Gravity("fp", 0.5, 0.5), 30, 20), (Gravity("fp", 0.25, 0.75), 7, 35),
        (Gravity("nowe", 5, 7), 5, 7), (Gravity("soea", 5, 7), 55, 33),
        (Gravity("ce", -3, 4), 27, 24), (Gravity("we", 0.1, 0), 9, 20),
        (Gravity("no", 0, 99), 30, 40),
    ],
    ids=str,
)  # fmt: skip
def test_a_crop_takes_the_pixels_that_its_gravity_says(
    gravity: Gravity, left: int, top: int
) -> None:
    whole = _numbered(90, 60)
    shown = variant(saved(whole), crop_width=30, crop_height=20, crop_gravity=gravity)
    assert np.array_equal(shown, whole[top : top + 20, left : left + 30])
    # The same with the size asked for as what is kept of the scaled picture.
    shown = variant(saved(whole), width=90, height=20, gravity=gravity, resizing_type="fill")
    top = {0: 0, 40: 40}.get(top, top)
    assert np.array_equal(shown, whole[top : top + 20])


@pytest.mark.parametrize(("kind", "left"), [("we", 0), ("ce", 120), ("ea", 240)])
def test_filling_scales_to_one_side_and_cuts_the_other(kind: str, left: int) -> None:
    whole = np.asarray(draw((480, 240), seed=2)).astype(int)
    shown = variant(
        saved(whole), width=120, height=120, resizing_type="fill", gravity=Gravity(kind)
    )
    assert psnr(shown, lanczos(whole, (120, 120), (left, 0, left + 240, 240))) >= 45


def test_a_crop_counts_in_the_picture_as_it_is_seen_and_turned() -> None:
    whole = _numbered(90, 60)
    stored = saved(np.rot90(whole), exif=_orientation(6))  # a viewer turns it back
    crop = {"crop_width": 20, "crop_height": 10, "gravity": Gravity("noea")}
    assert np.array_equal(variant(stored, orientation=6, **crop), whole[:10, 70:])
    turned = np.rot90(whole, -1)  # clockwise
    shown = variant(stored, orientation=6, rotate=90, **crop)
    assert np.array_equal(shown, turned[:10, 40:])


def _orientation(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


UPRIGHT_SIZE = (48, 32)
FORMATS: dict[str, tuple[dict[str, Any], float]] = {
    "JPEG": ({"quality": 97, "subsampling": 0}, 35),
    "PNG": ({}, float("inf")),
    "WEBP": ({"lossless": True}, float("inf")),
    "TIFF": ({}, float("inf")),
    "AVIF": ({"quality": 97, "subsampling": "4:4:4", "max_threads": 1, "speed": 10}, 35),
}
"""How a format is saved, and the PSNR its pixels keep at least, in dB."""


def _upright() -> Any:
    """Return a picture that no turn leaves as it is."""
    y, x = np.mgrid[: UPRIGHT_SIZE[1], : UPRIGHT_SIZE[0]]
    corner = np.where((x < 16) & (y < 8), 220, 40)
    return np.stack([x * 5, y * 7, corner], axis=2)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", FORMATS)
def test_what_a_camera_turned_is_upright_and_then_turned_as_asked(
    name: str, orientation: int
) -> None:
    options, least_psnr = FORMATS[name]
    picture = Image.fromarray(_upright().astype(np.uint8))
    if orientation in STORED:
        picture = picture.transpose(STORED[orientation])
    data = saved(picture, name, exif=_orientation(orientation), **options)
    for angle in (0, 90, 180, 270):
        for across, down in ((False, False), (True, False), (False, True), (True, True)):
            expected = np.rot90(_upright(), -angle // 90)
            expected = expected[:, ::-1] if across else expected
            expected = expected[::-1] if down else expected
            shown = variant(
                data,
                orientation=orientation,
                rotate=angle,
                flip_horizontal=across,
                flip_vertical=down,
            )
            assert shown.shape == expected.shape
            assert psnr(shown, expected) >= least_psnr


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", FORMATS)
def test_without_auto_rotate_the_pixels_are_as_they_are_stored(name: str, orientation: int) -> None:
    options, least_psnr = FORMATS[name]
    stored = Image.fromarray(_upright().astype(np.uint8))
    data = saved(stored, name, exif=_orientation(orientation), **options)
    shown = variant(data, orientation=orientation, auto_rotate=False)
    assert shown.shape == (32, 48, 3)
    assert psnr(shown, _upright()) >= least_psnr


def test_a_turned_jpeg_is_drafted_at_the_right_scale() -> None:
    picture = Image.fromarray(LARGE_PIXELS.astype(np.uint8)).transpose(STORED[6])
    data = saved(picture, "JPEG", quality=92)
    original = np.rot90(pixels(data), -1)
    shown = variant(data, orientation=6, width=301, height=75, resizing_type="fill")
    assert shown.shape == (75, 301, 3)
    px = 2003 / 201
    expected = lanczos(original, (301, 75), (0, 64 * px, 3001, 139 * px))
    assert psnr(shown, expected) >= 42


def test_the_colour_under_what_is_transparent_does_not_bleed() -> None:
    whole = flat((90, 60), (0, 160, 0, 255))
    whole[:, 45:] = (255, 0, 255, 0)
    whole[:, 30:45, 3] = 128
    shown = variant(saved(whole), width=30)
    visible = shown[shown[..., 3] >= 64]
    assert np.abs(visible[:, :3] - (0, 160, 0)).max() <= 2
    expected = lanczos(whole, (30, 20))
    assert np.abs(shown[..., 3] - expected[..., 3]).max() <= 1


def test_half_transparent_edges_are_scaled_as_floats_say() -> None:
    whole = np.asarray(draw((240, 160), seed=5, mode="RGBA")).astype(float)
    shown, expected = variant(saved(whole), width=100), lanczos(whole, (100, 67))
    for ground in (0, 255):
        over = [each[..., :3] * each[..., 3:] / 255 + ground * (1 - each[..., 3:] / 255)
                for each in (shown, expected)]  # fmt: skip
        assert psnr(*over) >= 45

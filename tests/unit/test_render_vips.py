"""Resizing by libvips gives what Pillow gives, and leaves to it what it cannot do."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from image_service.domain.turns import Box, Size
from image_service.errors import CorruptImage
from image_service.imaging import vips
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from tests.unit.rendering import lanczos, pixels, psnr, saved, variant

PHOTOS = Path(__file__).parents[2] / "examples" / "photos"
pytest.importorskip(vips.PACKAGE)


@pytest.fixture(scope="module", autouse=True)
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


def photo(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    with Image.open(PHOTOS / "chelsea.png") as picture:
        return picture.convert("RGB").resize(size, Image.Resampling.BICUBIC).convert(mode)


def whole(picture: Image.Image) -> Box:
    return Box(0, 0, picture.width, picture.height)


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("size", [(200, 150), (77, 50), (31, 40), (1, 1)], ids=str)
def test_pixels_are_those_of_the_same_filter(mode: str, size: tuple[int, int]) -> None:
    picture = photo((400, 300), mode)
    made = vips.resized(picture, Size(*size), whole(picture))
    assert made
    assert (made.mode, made.size) == (mode, size)
    expected = picture.resize(size, Image.Resampling.LANCZOS)
    visible = np.asarray(expected)[..., -1:] > 0 if mode in ("LA", "RGBA") else True
    difference = np.abs(np.asarray(made).astype(int) - np.asarray(expected)) * visible
    assert difference.mean() <= 2


def test_a_box_is_cut_out_first() -> None:
    picture = photo((400, 300))
    made = vips.resized(picture, Size(50, 40), Box(100, 60, 300, 220))
    expected = picture.resize((50, 40), Image.Resampling.LANCZOS, box=(100, 60, 300, 220))
    assert made
    # At the edges the one looks at what is beyond, the other does not.
    inner = np.s_[3:-3, 3:-3]
    assert psnr(np.asarray(made)[inner], np.asarray(expected)[inner]) > 40


def test_edges_that_are_nearly_whole_move_nothing_one_could_see() -> None:
    picture = photo((682, 557))
    made = vips.resized(picture, Size(512, 418), Box(0, 0, 681.25, 556.25))
    expected = picture.resize((512, 418), Image.Resampling.LANCZOS, box=(0, 0, 681.25, 556.25))
    assert made
    assert made.size == (512, 418)
    assert psnr(np.asarray(made), np.asarray(expected)) > 38


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 1362.5, 1112.5), (0, 0, 1362, 1112)),
        ((0.4, 10.6, 100.0, 80.0), (0, 11, 100, 80)),
        ((0.5, 0.25, 100.5, 80.75), (0, 0, 101, 81)),
        ((0.7, 3.1, 99.8, 80.1), (1, 3, 100, 80)),
        ((7, 8, 9, 10), (7, 8, 9, 10)),
    ],
)
def test_a_box_between_pixels_is_moved_by_a_quarter_at_most(
    box: tuple[float, float, float, float], expected: tuple[int, int, int, int]
) -> None:
    assert vips._whole(Box(*box)) == expected
    for first, last in ((0, 2), (1, 3)):
        assert abs(box[first] + box[last] - expected[first] - expected[last]) <= 0.5


@pytest.mark.parametrize(
    ("mode", "size", "box"),
    [
        ("RGB", (200, 30), (0, 0, 100, 80)),
        ("RGB", (40, 81), (0, 0, 100, 80)),
        ("LAB", (40, 30), (0, 0, 100, 80)),
    ],
)
def test_what_it_cannot_do_is_left_to_pillow(
    mode: str, size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert vips.resized(Image.new(mode, (100, 80)), Size(*size), Box(*box)) is None


def test_without_the_package_all_is_left_to_pillow() -> None:
    picture = photo((100, 80))
    with patch.object(vips, "_loaded", None):
        assert vips.resized(picture, Size(10, 8), whole(picture)) is None


def test_the_colour_of_what_cannot_be_seen_does_not_bleed() -> None:
    values = np.zeros((80, 80, 4), np.uint8)
    values[:, :40] = (255, 0, 0, 255)
    values[:, 40:] = (0, 255, 0, 0)
    shown = variant(saved(Image.fromarray(values)), width=10)
    seen: Any = shown[shown[..., 3] > 8]
    assert (seen[:, 1] < 8).all()


def test_a_variant_is_as_true_by_it() -> None:
    data = saved(photo((1200, 900)))
    shown = variant(data, width=300)
    assert psnr(shown, lanczos(pixels(data), (300, 225))) > 42


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("box", [Box(0, 0, 300, 200), Box(40, 20, 240, 180)], ids=str)
def test_a_png_is_decoded_and_resized_in_one_go(mode: str, box: Box) -> None:
    data = saved(photo((300, 200), mode))
    with Image.open(io.BytesIO(data)) as opened:
        made = vips.resized_file(data, opened, Size(100, 80), box)
        assert made
        expected = vips.resized(opened.copy(), Size(100, 80), box)
    assert expected
    assert made.mode == mode
    # Of a part the one looks beyond its edges.
    assert psnr(np.asarray(made)[3:-3, 3:-3], np.asarray(expected)[3:-3, 3:-3]) > 50


def test_a_jpeg_is_decoded_in_full_where_that_is_asked_for() -> None:
    grainy = np.random.default_rng(1).normal(128, 40, (900, 1200, 3)).clip(0, 255)
    data = saved(grainy, "JPEG", quality=95, subsampling=0)
    wanted = lanczos(pixels(data), (300, 225))
    shrunk = psnr(variant(data, width=300), wanted)
    exact = psnr(variant(data, width=300, shrink_on_load=False), wanted)
    assert exact > 50 > 45 > shrunk
    with patch.object(vips, "_loaded", None):
        assert psnr(variant(data, width=300, shrink_on_load=False), wanted) > 50


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_jpeg_is_decoded_and_resized_in_one_go(mode: str) -> None:
    data = saved(photo((300, 200), mode), "JPEG")
    with Image.open(io.BytesIO(data)) as opened:
        made = vips.resized_file(data, opened, Size(100, 80), Box(0, 0, 300, 200))
        expected = vips.resized(opened.copy(), Size(100, 80), Box(0, 0, 300, 200))
    assert made
    assert expected
    assert made.mode == mode
    assert psnr(np.asarray(made), np.asarray(expected)) > 50


def test_a_cmyk_jpeg_is_left_to_pillow() -> None:
    data = saved(photo((60, 40), "CMYK"), "JPEG")
    with Image.open(io.BytesIO(data)) as opened:
        assert vips.resized_file(data, opened, Size(6, 4), Box(0, 0, 60, 40)) is None


def test_a_png_that_is_cut_off_is_told_by_pillow() -> None:
    data = saved(photo((300, 200)))[:-20_000]
    with Image.open(io.BytesIO(data)) as opened:
        assert vips.resized_file(data, opened, Size(30, 20), Box(0, 0, 300, 200)) is None
    with pytest.raises(CorruptImage):
        variant(data, width=30)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_a_png_is_decoded_to_the_same_pixels(mode: str) -> None:
    data = saved(photo((300, 200), mode))
    with Image.open(io.BytesIO(data)) as opened:
        made = vips.decoded(data, opened)
        assert made
        assert (made.mode, made.size) == (mode, (300, 200))
        assert np.array_equal(np.asarray(made), np.asarray(opened))


def test_a_png_it_does_not_read_is_left_to_pillow() -> None:
    picture = photo((60, 40))
    palette = saved(picture.quantize(16))
    clear = saved(picture, transparency=(1, 2, 3))
    deep = saved(Image.fromarray(np.zeros((4, 4), np.uint16)))
    cut = saved(picture)[:-2000]
    for data in (palette, clear, deep, cut):
        with Image.open(io.BytesIO(data)) as opened:
            assert vips.decoded(data, opened) is None


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_png_it_writes_has_the_same_pixels_and_is_smaller(mode: str) -> None:
    picture = photo((300, 200), mode)
    if mode == "RGBA":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    written = vips.png(picture)
    assert written
    with Image.open(io.BytesIO(written)) as opened:
        assert (opened.format, opened.mode) == ("PNG", mode)
        assert np.array_equal(np.asarray(opened), np.asarray(picture))
        assert not set(opened.info) - {"dpi"}
    assert len(written) < len(saved(picture, compress_level=3))

"""Gradients, palettes, and quality chosen by what it looks like."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from image_service.domain.formats import Format
from image_service.domain.transform import AutoQuality, Gradient
from image_service.imaging.auto_quality import dissimilarity
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from tests.unit.rendering import flat, rendered, saved, variant

PHOTO = (Path(__file__).parents[2] / "examples" / "photos" / "rocket.jpg").read_bytes()
WHITE = saved(flat((40, 20), (255, 255, 255)))


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


@pytest.mark.parametrize(
    ("angle", "clear", "dark"),
    [
        (0, (0, 20), (19, 20)),
        (180, (19, 20), (0, 20)),
        (90, (10, 39), (10, 0)),
        (270, (10, 0), (10, 39)),
    ],
)
def test_a_gradient_grows_from_nothing_to_its_opacity(
    angle: float, clear: tuple[int, int], dark: tuple[int, int]
) -> None:
    shown = variant(WHITE, gradient=Gradient(1.0, angle=angle))
    assert shown[clear].min() >= 248
    assert shown[dark].max() <= 7
    half = variant(WHITE, gradient=Gradient(0.5, (255, 0, 0), angle))
    assert np.abs(half[dark] - (255, 128, 128)).max() <= 5


def test_a_gradient_begins_and_ends_where_it_is_told() -> None:
    shown = variant(WHITE, gradient=Gradient(1.0, start=0.25, stop=0.75))
    assert (shown[:5] == 255).all()
    assert (shown[15:] == 0).all()
    middle = shown[10, 0, 0]
    assert 100 < middle < 150


def test_a_gradient_shows_over_what_is_transparent() -> None:
    clear = saved(flat((40, 20), (0, 0, 0, 0)))
    shown = variant(clear, gradient=Gradient(1.0, (0, 0, 255)))
    assert shown[0, 0, 3] <= 7
    assert np.abs(shown[19, 0] - (0, 0, 255, 248)).max() <= 8


def test_a_palette_has_so_many_colours_and_makes_the_file_smaller() -> None:
    whole = rendered(PHOTO, width=200)
    small = rendered(PHOTO, width=200, colors=16)
    with Image.open(io.BytesIO(small.data)) as shown:
        assert shown.mode == "P"
        assert len(shown.convert("RGB").getcolors(256) or ()) <= 16
    assert len(small.data) < len(whole.data) / 3


def luma(size: int) -> object:
    with Image.open(io.BytesIO(rendered(PHOTO, width=size).data)) as shown:
        return np.asarray(shown.convert("L"), np.float64)


@pytest.mark.parametrize("format_", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_the_lowest_quality_that_is_like_enough_is_taken(format_: Format) -> None:
    expected = luma(200)
    wanted = AutoQuality("dssim", 0.03, 20, 95)
    made = rendered(PHOTO, width=200, format=format_, auto_quality=wanted).data
    assert dissimilarity(expected, made) <= 0.03
    sizes = {
        quality: rendered(PHOTO, width=200, format=format_, quality=quality).data
        for quality in range(20, 96, 5)
    }
    worse = [data for data in sizes.values() if dissimilarity(expected, data) > 0.03]
    assert worse, "some quality is not enough"
    assert len(made) <= min(
        len(data) for data in sizes.values() if dissimilarity(expected, data) <= 0.03
    )


def test_what_no_quality_reaches_gets_the_best_there_is() -> None:
    made = rendered(
        PHOTO, width=200, format=Format.JPEG, auto_quality=AutoQuality("dssim", 0.0001, 30, 40)
    )
    assert made.data == rendered(PHOTO, width=200, format=Format.JPEG, quality=40).data


def test_the_highest_quality_that_is_small_enough_is_taken() -> None:
    def made(target: int) -> bytes:
        wanted = AutoQuality("size", target, 30, 90)
        return rendered(PHOTO, width=200, format=Format.JPEG, auto_quality=wanted).data

    at = {
        quality: rendered(PHOTO, width=200, format=Format.JPEG, quality=quality).data
        for quality in (30, 60, 61, 90)
    }
    assert made(len(at[61]) - 1) == at[60]
    assert made(len(at[60])) == at[60]
    assert made(10**6) == at[90]
    assert made(10) == at[30]

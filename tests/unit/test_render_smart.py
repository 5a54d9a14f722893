"""Smart gravity keeps the part of a picture that strikes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from image_service.domain.transform import Gravity
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.testing.pictures import draw
from tests.unit.rendering import saved, variant

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(Limits())
        yield


CORNERS = [(20, 20), (500, 20), (20, 340), (500, 340)]


def striking(left: int, top: int) -> Image.Image:
    """Return a flat ground with something colourful of 120 × 120 px on it."""
    picture = Image.new("RGB", (640, 480), (190, 190, 190))
    picture.paste(draw((120, 120), seed=3), (left, top))
    ImageDraw.Draw(picture).ellipse((left + 30, top + 30, left + 90, top + 90), fill=(230, 20, 20))
    return picture


def colorful(picture: Any) -> int:
    """Return how many pixels are not grey."""
    return int((np.ptp(picture[..., :3], axis=2) > 25).sum())


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
@pytest.mark.parametrize("corner", CORNERS)
def test_smart_gravity_keeps_the_striking_part(corner: tuple[int, int], kind: str) -> None:
    picture = striking(*corner)
    everything = colorful(np.asarray(picture).astype(int))
    for orientation in (1, 6):
        stored = picture if orientation == 1 else picture.transpose(Image.Transpose.ROTATE_90)
        data = saved(stored, kind)
        shown = variant(data, orientation=orientation, crop_width=240, crop_height=240,
                        gravity=Gravity("sm"))  # fmt: skip
        assert colorful(shown) >= 0.95 * everything
        scaled = variant(data, orientation=orientation, width=120, height=160,
                         resizing_type="fill", gravity=Gravity("sm"))  # fmt: skip
        assert scaled.shape[:2] == (160, 120)
        assert colorful(scaled) >= 0.9 * everything / 9


def test_smart_gravity_does_not_see_the_colour_under_what_is_transparent() -> None:
    picture = striking(*CORNERS[0]).convert("RGBA")
    hidden = draw((300, 480), seed=8, mode="RGBA")
    hidden.putalpha(0)
    picture.paste(hidden, (340, 0))
    shown = variant(saved(picture), crop_width=240, crop_height=240, gravity=Gravity("sm"))
    assert (shown[..., 3] == 255).all()
    assert colorful(shown) >= 10_000

"""Variants made of a mezzanine are those that the original gives: against float arithmetic."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image, ImageOps

from image_service.domain.formats import Format, sniff
from image_service.domain.geometry import crop_box, plan, position, source_box
from image_service.domain.image import PictureFacts
from image_service.domain.mezzanine import Use
from image_service.domain.transform import Gravity, Transform
from image_service.domain.turns import Size
from image_service.domain.variant_ports import Rendering
from image_service.errors import CorruptImage
from image_service.imaging import vips
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.testing.pictures import draw
from tests.unit.rendering import P3, lanczos, pixels, psnr, rendered, saved, ssim

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker

WIDTH, HEIGHT = 2725, 1113  # of which 1/4 is no whole number


@pytest.fixture(autouse=True, scope="module", params=["Pillow", "libvips"])
def least_db(request: pytest.FixtureRequest) -> Iterator[float]:
    """Set an engine up; return how true it is: libvips cuts between whole pixels only."""
    with warnings.catch_warnings():
        set_up(Limits())
        if request.param == "libvips":
            pytest.importorskip("pyvips")
            vips.load()
            yield 35.0
        else:
            with patch.object(vips, "_loaded", None):
                yield 42.0


def _photo() -> Image.Image:
    clouds = draw((341, 139), seed=3).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    noise = np.random.default_rng(1).normal(0, 4, (HEIGHT, WIDTH, 1))
    return Image.fromarray(np.clip(np.asarray(clouds) + noise, 0, 255).astype(np.uint8))


PHOTO = _photo()
JPEG = saved(PHOTO, "JPEG", quality=92)
PIXELS = pixels(JPEG)
FACTS = PictureFacts(Format.JPEG, WIDTH, HEIGHT)


def both(data: bytes, facts: PictureFacts, **wanted: Any) -> tuple[Rendering, Rendering, Rendering]:
    """Return a variant of the original alone, beside its mezzanine, and of that."""
    alone = rendered(data, facts=facts, **wanted)
    first = rendered(data, facts=facts, mezzanine=Use.MAKE, **wanted)
    assert first.mezzanine
    later = rendered(first.mezzanine, facts=facts, mezzanine=Use.SOURCE, **wanted)
    return alone, first, later


@pytest.mark.parametrize("width", [512, 400, 256, 100, 33])
def test_of_a_jpeg(width: int, least_db: float) -> None:
    _, first, later = both(JPEG, FACTS, width=width)
    assert sniff(first.mezzanine) is Format.JPEG
    expected = lanczos(PIXELS, (width, round(HEIGHT * width / WIDTH)))
    for made in (first, later):
        assert psnr(pixels(made), expected) >= least_db
        assert ssim(pixels(made), expected) >= 0.99


@pytest.mark.parametrize("orientation", range(1, 9))
def test_of_one_that_lies_on_its_side(orientation: int, least_db: float) -> None:
    upright = Image.open(io.BytesIO(JPEG))
    upright.getexif()[274] = orientation
    upright = ImageOps.exif_transpose(upright)
    facts = PictureFacts(Format.JPEG, *upright.size, orientation=orientation)
    made = rendered(JPEG, facts=facts, mezzanine=Use.MAKE, width=200)
    for wanted in ({"width": 200}, {"height": 200, "rotate": 90, "flip_horizontal": True}):
        later = rendered(made.mezzanine, facts=facts, mezzanine=Use.SOURCE, **wanted)
        expected = upright
        if "rotate" in wanted:
            expected = ImageOps.mirror(upright.rotate(-90, expand=True))
        found = lanczos(np.asarray(expected), (later.width, later.height))
        assert psnr(pixels(later), found) >= least_db


@pytest.mark.parametrize(
    "wanted",
    [
        {"width": 150, "height": 150, "resizing_type": "fill", "gravity": Gravity("soea")},
        {"width": 150, "crop_width": 900, "crop_height": 700, "gravity": Gravity("noea", 10, 20)},
        {"width": 100, "height": 200, "resizing_type": "fill", "gravity": Gravity("fp", 0.3, 0.9)},
        {"width": 211, "height": 97, "resizing_type": "force"},
    ],
    ids=str,
)
def test_of_a_part(wanted: dict[str, Any], least_db: float) -> None:
    transform = Transform(**wanted)
    planned = plan(Size(WIDTH, HEIGHT), transform)
    region = crop_box(Size(WIDTH, HEIGHT), planned, transform)
    corner = position(planned.scaled, planned.result, transform.gravity, planned.dpr)
    box = source_box(region, planned, *corner)
    expected = lanczos(PIXELS, tuple(planned.result), tuple(box))
    for made in both(JPEG, FACTS, **wanted)[1:]:
        assert psnr(pixels(made), expected) >= least_db


def test_of_a_png_with_transparency_nothing_is_lost() -> None:
    alpha = Image.linear_gradient("L").resize(PHOTO.size)
    picture = PHOTO.copy()
    picture.putalpha(alpha)
    data = saved(picture.resize((1200, 980)), "PNG", compress_level=1)
    facts = PictureFacts(Format.PNG, 1200, 980, has_alpha=True)
    alone, first, later = both(data, facts, width=256)
    assert sniff(first.mezzanine) is Format.PNG
    assert pixels(later).shape == (209, 256, 4)
    assert psnr(_on_black(alone), _on_black(later)) >= 45


def _on_black(made: Rendering) -> Any:
    shown = pixels(made)
    return shown[..., :3] * shown[..., 3:] / 255


@pytest.mark.parametrize("mode", ["L", "P", "I;16", "LA", "1"])
def test_of_a_png_of_any_kind(mode: str) -> None:
    small = PHOTO.resize((1200, 980)).convert("L")
    picture = (
        Image.fromarray(np.asarray(small).astype(np.uint16) * 257)
        if mode == "I;16"
        else small.convert(mode)
    )
    facts = PictureFacts(Format.PNG, 1200, 980, has_alpha=mode == "LA")
    alone, _, later = both(saved(picture), facts, width=300)
    # Of black and white alone, each filter makes other greys.
    assert psnr(pixels(alone), pixels(later)) >= (28 if mode == "1" else 40)


def test_of_a_webp() -> None:
    data = saved(PHOTO, "WEBP", quality=90)
    alone, _, later = both(data, replace(FACTS, format=Format.WEBP), width=400)
    expected = lanczos(pixels(data), (400, round(HEIGHT * 400 / WIDTH)))
    assert psnr(pixels(later), expected) >= min(42, psnr(pixels(alone), expected) - 1)


def test_colours_are_converted_as_those_of_the_original() -> None:
    data = saved(PHOTO, "JPEG", quality=92, icc_profile=P3)
    alone, _, later = both(data, FACTS, width=300)
    assert psnr(pixels(alone), pixels(later)) >= 42
    plain = rendered(JPEG, facts=FACTS, width=300)
    assert psnr(pixels(plain), pixels(later)) < 35, "the profile says something"
    with Image.open(io.BytesIO(later.data)) as picture:
        assert "icc_profile" not in picture.info


@pytest.mark.parametrize("format_", [Format.JPEG, Format.WEBP, Format.AVIF])
def test_copyright_goes_with_it_and_nothing_else(format_: Format) -> None:
    exif = Image.Exif()
    exif[33432], exif[272] = "(c) 2024 Somebody", "SecretCam"
    exif.get_ifd(34853)[1] = "N"
    data = saved(PHOTO, "JPEG", exif=exif, comment="MyComment")
    alone, first, later = both(data, FACTS, width=64, format=format_)
    assert b"2024 Somebody" in first.mezzanine
    assert not [each for each in (b"SecretCam", b"MyComment") if each in first.mezzanine]
    for made in (alone, first, later):
        with Image.open(io.BytesIO(made.data)) as picture:
            assert dict(picture.getexif()) == {33432: "(c) 2024 Somebody"}
    without = rendered(
        first.mezzanine, facts=FACTS, mezzanine=Use.SOURCE, width=64, keep_copyright=False
    )
    assert b"2024 Somebody" not in without.data


def test_of_inks_there_is_none() -> None:
    data = saved(PHOTO.convert("CMYK"), "JPEG")
    made = rendered(data, facts=FACTS, mezzanine=Use.MAKE, width=300)
    assert made.mezzanine == b""
    assert psnr(pixels(made), pixels(rendered(data, width=300))) == float("inf")


def test_of_an_original_that_is_not_as_large_as_was_said_there_is_none() -> None:
    data = saved(PHOTO.resize((1200, 980)), "JPEG")
    made = rendered(data, facts=FACTS, mezzanine=Use.MAKE, width=300)
    assert made.mezzanine == b""


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_part_of_it_is_an_error_and_no_picture(share: float) -> None:
    whole = rendered(JPEG, facts=FACTS, mezzanine=Use.MAKE, width=300).mezzanine
    with pytest.raises(CorruptImage):
        rendered(whole[: int(len(whole) * share)], facts=FACTS, mezzanine=Use.SOURCE, width=300)

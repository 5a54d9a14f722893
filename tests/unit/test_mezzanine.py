"""Which originals get a mezzanine, how large, and which variants are made of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from image_service.domain.formats import Format
from image_service.domain.image import PictureFacts
from image_service.domain.mezzanine import Mezzanine, mezzanine_of, serves
from image_service.domain.transform import AutoQuality, Gravity, Transform, Trim
from image_service.domain.turns import Size

PHONE = PictureFacts(Format.JPEG, 4032, 3024)
MEZZANINE = Mezzanine(Format.JPEG, Size(1008, 756), Size(4032, 3024), 4)
LOGO = PictureFacts(Format.PNG, 2000, 1000, has_alpha=True)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (PHONE, MEZZANINE),
        (PictureFacts(Format.JPEG, 2725, 2225), (Format.JPEG, (682, 557), 4)),
        (PictureFacts(Format.JPEG, 8064, 6048), (Format.JPEG, (1008, 756), 8)),
        (PictureFacts(Format.JPEG, 3024, 4032, orientation=6), MEZZANINE),
        (PictureFacts(Format.JPEG, 2660, 2000), None),  # 1/4 would be too small
        (PictureFacts(Format.JPEG, 9000, 5), (Format.JPEG, (2250, 2), 4)),
        (PictureFacts(Format.JPEG, 9000, 3), None),
        (LOGO, (Format.PNG, (672, 336), 0)),
        (PictureFacts(Format.PNG, 1024, 1024), (Format.PNG, (672, 672), 0)),
        (PictureFacts(Format.PNG, 820, 820), None),
        (PictureFacts(Format.HEIC, 3024, 4032, orientation=6), (Format.JPEG, (504, 672), 0)),
        (PictureFacts(Format.AVIF, 3024, 4032, orientation=6), (Format.JPEG, (672, 504), 0)),
        (PictureFacts(Format.AVIF, 4000, 40, has_alpha=True), (Format.PNG, (672, 7), 0)),
        (PictureFacts(Format.TIFF, 3000, 3000), (Format.PNG, (672, 672), 0)),
        (PictureFacts(Format.WEBP, 3000, 3000), (Format.JPEG, (672, 672), 0)),
        (PictureFacts(Format.WEBP, 3000, 3000, frames=2, animated=True), None),
    ],
    ids=str,
)  # fmt: skip
def test_large_stills_have_one(facts: PictureFacts, expected: Any) -> None:
    found = mezzanine_of(facts)
    if found is None or isinstance(expected, Mezzanine):
        assert found == expected
    else:
        assert (found.format, tuple(found.size), found.divisor) == expected


def test_its_scale_is_the_decoders_own_or_that_of_its_sides() -> None:
    jpeg = mezzanine_of(PictureFacts(Format.JPEG, 2725, 2225))
    png = mezzanine_of(PictureFacts(Format.PNG, 1000, 999))
    assert jpeg
    assert png
    assert jpeg.zoom == (1 / 4, 1 / 4)
    assert png.zoom == (672 / 1000, 671 / 999)


@pytest.mark.parametrize(
    "wanted",
    [
        {"width": 512},
        {"width": 775},
        {"height": 581},
        {"width": 512, "height": 512, "resizing_type": "fill"},
        {"width": 500, "height": 700, "resizing_type": "fit", "rotate": 90},
        {"width": 300, "dpr": 2.5},
        {"width": 200, "crop_width": 0.5, "gravity": Gravity("sm")},
        {"width": 512, "format": Format.AVIF, "quality": 90, "blur": 2.0},
    ],
    ids=str,
)
def test_small_variants_are_made_of_it(wanted: dict[str, Any]) -> None:
    assert serves(MEZZANINE, PHONE, asked(**wanted))


def test_sides_are_those_that_are_seen() -> None:
    upright = replace(PHONE, width=3024, height=4032, orientation=6)
    assert serves(MEZZANINE, upright, asked(width=581))
    assert not serves(MEZZANINE, upright, asked(width=582))
    assert serves(MEZZANINE, upright, asked(width=775, rotate=90))
    assert not serves(MEZZANINE, upright, asked(width=776, rotate=90))


@pytest.mark.parametrize(
    "wanted",
    [
        {},
        {"width": 776},
        {"height": 582},
        {"width": 300, "dpr": 3},
        {"width": 400, "crop_width": 0.5},
        {"width": 300, "trim": Trim(10.0)},
        {"width": 300, "auto_rotate": False},
        {"width": 300, "strip_metadata": False},
        {"width": 300, "strip_color_profile": False},
        {"width": 300, "quality": 91},
        {"width": 300, "auto_quality": AutoQuality("dssim", 0.02, 70, 95)},
        {"width": 300, "format": Format.PNG},
        {"width": 300, "format": Format.GIF},
    ],
    ids=str,
)
def test_others_are_made_of_the_original(wanted: dict[str, Any]) -> None:
    assert not serves(MEZZANINE, PHONE, asked(**wanted))


def test_a_lossless_one_serves_every_format_and_quality() -> None:
    mezzanine = mezzanine_of(LOGO)
    assert mezzanine
    assert serves(mezzanine, LOGO, asked(width=300, format=Format.PNG))
    assert serves(mezzanine, LOGO, asked(width=300, quality=100))


def asked(**wanted: Any) -> Transform:
    return Transform(**{"format": Format.JPEG, "quality": 80, **wanted})

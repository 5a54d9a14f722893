"""Transforms as JSON and as keys: nothing is lost, and nothing is mistaken for another."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.formats import Format
from image_service.domain.transform import (
    OUTPUT_FORMATS,
    RESIZING_TYPES,
    AutoQuality,
    Gradient,
    Gravity,
    Padding,
    Transform,
    Trim,
    Watermark,
)

SIDES = st.integers(0, 16384)
CHANNELS = st.integers(0, 255)
COLORS = st.tuples(CHANNELS, CHANNELS, CHANNELS)
OFFSETS = st.floats(-16384, 16384) | st.integers(-100, 100)
GRAVITIES = st.builds(Gravity, st.sampled_from(["ce", "no", "soea", "sm", "fp"]), OFFSETS, OFFSETS)
FACTORS = st.floats(0.01, 100) | st.integers(1, 5)
FORMATS = st.sampled_from(OUTPUT_FORMATS)
STRATEGIES: dict[str, st.SearchStrategy[Any]] = {
    "resizing_type": st.sampled_from(RESIZING_TYPES),
    **dict.fromkeys(("width", "height", "min_width", "min_height", "pixelate"), SIDES),
    **dict.fromkeys(("zoom_x", "zoom_y", "dpr", "contrast", "saturation"), FACTORS),
    **dict.fromkeys(("enlarge", "auto_rotate", "flip_horizontal", "flip_vertical"), st.booleans()),
    **dict.fromkeys(("strip_metadata", "keep_copyright", "strip_color_profile"), st.booleans()),
    **dict.fromkeys(("extend", "extend_aspect_ratio", "crop_gravity"), st.none() | GRAVITIES),
    "gravity": GRAVITIES,
    **dict.fromkeys(("crop_width", "crop_height"), st.floats(0, 16384)),
    "trim": st.none()
    | st.builds(Trim, st.floats(0, 255), st.none() | COLORS, st.booleans(), st.booleans()),
    "padding": st.builds(Padding, SIDES, SIDES, SIDES, SIDES),
    "rotate": st.sampled_from([0, 90, 180, 270]),
    "brightness": st.integers(-255, 255),
    "background": st.none() | COLORS,
    **dict.fromkeys(("blur", "sharpen"), st.floats(0, 100)),
    "watermark": st.none() | st.builds(Watermark, st.floats(0, 1), GRAVITIES, st.floats(0, 100)),
    "watermark_name": st.sampled_from(["", "logo", "seal"]),
    "gradient": st.none()
    | st.builds(Gradient, st.floats(0, 1), COLORS, st.floats(0, 359), st.floats(0, 1)),
    "auto_quality": st.none()
    | st.builds(AutoQuality, st.sampled_from(["dssim", "size"]), st.floats(0, 9), SIDES, SIDES),
    "colors": st.integers(0, 256),
    "format": st.none() | FORMATS,
    "quality": st.integers(0, 100),
    "format_quality": st.lists(
        st.tuples(FORMATS, st.integers(0, 100)), max_size=3, unique_by=lambda pair: pair[0]
    ).map(tuple),
    "max_bytes": st.integers(0, 2**31),
}
# Mostly a few fields: that is what URLs ask for, and it meets equal ones.
TRANSFORMS = st.fixed_dictionaries({}, optional=STRATEGIES).map(lambda values: Transform(**values))
SMALL = st.builds(
    Transform,
    width=st.integers(0, 1),
    dpr=st.sampled_from([1, 1.0, 2, 2.0]),
    crop_gravity=st.sampled_from([None, Gravity(), Gravity("ce", -0.0, 0), Gravity("no")]),
    trim=st.sampled_from([None, Trim(0), Trim(-0.0), Trim(0, (0, 0, 0))]),
)


def test_every_field_is_tested() -> None:
    assert set(STRATEGIES) == {spec.name for spec in dataclasses.fields(Transform)}


@given(TRANSFORMS)
def test_json_loses_nothing(transform: Transform) -> None:
    text = json.dumps(transform.to_json(), allow_nan=False)
    again = Transform.from_json(json.loads(text))
    assert again == transform
    assert hash(again) == hash(transform)
    assert again.key == transform.key
    assert json.dumps(again.to_json()) == text


@given(TRANSFORMS)
def test_only_what_differs_from_the_defaults_is_written(transform: Transform) -> None:
    default = Transform()
    different = {
        spec.name
        for spec in dataclasses.fields(Transform)
        if getattr(transform, spec.name) != getattr(default, spec.name)
    }
    assert set(transform.to_json()) == different


def test_the_default_is_empty() -> None:
    assert Transform().to_json() == {}
    assert Transform.from_json({}) == Transform()


@given(SMALL, SMALL)
def test_keys_are_equal_just_when_transforms_are(one: Transform, other: Transform) -> None:
    assert (one.key == other.key) == (one == other)


@given(TRANSFORMS, TRANSFORMS)
def test_different_transforms_have_different_keys(one: Transform, other: Transform) -> None:
    assert (one.key == other.key) == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Transform(dpr=2), Transform(dpr=2.0)),
        (Transform(crop_width=5), Transform(crop_width=5.0)),
        (Transform(extend=Gravity("no", -0.0, 0)), Transform(extend=Gravity("no", 0.0, 0.0))),
        (Transform(trim=Trim(0)), Transform(trim=Trim(-0.0))),
        (Transform(watermark=Watermark(1)), Transform(watermark=Watermark(1.0, scale=0))),
    ],
)
def test_a_number_has_one_key_however_it_is_written(one: Transform, other: Transform) -> None:
    assert one == other
    assert one.key == other.key


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_field_counts_in_the_key(name: str) -> None:
    other: dict[str, Any] = {
        "resizing_type": "fill", "extend": Gravity(), "extend_aspect_ratio": Gravity(),
        "gravity": Gravity("no"), "crop_gravity": Gravity(), "trim": Trim(0),
        "padding": Padding(left=1), "background": (0, 0, 0), "watermark": Watermark(1),
        "watermark_name": "logo", "gradient": Gradient(1),
        "auto_quality": AutoQuality("dssim", 0.02, 70, 80), "format": Format.PNG,
        "format_quality": ((Format.PNG, 1),),
    }  # fmt: skip
    default = getattr(Transform(), name)
    value = other.get(name, not default if isinstance(default, bool) else 7)
    assert Transform(**{name: value}).key != Transform().key


def test_keys_stay_what_they_are() -> None:
    # Stored variants are found by them: these change only together with _RENDERING.
    assert Transform().key == "7674a781fc38e94c22b2431124029ad5"
    filled = Transform(
        "fill", 300, 400, dpr=1.5, gravity=Gravity("fp", 0.25, 1), trim=Trim(10, (1, 2, 3)),
        padding=Padding(1, 2, 3, 4), watermark=Watermark(0.5), format=Format.WEBP, quality=80,
        format_quality=((Format.JPEG, 70),), background=(255, 136, 0),
    )  # fmt: skip
    assert filled.key == "60f92512f4c3153fa359f2d3205a50ec"
    assert filled.to_json() == {
        "resizing_type": "fill",
        "width": 300,
        "height": 400,
        "dpr": 1.5,
        "gravity": {"kind": "fp", "x": 0.25, "y": 1},
        "trim": {
            "threshold": 10,
            "color": [1, 2, 3],
            "equal_horizontal": False,
            "equal_vertical": False,
        },
        "padding": {"top": 1, "right": 2, "bottom": 3, "left": 4},
        "background": [255, 136, 0],
        "watermark": {"opacity": 0.5, "gravity": {"kind": "ce", "x": 0, "y": 0}, "scale": 0},
        "format": "webp",
        "quality": 80,
        "format_quality": [["jpeg", 70]],
    }


@given(TRANSFORMS)
def test_a_key_can_be_a_file_name(transform: Transform) -> None:
    assert len(transform.key) == 32
    assert set(transform.key) <= set("0123456789abcdef")

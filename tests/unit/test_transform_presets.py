"""Options by name: where they stand, what they include, and where that ends."""

from __future__ import annotations

import pytest

from image_service.domain.transform import Transform
from image_service.domain.transform_options import parse_options
from image_service.errors import InvalidArgument


def read(*parts: str, **presets: str) -> Transform:
    return parse_options(parts, presets).transform


def test_presets_are_read_where_they_stand() -> None:
    presets = {"small": "rs:fit:100:100/q:70", "sharp": "/sh:0.7//", "empty": ""}
    expected = Transform(width=100, height=100, quality=70, sharpen=0.7)
    assert read("pr:small:sharp", **presets) == expected
    assert read("preset:empty", "pr:sharp", "preset:small", **presets) == expected
    assert read("q:10", "pr:small", **presets).quality == 70
    assert read("pr:small", "q:10", **presets).quality == 10


def test_the_default_preset_comes_first() -> None:
    presets = {"default": "q:70/ar:0/exp:5", "mine": "q:60"}
    assert read(**presets) == Transform(quality=70, auto_rotate=False)
    assert read("pr:mine", **presets).quality == 60
    assert read("q:80", "pr:default", **presets).quality == 70
    assert parse_options([], presets).expires_s == 5
    # Others may be included more than once.
    presets = {"a": "pr:b:c", "b": "w:1/pr:c", "c": "h:2", "default": "pr:c"}
    assert read("pr:a:b", "pr:a", **presets) == Transform(width=1, height=2)


@pytest.mark.parametrize(
    ("presets", "part", "why"),
    [
        ({}, "pr:none", "none named 'none'"),
        ({}, "pr:", "none named ''"),
        ({"a": "pr:gone"}, "pr:a", "none named 'gone'"),
        ({"a": "w:1/pr:a"}, "pr:a", "'a' includes itself"),
        ({"a": "pr:b", "b": "pr:c", "c": "w:1/pr:a"}, "pr:b", "'b' includes itself"),
        ({"default": "pr:default"}, "w:1", "'default' includes itself"),
    ],
)
def test_a_preset_that_cannot_be_read_is_refused(
    presets: dict[str, str], part: str, why: str
) -> None:
    with pytest.raises(InvalidArgument, match=why) as raised:
        parse_options([part], presets)
    assert raised.value.argument == "preset"


def test_options_within_a_preset_are_checked_and_counted_too() -> None:
    with pytest.raises(InvalidArgument, match="Invalid width"):
        read("pr:a", a="w:-1")
    assert read(*["w:5"] * 100) == Transform(width=5)
    with pytest.raises(InvalidArgument, match="more than 100"):
        read(*["w:5"] * 101)
    # Each level has ten times as many: all of it would be 10^8 options.
    levels = {f"p{n}": "/".join([f"pr:p{n + 1}"] * 10) for n in range(8)}
    with pytest.raises(InvalidArgument, match="more than 100"):
        read("pr:p0", p8="w:1", **levels)

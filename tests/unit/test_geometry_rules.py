"""What holds for the sizes and places of every variant, and imgproxy's arithmetic as the judge."""

from __future__ import annotations

import dataclasses
import itertools
import math
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from image_service.domain.geometry import crop_box, plan, position, source_box
from image_service.domain.option_values import COMPASS
from image_service.domain.transform import RESIZING_TYPES, Gravity, Padding, Transform
from image_service.domain.turns import Box, Size

Pair = list[float]

KINDS = (*COMPASS, "sm", "fp")


def nearest(value: float) -> int:
    """Round, halves away from zero, as Go's math.Round does."""
    below = math.floor(value)
    return below + (value - below >= 0.5)


def judged_crop(size: Size, t: Transform) -> list[int]:
    crop = []
    for side, wish in zip(size, (t.crop_width, t.crop_height), strict=True):
        px = int(wish) if wish >= 1 else max(1, nearest(side * wish))
        crop.append(min(px, side) if wish else side)
    return crop


def judged_shrinks(source: list[int], t: Transform) -> Pair:
    """How many times smaller each side becomes for the size asked for alone."""
    asked = (t.width, t.height)
    shrinks = [side / wish if wish else 1.0 for side, wish in zip(source, asked, strict=True)]
    if t.resizing_type == "force" or shrinks == [1, 1]:
        return shrinks
    goal = [wish or side for side, wish in zip(source, asked, strict=True)]
    is_same_way = (source[0] >= source[1]) == (goal[0] >= goal[1])
    fits = t.resizing_type == "fit" or (t.resizing_type == "auto" and not is_same_way)
    both = max(shrinks) if fits else min(shrinks)
    if not t.width or not t.height:
        both = shrinks[0] if t.width else shrinks[1]
    return [both, both]


def judged_scaled(source: list[int], t: Transform) -> tuple[list[int], float]:
    """What the crop is scaled to, and the dpr that is left."""
    zooms = (t.zoom_x, t.zoom_y)
    shrinks = [f / zoom for f, zoom in zip(judged_shrinks(source, t), zooms, strict=True)]
    dpr = t.dpr
    if not t.enlarge:
        too_small = min(*shrinks, 1.0)
        shrinks = [f / too_small for f in shrinks]
        dpr = min(dpr if t.extend else dpr / too_small, *shrinks)
    for i, least in enumerate((t.min_width, t.min_height)):
        if least and source[i] / least < shrinks[i]:
            shrinks[1 - i] /= shrinks[i] / (source[i] / least)
            shrinks[i] = source[i] / least
    factors = [1 / min(f / dpr, side) for f, side in zip(shrinks, source, strict=True)]
    return [nearest(side * f) for side, f in zip(source, factors, strict=True)], dpr


def judged_result(scaled: list[int], target: list[int], t: Transform) -> list[int]:
    """What is cut out of it."""
    result = target.copy()
    over = [wish / side for wish, side in zip(target, scaled, strict=True)]
    if t.resizing_type == "fill-down" and not t.enlarge and over[0] != over[1] and max(over) > 1:
        i = over.index(max(over))
        ratio = target[1 - i] / target[i]
        result[i] = scaled[i]
        result[1 - i] = target[1 - i] and max(1, nearest(scaled[i] * ratio))
    return [min(wish or side, side) for wish, side in zip(result, scaled, strict=True)]


def judged_canvas(result: list[int], target: list[int], t: Transform) -> list[int]:
    if t.extend:
        return [max(pair) for pair in zip(result, target, strict=True)]
    canvas = result.copy()
    if t.extend_aspect_ratio and all(target):
        over = [wish / side for wish, side in zip(target, result, strict=True)]
        i = over.index(max(over))
        if over[0] != over[1]:
            canvas[i] = max(result[i], nearest(result[1 - i] * (target[i] / target[1 - i])))
    return canvas


def judged(size: Size, t: Transform) -> tuple[Any, ...]:
    """What imgproxy 4 makes of it, as processing/prepare.go, extend.go and padding.go have it.

    One rule is this service's own: a side that is asked for, or that a ratio leaves, is at least
    one px. There it becomes 0 with rounding, which means that nothing at all is cut off.
    """
    source = judged_crop(size, t)
    scaled, dpr = judged_scaled(source, t)
    factors = (dpr * t.zoom_x, dpr * t.zoom_y)
    sides = zip((t.width, t.height), factors, strict=True)
    target = [wish and max(1, nearest(wish * factor)) for wish, factor in sides]
    result = judged_result(scaled, target, t)
    canvas = judged_canvas(result, target, t)
    padding = [round(side * dpr) for side in dataclasses.astuple(t.padding)]
    return (*map(tuple, (source, scaled, result, canvas, padding)), dpr)


def made(size: Size, transform: Transform) -> tuple[Any, ...]:
    p = plan(size, transform)
    return p.crop, p.scaled, p.result, p.canvas or p.result, p.padding, p.dpr


def random_case(chance: random.Random) -> tuple[Size, Transform]:
    def pick(*values: Any) -> Any:
        return chance.choice(values)

    def side() -> int:
        return chance.randint(1, chance.choice([5, 50, 4000]))

    return Size(side(), side()), Transform(
        resizing_type=pick(*RESIZING_TYPES),
        width=pick(0, side()),
        height=pick(0, side()),
        min_width=pick(0, 0, 0, side()),
        min_height=pick(0, 0, 0, side()),
        zoom_x=pick(1.0, 1.0, 0.5, 1.5, 0.01, chance.uniform(0.01, 4)),
        zoom_y=pick(1.0, 1.0, 2.0, chance.uniform(0.01, 4)),
        dpr=pick(1.0, 2.0, 0.5, 1.5, 3.0, 0.01, chance.uniform(0.01, 5)),
        enlarge=pick(False, True),
        extend=pick(None, Gravity()),
        extend_aspect_ratio=pick(None, Gravity()),
        crop_width=pick(0.0, 0.0, float(side()), chance.random()),
        crop_height=pick(0.0, 0.0, float(side()), chance.random()),
        padding=Padding(*(chance.randint(0, 50) for _ in range(4))),
    )


def test_sizes_are_those_of_imgproxy() -> None:
    chance = random.Random(1)
    for _ in range(6000):
        size, transform = random_case(chance)
        assert made(size, transform) == judged(size, transform), (size, transform)


def judged_place(
    outer: Size, inner: Size, gravity: Gravity, dpr: float, *, may_stick_out: bool
) -> tuple[int, int]:
    """Where imgproxy puts it: calc_position.go, one axis after the other."""
    nearer, farther = ("we", "no"), ("ea", "so")
    place = []
    for axis, offset in enumerate((gravity.x, gravity.y)):
        room = outer[axis] - inner[axis]
        # Halves go to the even side here.
        px = round(offset * dpr if abs(offset) >= 1 else outer[axis] * offset)
        words = {gravity.kind[i : i + 2] for i in (0, 2)}
        if gravity.kind == "fp":
            at = round(outer[axis] * offset) - inner[axis] // 2
        elif nearer[axis] in words:
            at = px
        elif farther[axis] in words:
            at = room - px
        else:
            at = round((room + 1) / 2) + px
        least, most = (1 - inner[axis], outer[axis] - 1) if may_stick_out else (0, room)
        place.append(max(least, min(at, most)))
    return place[0], place[1]


def test_places_are_those_of_imgproxy() -> None:
    chance = random.Random(2)
    for kind, may_stick_out, _ in itertools.product(KINDS, (False, True), range(300)):
        outer, inner = (Size(chance.randint(1, 99), chance.randint(1, 99)) for _ in range(2))
        offsets = [chance.choice([0, chance.uniform(-1, 1), chance.randint(-60, 60),
                                  chance.randint(-60, 60) / 2]) for _ in range(2)]  # fmt: skip
        if kind == "fp":
            offsets = [chance.choice([0, 0.5, 1, chance.random()]) for _ in range(2)]
        dpr = chance.choice([1.0, 2.0, 0.5, chance.uniform(0.1, 4)])
        arguments = (outer, inner, Gravity(kind, *offsets), dpr)
        expected = judged_place(*arguments, may_stick_out=may_stick_out)
        assert position(*arguments, may_stick_out=may_stick_out) == expected, arguments


SIDES = st.integers(1, 16384) | st.integers(1, 20)
WISHES = st.just(0) | SIDES
FACTORS = st.sampled_from([0.01, 0.5, 1.0, 2.0, 100.0]) | st.floats(0.01, 100)
GRAVITIES = st.builds(
    Gravity, st.sampled_from(COMPASS), st.floats(-99, 99), st.floats(-99, 99)
) | st.builds(Gravity, st.just("fp"), st.floats(0, 1), st.floats(0, 1))
SIZES = st.builds(Size, SIDES, SIDES)
TRANSFORMS = st.builds(
    Transform,
    resizing_type=st.sampled_from(RESIZING_TYPES),
    **dict.fromkeys(("width", "height", "min_width", "min_height"), WISHES),
    **dict.fromkeys(("zoom_x", "zoom_y", "dpr"), st.just(1.0) | FACTORS),
    enlarge=st.booleans(),
    **dict.fromkeys(("extend", "extend_aspect_ratio"), st.none() | GRAVITIES),
    gravity=GRAVITIES,
    **dict.fromkeys(("crop_width", "crop_height"), st.just(0.0) | st.floats(0, 16384)),
    padding=st.builds(Padding, WISHES, WISHES, WISHES, WISHES),
)


def is_within(inner: Size, outer: Size) -> bool:
    return inner.width <= outer.width and inner.height <= outer.height


@settings(max_examples=400)
@given(SIZES, TRANSFORMS)
def test_every_size_has_its_place_in_the_order(size: Size, transform: Transform) -> None:
    planned = plan(size, transform)
    final = planned.final
    for each in (planned.crop, planned.scaled, planned.result, planned.canvas or final, final):
        assert all(isinstance(side, int) and side >= 1 for side in each)
    assert is_within(planned.crop, size)
    assert is_within(planned.result, planned.scaled)
    if planned.canvas:
        assert planned.canvas != planned.result
        assert is_within(planned.result, planned.canvas)
        assert transform.extend or transform.extend_aspect_ratio
    top, right, bottom, left = planned.padding
    assert min(planned.padding) >= 0
    width, height = planned.canvas or planned.result
    assert final == (width + left + right, height + top + bottom)
    assert planned.dpr > 0


@settings(max_examples=400)
@given(SIZES, TRANSFORMS)
def test_nothing_is_made_larger_unless_that_is_asked_for(size: Size, transform: Transform) -> None:
    modest = dataclasses.replace(transform, enlarge=False, min_width=0, min_height=0)
    planned = plan(size, modest)
    assert is_within(planned.scaled, planned.crop)
    asked = Size(transform.width or 16384, transform.height or 16384)
    plain = dataclasses.replace(modest, zoom_x=1.0, zoom_y=1.0, dpr=1.0)
    assert is_within(plan(size, plain).result, asked)


@given(SIZES, TRANSFORMS)
def test_the_ratio_is_kept_unless_that_is_forced(size: Size, transform: Transform) -> None:
    kept = dataclasses.replace(
        transform, resizing_type="fit", zoom_x=1.0, zoom_y=1.0, crop_width=0.0, crop_height=0.0
    )
    scaled = plan(size, kept).scaled
    x, y = scaled.width / size.width, scaled.height / size.height
    # To a px of either side, half of one for each rounding; no side is below 1 px.
    assert abs(x - y) <= 0.5 / size.width + 0.5 / size.height + 1e-9 or 1 in scaled


@given(SIZES, SIZES, GRAVITIES, FACTORS)
def test_what_fits_lies_within_and_what_sticks_out_is_still_seen(
    outer: Size, inner: Size, gravity: Gravity, dpr: float
) -> None:
    left, top = position(outer, inner, gravity, dpr, may_stick_out=True)
    assert -inner.width < left < outer.width
    assert -inner.height < top < outer.height
    if is_within(inner, outer):
        left, top = position(outer, inner, gravity, dpr)
        assert 0 <= left <= outer.width - inner.width
        assert 0 <= top <= outer.height - inner.height


@given(SIZES, TRANSFORMS)
def test_the_part_of_the_original_lies_within_it(size: Size, transform: Transform) -> None:
    planned = plan(size, transform)
    region = crop_box(size, planned, transform)
    assert region.size == planned.crop
    assert region.left >= 0 <= region.top
    assert is_within(Size(int(region.right), int(region.bottom)), size)
    left, top = position(planned.scaled, planned.result, transform.gravity, planned.dpr)
    box = source_box(region, planned, left, top)
    assert region.left <= box.left < box.right <= region.right + 1e-6
    assert region.top <= box.top < box.bottom <= region.bottom + 1e-6
    whole = dataclasses.replace(planned, result=planned.scaled)
    assert all(map(math.isclose, source_box(region, whole, 0, 0), Box(*region)))

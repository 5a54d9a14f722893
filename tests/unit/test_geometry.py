"""Sizes and places of a picture on its way to a variant, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from image_service.domain.geometry import crop_box, plan, position, source_box
from image_service.domain.transform import Gravity, Padding, Transform
from image_service.domain.turns import Box, Size

WIDE = Size(1000, 500)


def sizes(size: Size = WIDE, **options: Any) -> tuple[Size, Size, Size]:
    """What is scaled to, cut to, and finished."""
    planned = plan(size, Transform(**options))
    return planned.scaled, planned.result, planned.final


def final(size: Size = WIDE, **options: Any) -> Size:
    return plan(size, Transform(**options)).final


@pytest.mark.parametrize(
    ("kind", "width", "height", "scaled", "result"),
    [
        ("fit", 300, 400, (300, 150), (300, 150)),
        ("fit", 300, 0, (300, 150), (300, 150)),
        ("fit", 0, 250, (500, 250), (500, 250)),
        ("fit", 0, 0, (1000, 500), (1000, 500)),
        ("fit", 2000, 2000, (1000, 500), (1000, 500)),
        ("fit", 333, 1, (2, 1), (2, 1)),
        ("fill", 300, 400, (800, 400), (300, 400)),
        ("fill", 300, 0, (300, 150), (300, 150)),
        ("fill", 2000, 400, (1000, 500), (1000, 400)),
        ("fill", 2000, 2000, (1000, 500), (1000, 500)),
        ("fill-down", 300, 400, (800, 400), (300, 400)),
        ("fill-down", 2000, 400, (1000, 500), (1000, 200)),
        ("fill-down", 2000, 2000, (1000, 500), (500, 500)),
        ("fill-down", 2000, 1000, (1000, 500), (1000, 500)),
        ("fill-down", 2000, 0, (1000, 500), (1000, 500)),
        # As narrow as asked for, and a px wide, where the ratio gives less.
        ("fill-down", 1, 16384, (1000, 500), (1, 500)),
        ("force", 300, 400, (300, 400), (300, 400)),
        ("force", 300, 0, (300, 500), (300, 500)),
        ("force", 0, 100, (1000, 100), (1000, 100)),
        ("force", 2000, 1000, (1000, 500), (1000, 500)),
        # Each side is asked for twice as large: what is left is the ratio.
        ("force", 2000, 500, (1000, 250), (1000, 250)),
        ("auto", 300, 200, (400, 200), (300, 200)),
        ("auto", 300, 400, (300, 150), (300, 150)),
        ("auto", 300, 300, (600, 300), (300, 300)),
    ],
)
def test_each_resizing_type_has_its_size(
    kind: str, width: int, height: int, scaled: Size, result: Size
) -> None:
    found = sizes(resizing_type=kind, width=width, height=height)
    assert found == (scaled, result, result)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fit", ((2000, 1000), (2000, 1000))),
        ("fill", ((4000, 2000), (2000, 2000))),
        ("fill-down", ((4000, 2000), (2000, 2000))),
        ("force", ((2000, 2000), (2000, 2000))),
        ("auto", ((4000, 2000), (2000, 2000))),
    ],
)
def test_only_enlarge_makes_larger(kind: str, expected: tuple[Size, Size]) -> None:
    options: dict[str, Any] = {"resizing_type": kind, "width": 2000, "height": 2000}
    assert sizes(**options, enlarge=True)[:2] == expected
    scaled = sizes(**options)[0]
    assert scaled.width <= WIDE.width
    assert scaled.height <= WIDE.height


def test_auto_fills_where_both_lie_or_both_stand() -> None:
    tall, square = Size(500, 1000), Size(500, 500)
    assert final(tall, resizing_type="auto", width=200, height=300) == (200, 300)
    assert final(tall, resizing_type="auto", width=300, height=200) == (100, 200)
    assert final(tall, resizing_type="auto", width=300, height=300) == (150, 300)
    # A square counts as lying.
    assert final(square, resizing_type="auto", width=300, height=200) == (300, 200)
    assert final(square, resizing_type="auto", width=200, height=300) == (200, 200)


def test_least_sides_are_reached_even_by_enlarging() -> None:
    assert sizes(width=100, min_width=300) == ((300, 150), (100, 150), (100, 150))
    assert sizes(width=100, min_height=200) == ((400, 200), (100, 200), (100, 200))
    assert final(min_width=2000) == (2000, 1000)
    assert final(min_width=10, min_height=1000) == (2000, 1000)
    assert final(min_width=300) == WIDE


def test_zoom_multiplies_what_is_asked_for() -> None:
    assert final(zoom_x=0.5, zoom_y=0.5) == (500, 250)
    assert final(zoom_x=0.5) == (500, 500)
    assert final(width=300, zoom_x=2, zoom_y=2) == (600, 300)
    assert final(zoom_x=2, zoom_y=2) == WIDE
    assert final(zoom_x=2, zoom_y=2, enlarge=True) == (2000, 1000)
    assert final(resizing_type="fill", width=100, height=100, zoom_x=2, zoom_y=2) == (200, 200)
    assert plan(WIDE, Transform(width=300, zoom_x=2, zoom_y=2)).dpr == 1


def test_dpr_multiplies_as_far_as_the_picture_goes() -> None:
    def planned(**options: Any) -> tuple[Size, float]:
        made = plan(WIDE, Transform(**options))
        return made.final, made.dpr

    assert planned(width=300, dpr=2.0) == ((600, 300), 2)
    assert planned(width=800, dpr=2.0) == ((1000, 500), 1.25)
    assert planned(width=800, dpr=2.0, enlarge=True) == ((1600, 800), 2)
    assert planned(width=300, dpr=0.5) == ((150, 75), 0.5)
    assert planned(dpr=0.5) == ((500, 250), 0.5)
    assert planned(dpr=2.0) == (WIDE, 1)
    # Where the size cannot be had, a dpr below 1 does not lead still farther from it.
    assert planned(width=2000, dpr=0.5) == (WIDE, 1)
    assert planned(width=4000, dpr=0.125) == ((500, 250), 0.5)
    assert planned(width=2000, dpr=0.5, enlarge=True) == (WIDE, 0.5)
    # Where the rest is filled, the composition stays.
    assert planned(width=2000, dpr=0.5, extend=Gravity()) == ((1000, 250), 0.5)


def test_a_side_that_is_asked_for_is_never_forgotten() -> None:
    assert sizes(Size(1000, 1), resizing_type="fill", width=1, height=100, dpr=0.3, enlarge=True)[
        :2
    ] == ((30000, 30), (1, 30))
    assert final(resizing_type="fill", width=40, height=400, zoom_x=0.01) == (1, 400)


def test_extending_fills_up_to_the_size_asked_for() -> None:
    assert sizes(width=300, height=400, extend=Gravity())[1:] == ((300, 150), (300, 400))
    assert final(width=2000, extend=Gravity()) == (2000, 500)
    assert final(height=700, extend=Gravity()) == (1000, 700)
    assert plan(WIDE, Transform(width=300, height=150, extend=Gravity())).canvas is None
    assert plan(WIDE, Transform(width=300, height=400)).canvas is None


def test_extending_to_an_aspect_ratio_fills_one_side() -> None:
    ratio: dict[str, Any] = {"extend_aspect_ratio": Gravity()}
    assert final(width=300, height=400, **ratio) == (300, 400)
    assert final(width=2000, height=2000, **ratio) == (1000, 1000)
    assert final(Size(500, 1000), width=2000, height=2000, **ratio) == (1000, 1000)
    assert final(width=3000, height=1000, **ratio) == (1500, 500)
    assert plan(WIDE, Transform(width=300, **ratio)).canvas is None
    # Both: extending goes as far already.
    assert final(width=2000, height=2000, extend=Gravity(), **ratio) == (2000, 2000)


def test_padding_comes_on_top_and_is_multiplied_by_dpr() -> None:
    padding = Padding(10, 20, 30, 5)
    assert final(width=300, padding=padding) == (325, 190)
    planned = plan(WIDE, Transform(width=300, dpr=2.0, padding=padding))
    assert planned.padding == (20, 40, 60, 10)
    assert planned.final == (650, 380)
    halves = Padding(5, 7, 1, 0)
    assert plan(WIDE, Transform(dpr=0.5, padding=halves)).padding == (2, 4, 0, 0)
    extended = final(width=300, height=400, extend=Gravity(), padding=Padding(1, 1, 1, 1))
    assert extended == (302, 402)


@pytest.mark.parametrize(
    ("width", "height", "expected"),
    [
        (0.0, 0.0, WIDE),
        (300.0, 0.0, (300, 500)),
        (0.5, 0.25, (500, 125)),
        (1.0, 300.9, (1, 300)),
        (5000.0, 501.0, WIDE),
        (0.0001, 0.0001, (1, 1)),
        (0.0025, 0.003, (3, 2)),
        (0.9999, 0.9999, WIDE),
    ],
)
def test_a_crop_is_in_px_or_a_share(width: float, height: float, expected: Size) -> None:
    planned = plan(WIDE, Transform(crop_width=width, crop_height=height))
    assert planned.crop == planned.final == expected


def test_a_crop_is_made_before_all_resizing() -> None:
    options: dict[str, Any] = {"crop_width": 200.0, "crop_height": 400.0}
    assert sizes(**options, width=50) == ((50, 100), (50, 100), (50, 100))
    assert final(**options, width=300) == (200, 400)
    assert final(**options, width=100, dpr=3.0) == (200, 400)


OUTER, INNER = Size(100, 60), Size(20, 10)


@pytest.mark.parametrize(
    ("kind", "plain", "moved"),
    [
        ("ce", (40, 26), (45, 29)),
        ("no", (40, 0), (45, 3)),
        ("so", (40, 50), (45, 47)),
        ("ea", (80, 26), (75, 29)),
        ("we", (0, 26), (5, 29)),
        ("noea", (80, 0), (75, 3)),
        ("nowe", (0, 0), (5, 3)),
        ("soea", (80, 50), (75, 47)),
        ("sowe", (0, 50), (5, 47)),
        ("sm", (40, 26), (45, 29)),
    ],
)
def test_each_gravity_has_its_place(
    kind: str, plain: tuple[int, int], moved: tuple[int, int]
) -> None:
    assert position(OUTER, INNER, Gravity(kind), 1.0) == plain
    assert position(OUTER, INNER, Gravity(kind, 5, 3), 1.0) == moved
    assert position(OUTER, INNER, Gravity(kind, 2.5, 1.5), 2.0) == moved
    assert position(OUTER, INNER, Gravity(kind, 0.05, 0.05), 7.0) == moved


def test_offsets_from_1_on_are_px_and_below_that_a_share() -> None:
    def left(x: float, dpr: float = 1.0) -> int:
        return position(OUTER, INNER, Gravity("we", x), dpr, may_stick_out=True)[0]

    assert [left(x) for x in (1, 0.99, 0.5, 10, 2.5, 3.5)] == [1, 99, 50, 10, 2, 4]
    assert [left(x) for x in (-1, -0.1, -10)] == [-1, -10, -10]
    assert [left(x, 3.0) for x in (1, -1, 0.1)] == [3, -3, 10]


def test_a_place_stays_within_unless_it_may_stick_out() -> None:
    def place(x: float, y: float, *, out: bool = False) -> tuple[int, int]:
        return position(OUTER, INNER, Gravity("nowe", x, y), 1.0, may_stick_out=out)

    assert place(-5, -7) == (0, 0)
    assert place(-5, -7, out=True) == (-5, -7)
    assert place(95, 55) == (80, 50)
    assert place(95, 55, out=True) == (95, 55)
    assert place(-1000, -1000, out=True) == (-19, -9)
    assert place(1000, 1000, out=True) == (99, 59)
    # What is larger begins where the picture does.
    assert position(INNER, OUTER, Gravity("soea"), 1.0) == (0, 0)


@pytest.mark.parametrize(
    ("x", "y", "expected", "sticking_out"),
    [
        (0.5, 0.5, (40, 25), (40, 25)),
        (0.25, 0.75, (15, 40), (15, 40)),
        (0, 0, (0, 0), (-10, -5)),
        (1, 1, (80, 50), (90, 55)),
        (0.111, 0.9, (1, 49), (1, 49)),
    ],
)
def test_a_focus_point_comes_into_the_middle(
    x: float, y: float, expected: tuple[int, int], sticking_out: tuple[int, int]
) -> None:
    focus = Gravity("fp", x, y)
    for dpr in (1.0, 3.0):
        assert position(OUTER, INNER, focus, dpr) == expected
        assert position(OUTER, INNER, focus, dpr, may_stick_out=True) == sticking_out


def test_a_crop_has_its_own_gravity_or_the_general_one() -> None:
    def box(**options: Any) -> Box:
        transform = Transform(crop_width=200.0, crop_height=100.0, dpr=2.0, **options)
        return crop_box(WIDE, plan(WIDE, transform), transform)

    assert box() == (400, 200, 600, 300)
    assert box(gravity=Gravity("soea", 10, 0.1)) == (790, 350, 990, 450)
    assert box(gravity=Gravity("so"), crop_gravity=Gravity("nowe", 5, 6)) == (5, 6, 205, 106)
    assert box(crop_gravity=Gravity("sm")) == box()


def test_the_part_of_the_original_is_found_back() -> None:
    planned = plan(WIDE, Transform("fill", 100, 100))
    assert planned.scaled == (200, 100)
    assert source_box(Box(0, 0, 1000, 500), planned, 0, 0) == (0, 0, 500, 500)
    assert source_box(Box(0, 0, 1000, 500), planned, 50, 0) == (250, 0, 750, 500)
    assert source_box(Box(100, 50, 500, 250), planned, 100, 0) == (300, 50, 500, 250)

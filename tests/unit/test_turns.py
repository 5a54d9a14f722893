"""Turning and mirroring, checked against what numpy makes of a small picture."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.turns import (
    UPRIGHT,
    Box,
    Size,
    before_turn,
    combined,
    then,
    turned_size,
)

# What a viewer does with each EXIF orientation. numpy's rot90 turns to the left.
TURNING: dict[int, Callable[[Any], Any]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: np.transpose,
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).T,
    8: np.rot90,
}
TURNS = st.sampled_from(sorted(TURNING))
PICTURE = np.arange(5 * 3).reshape(3, 5)
SIZE = Size(5, 3)


def turned(picture: Any, turn: int) -> Any:
    return TURNING[turn](picture)


def part(picture: Any, box: Box) -> Any:
    left, top, right, bottom = (int(edge) for edge in box)
    assert (left, top, right, bottom) == tuple(box)
    return picture[top:bottom, left:right]


def test_the_eight_turns_differ() -> None:
    assert len({str(turned(PICTURE, turn)) for turn in TURNING}) == 8


@pytest.mark.parametrize("turn", TURNING)
def test_a_turned_picture_has_the_turned_size(turn: int) -> None:
    height, width = turned(PICTURE, turn).shape
    assert turned_size(SIZE, turn) == (width, height)
    assert turned_size(SIZE, turn) == (SIZE.swapped if turn >= 5 else SIZE)


@pytest.mark.parametrize(("first", "second"), list(itertools.product(TURNING, TURNING)))
def test_then_is_one_turn_after_another(first: int, second: int) -> None:
    both = turned(turned(PICTURE, first), second)
    assert np.array_equal(both, turned(PICTURE, then(first, second)))


@given(TURNS, TURNS, TURNS)
def test_turns_are_a_group(a: int, b: int, c: int) -> None:
    assert then(then(a, b), c) == then(a, then(b, c))
    assert then(UPRIGHT, a) == a == then(a, UPRIGHT)
    backs = [turn for turn in TURNING if then(a, turn) == UPRIGHT]
    assert len(backs) == 1
    assert then(backs[0], a) == UPRIGHT


def test_four_quarters_and_two_mirrors_change_nothing() -> None:
    quarter = 6
    assert then(quarter, quarter) == 3
    assert then(3, quarter) == 8
    assert then(8, quarter) == UPRIGHT
    assert [then(mirror, mirror) for mirror in (2, 4, 5, 7)] == [UPRIGHT] * 4
    # The order matters.
    assert then(quarter, 2) == 5
    assert then(2, quarter) == 7


@pytest.mark.parametrize(
    ("orientation", "clockwise", "across", "upside_down"),
    list(itertools.product(TURNING, (0, 90, 180, 270), (False, True), (False, True))),
)
def test_a_picture_is_made_upright_then_rotated_then_flipped(
    orientation: int, clockwise: int, across: bool, upside_down: bool
) -> None:
    expected = np.rot90(turned(PICTURE, orientation), -clockwise // 90)
    expected = np.fliplr(expected) if across else expected
    expected = np.flipud(expected) if upside_down else expected
    turn = combined(
        orientation, clockwise=clockwise, flip_horizontal=across, flip_vertical=upside_down
    )
    assert np.array_equal(turned(PICTURE, turn), expected)


def boxes(size: Size) -> list[Box]:
    xs = itertools.combinations(range(size.width + 1), 2)
    ys = itertools.combinations(range(size.height + 1), 2)
    return [Box(left, top, right, bottom) for (left, right), (top, bottom) in
            itertools.product(xs, ys)]  # fmt: skip


@pytest.mark.parametrize("turn", TURNING)
def test_every_box_of_the_turned_picture_is_found_in_the_stored_one(turn: int) -> None:
    upright = turned(PICTURE, turn)
    for box in boxes(turned_size(SIZE, turn)):
        found = before_turn(box, turn, SIZE)
        assert np.array_equal(turned(part(PICTURE, found), turn), part(upright, box))


def test_the_top_left_corner_is_where_the_camera_had_it() -> None:
    corner = Box(0, 0, 1, 1)
    assert before_turn(corner, 1, SIZE) == (0, 0, 1, 1)
    assert before_turn(corner, 2, SIZE) == (4, 0, 5, 1)
    assert before_turn(corner, 3, SIZE) == (4, 2, 5, 3)
    assert before_turn(corner, 4, SIZE) == (0, 2, 1, 3)
    assert before_turn(corner, 5, SIZE) == (0, 0, 1, 1)
    assert before_turn(corner, 6, SIZE) == (0, 2, 1, 3)
    assert before_turn(corner, 7, SIZE) == (4, 2, 5, 3)
    assert before_turn(corner, 8, SIZE) == (4, 0, 5, 1)


SIDES = st.integers(1, 16384)
EIGHTHS = st.integers(0, 8)


@given(TURNS, SIDES, SIDES, st.tuples(EIGHTHS, EIGHTHS, EIGHTHS, EIGHTHS))
def test_a_box_keeps_its_size_and_stays_within(
    turn: int, width: int, height: int, eighths: tuple[int, int, int, int]
) -> None:
    size = Size(width, height)
    outer = turned_size(size, turn)
    left, right = sorted(outer.width * share / 8 for share in eighths[:2])
    top, bottom = sorted(outer.height * share / 8 for share in eighths[2:])
    box = Box(left, top, right, bottom)
    found = before_turn(box, turn, size)
    assert found.size == (box.size[::-1] if turn >= 5 else box.size)
    assert 0 <= found.left <= found.right <= width
    assert 0 <= found.top <= found.bottom <= height
    # The way back is the same question about the inverse turn.
    inverse = next(other for other in TURNING if then(turn, other) == UPRIGHT)
    assert before_turn(found, inverse, outer) == box
    assert before_turn(Box(0, 0, *outer), turn, size) == (0, 0, *size)

"""A process that one core is not enough for says so where there is another."""

from __future__ import annotations

import time

import pytest

from image_service.sight.pressure import Pressure, idle_of_cores_s

SINCE_S = 0.25
BUSY, AT_EASE = 0.9 * SINCE_S, 0.7 * SINCE_S
FREE, TAKEN = 0.6 * SINCE_S, 0.4 * SINCE_S


def after(*looks: tuple[float, float]) -> Pressure:
    """A pressure that has looked. looks: what the process had, what cores had left."""
    left_s = 1000.0
    pressure = Pressure(lambda: left_s)
    for had_s, idle_s in looks:
        left_s += idle_s
        pressure.note(SINCE_S, had_s)
    return pressure


def test_it_is_high_where_half_a_core_has_nothing_to_do() -> None:
    assert after((BUSY, FREE), (BUSY, FREE)).is_high


@pytest.mark.parametrize(
    "looks",
    [
        [],
        [(BUSY, FREE)],
        [(BUSY, TAKEN), (BUSY, TAKEN)],
        [(AT_EASE, FREE)] * 3,
        [(BUSY, FREE), (AT_EASE, FREE), (BUSY, FREE)],
        [(BUSY, FREE), (BUSY, FREE), (AT_EASE, FREE)],
        [(BUSY, FREE), (BUSY, FREE), (BUSY, TAKEN)],
    ],
    ids=["new", "once", "no core left", "at ease", "now and then", "no more", "cores are taken"],
)
def test_it_is_not_otherwise(looks: list[tuple[float, float]]) -> None:
    assert not after(*looks).is_high


def test_it_is_gone_when_this_process_has_slept() -> None:
    pressure = after((BUSY, FREE), (BUSY, FREE))
    pressure.beat()
    time.sleep(0.2)
    pressure.beat()
    assert not pressure.is_high


def test_cores_that_do_nothing_are_seen() -> None:
    before_s = idle_of_cores_s()
    assert before_s > 0
    time.sleep(0.5)
    assert idle_of_cores_s() >= before_s

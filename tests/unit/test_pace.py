"""A process that hardly gets any processor time knows that it does not get on."""

from __future__ import annotations

import logging

import pytest

from image_service.broker_state import BrokerState
from image_service.errors import StorageUnavailable
from image_service.sight.pace import Pace

STARVED, BUSY = 0.02, 0.9


def told(*notes: tuple[float, float], most_late_s: float = 0.5) -> Pace:
    pace = Pace(most_late_s)
    for late_s, share in notes:
        pace.note(late_s, share)
    return pace


def test_one_that_is_late_twice_in_a_row_stands_still() -> None:
    assert told((0.6, STARVED), (2, STARVED)).is_stalled


@pytest.mark.parametrize(
    "notes",
    [
        [(30.0, STARVED), (0.0, STARVED), (30.0, STARVED)],
        [(0.5, STARVED)] * 9,
        [(2.0, BUSY)] * 9,
        [(2.0, STARVED), (2.0, BUSY), (2.0, STARVED)],
    ],
    ids=["pauses", "late, not too late", "by its own work", "by its own work meanwhile"],
)
def test_one_that_is_late_otherwise_gets_on(notes: list[tuple[float, float]]) -> None:
    assert not told(*notes).is_stalled


def test_one_that_may_be_late_never_stands_still() -> None:
    assert not told(*[(60.0, STARVED)] * 9, most_late_s=0).is_stalled


def test_it_gets_on_again_after_a_second_in_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pace = told((3.0, 0.01), (3.0, 0.01), (3.0, 0.01))
    for late_s in (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1):
        pace.note(late_s, BUSY)
        assert pace.is_stalled
    pace.note(0.1, BUSY)
    assert not pace.is_stalled
    stands, gets = (record.getMessage() for record in caplog.records)
    assert "stands still, 3.0 s at a time, with 1 % of a core" in stands
    assert "gets on again" in gets


def test_health_tells_why_no_calls_are_taken() -> None:
    state = BrokerState(told((1, STARVED), (1, STARVED)), {"calls": False})
    with pytest.raises(StorageUnavailable, match="processor time"):
        state.check()

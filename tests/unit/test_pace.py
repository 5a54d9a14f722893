"""A process that hardly gets any processor time knows that it does not get on."""

from __future__ import annotations

import logging
import time

import pytest

from image_service.broker_state import BrokerState
from image_service.errors import StorageUnavailable
from image_service.sight.pace import Pace
from tests.component.harness import wait_until

STARVED, BUSY = 0.02, 0.9


def told(*notes: tuple[float, float]) -> Pace:
    pace = Pace(0.5)
    for late_s, share in notes:
        pace.note(late_s, share)
        pace.tell()
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


def test_one_that_may_be_late_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[float, float]] = []
    monkeypatch.setattr(Pace, "note", lambda _, *how: seen.append(how))
    unwatched, watched = Pace(0), Pace(0.5)
    unwatched.start()
    time.sleep(0.4)
    assert not seen
    watched.start()
    wait_until(lambda: len(seen) >= 4)
    watched.stop()
    # Nobody tells it that the hub goes round.
    lates = [late_s for late_s, _ in seen]
    assert lates == sorted(lates)
    assert lates[3] > 0.5
    assert all(0 <= share < 2 for _, share in seen)


def test_a_hub_that_goes_round_is_not_late() -> None:
    pace = Pace(0.5)
    pace.start()
    for _ in range(10):
        time.sleep(0.1)
        pace.beat()
    pace.stop()
    assert not pace.is_stalled


def test_it_lets_go_once_each_time() -> None:
    pace, let_go = Pace(0.5), []
    pace.when_stalled(lambda: let_go.append(pace.is_stalled))
    for late_s in (9, 9, 9, 9, 0, 0, 0, 0, 9, 9):
        pace.note(late_s, STARVED)
    assert let_go == [True, True]


def test_one_that_stands_still_again_and_again_is_to_get_on_for_longer() -> None:
    pace, times = told(), []
    for _ in range(9):
        for _ in range(2):
            pace.note(9, STARVED)
        times.append(0)
        while pace.is_stalled:
            pace.note(0, STARVED)
            times[-1] += 1
    assert times == [4, 8, 16, 32, 40, 40, 40, 40, 40]
    for _ in range(40):
        pace.note(0, BUSY)
    for late_s in (9, 9, 0, 0, 0, 0):
        pace.note(late_s, STARVED)
    assert not pace.is_stalled


def test_it_gets_on_again_after_a_second_in_time(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pace = told((3.0, 0.01), (3.0, 0.01), (3.0, 0.01))
    for late_s in (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1):
        pace.note(late_s, BUSY)
        pace.tell()
        assert pace.is_stalled
    pace.note(0.1, BUSY)
    pace.tell()
    assert not pace.is_stalled
    stands, gets = (record.getMessage() for record in caplog.records)
    assert "stands still, 3.0 s at a time, with 1 % of a core" in stands
    assert "gets on again" in gets


def test_health_tells_why_no_calls_are_taken() -> None:
    state = BrokerState(told((1, STARVED), (1, STARVED)), {"calls": False})
    with pytest.raises(StorageUnavailable, match="processor time"):
        state.check()

"""How soon a process that died is started again."""

from __future__ import annotations

import math
import time

import pytest

from image_service.places import Place
from image_service.supervisor import _letter_for, _Slot, _wait_until_ready


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: seconds[0])
    return seconds


def test_at_once_and_then_with_growing_pauses_however_long_the_attempts_take(
    now: list[float],
) -> None:
    slot = _Slot(0)
    slot.since_s = now[0]
    slot.ended()
    pauses = []
    for _ in range(10):
        pauses.append(slot.pause_s())
        now[0] += 120
    assert pauses == [0, 0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_one_that_lived_for_a_minute_is_started_at_once(now: list[float]) -> None:
    slot = _Slot(0)
    for _ in range(4):
        slot.pause_s()
    slot.since_s = now[0]
    now[0] += 59
    slot.ended()
    assert slot.pause_s() == 4
    now[0] += 2
    slot.ended()
    assert slot.pause_s() == 0


class Starting:
    """A process that serves after so many minutes, or ends, or hangs."""

    place, pid, is_alive = Place(1, 2, folder="/run"), 4711, True

    def __init__(self, now: list[float], serves_after: float, ends_after: float = math.inf) -> None:
        self._now, self._began_s = now, now[0]
        self._serves_s, self._ends_s = serves_after * 60, ends_after * 60

    def wait_until_ready(self, timeout_s: float) -> bool:
        until_s = min(self._serves_s, self._ends_s, self._now[0] - self._began_s + timeout_s)
        self._now[0] = self._began_s + until_s
        self.is_alive = until_s < self._ends_s
        return until_s >= self._serves_s


@pytest.mark.parametrize(
    ("starting", "serves", "told"),
    [((0.5,), True, 0), ((20,), True, 19), ((90, 2.5), False, 2), ((math.inf,), False, 59)],
)
def test_a_start_may_take_an_hour_and_that_is_told(
    now: list[float],
    starting: tuple[float, ...],
    serves: bool,
    told: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert _wait_until_ready(Starting(now, *starting)) is serves  # type: ignore[arg-type]
    assert caplog.messages == ["process 2 (4711) is still starting"] * told


def test_a_new_process_has_another_letter_than_any_of_its_number_that_lives() -> None:
    assert _letter_for(0, []) == "a"
    assert _letter_for(0, [Place(0, 2, "a"), Place(1, 2, "b")]) == "b"
    # One died just after it had replaced another, which still finishes.
    assert _letter_for(1, [Place(0, 2, "b"), Place(1, 2, "a")]) == "b"
    assert _letter_for(1, [Place(1, 2, "a"), Place(1, 2, "b")]) == "c"

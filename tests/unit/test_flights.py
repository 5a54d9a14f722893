"""Work that many ask for at once is done once, and only so much of it at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import eventlet
import pytest
from eventlet.event import Event

from image_service.errors import Busy
from image_service.flights import Abandoned, Flights

WAIT_S = 5


class Work:
    """Work that goes on until it is told to end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_end = Event()

    def __call__(self, name: str) -> Callable[[], str]:
        def work() -> str:
            self.begun.append(name)
            with eventlet.Timeout(WAIT_S):
                self.may_end.wait()
            return f"{name} done"

        return work


def wanted() -> bool:
    return True


@pytest.fixture
def work() -> Work:
    return Work()


def start(flights: Flights[str], work: Work, name: str, is_wanted: Any = wanted) -> Any:
    green = eventlet.spawn(flights.share, name, work(name), is_wanted)
    eventlet.sleep(0)
    return green


def test_many_who_ask_for_one_thing_get_it_from_one(work: Work) -> None:
    flights: Flights[str] = Flights(at_once=2, max_waiting=0)
    greens = [start(flights, work, "a") for _ in range(100)]
    work.may_end.send()
    assert {green.wait() for green in greens} == {"a done"}
    assert work.begun == ["a"]


def test_only_so_much_is_done_at_a_time(work: Work) -> None:
    flights: Flights[str] = Flights(at_once=2, max_waiting=10)
    greens = [start(flights, work, name) for name in "abcd"]
    assert work.begun == ["a", "b"]
    work.may_end.send()
    assert [green.wait() for green in greens] == ["a done", "b done", "c done", "d done"]


def test_what_would_wait_too_long_is_refused_at_once(work: Work) -> None:
    flights: Flights[str] = Flights(at_once=1, max_waiting=1)
    greens = [start(flights, work, name) for name in "ab"]
    with pytest.raises(Busy, match="2 pictures"):
        flights.share("c", work("c"), wanted)
    assert start(flights, work, "b").dead is False, "who asks for the same takes no more room"
    work.may_end.send()
    assert [green.wait() for green in greens] == ["a done", "b done"]
    assert flights.share("c", work("c"), wanted) == "c done"


def test_what_nobody_waits_for_any_more_is_never_begun(work: Work) -> None:
    flights: Flights[str] = Flights(at_once=1, max_waiting=5)
    first = start(flights, work, "a")
    gone = start(flights, work, "b", lambda: False)
    half = [start(flights, work, "c", lambda: False), start(flights, work, "c", wanted)]
    work.may_end.send()
    assert first.wait() == "a done"
    with pytest.raises(Abandoned):
        gone.wait()
    assert [green.wait() for green in half] == ["c done", "c done"]
    assert work.begun == ["a", "c"]


def test_a_failure_is_everybodys_and_is_not_remembered() -> None:
    flights: Flights[str] = Flights(at_once=1, max_waiting=5)
    calls: list[int] = []

    def fail() -> str:
        calls.append(1)
        eventlet.sleep(0.01)
        raise Busy("of it")

    greens = [eventlet.spawn(flights.share, "a", fail, wanted) for _ in range(3)]
    for green in greens:
        with pytest.raises(Busy, match="of it"):
            green.wait()
    assert len(calls) == 1
    assert flights.share("a", lambda: "now it works", wanted) == "now it works"


def test_one_who_is_killed_while_working_leaves_no_slot_taken(work: Work) -> None:
    flights: Flights[str] = Flights(at_once=1, max_waiting=5)
    start(flights, work, "a").kill()
    assert flights.share("b", lambda: "b done", wanted) == "b done"


def test_followers_are_bounded_too(work: Work) -> None:
    flights: Flights[str] = Flights(at_once=1, max_waiting=0, max_followers=2)
    greens = [start(flights, work, "a") for _ in range(3)]
    with pytest.raises(Busy, match="2 requests"):
        flights.share("a", work("a"), wanted)
    work.may_end.send()
    assert [green.wait() for green in greens] == ["a done"] * 3
    assert flights.share("a", lambda: "again", wanted) == "again"


def test_what_nobody_wants_any_more_takes_nobodys_place(work: Work) -> None:
    flights: Flights[str] = Flights(at_once=1, max_waiting=1)
    first = start(flights, work, "a")
    gone = start(flights, work, "b", lambda: False)
    last = start(flights, work, "c")
    work.may_end.send()
    assert [first.wait(), last.wait()] == ["a done", "c done"]
    with pytest.raises(Abandoned):
        gone.wait()
    assert flights.is_idle

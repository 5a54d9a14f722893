"""What is made while there is nothing else to do: when, of what, and what ends it."""

from __future__ import annotations

import eventlet
import pytest

from image_service.domain.image import Image
from image_service.errors import Busy, StorageUnavailable
from image_service.flights import Flights
from image_service.lulls import LullWork
from image_service.sight import calls
from tests.unit.faults import PICTURE, World

QUIET_S = 0.05


class Place:
    """A LullWork that notes what it makes."""

    def __init__(self) -> None:
        self.image: Image = World().manager.add(PICTURE, "a.png")
        self.flights: Flights[None] = Flights(at_once=2, max_waiting=2)
        self.made: list[str] = []
        self.causes: list[calls.Call | None] = []
        self.failure: Exception | None = None
        self.threads: list[eventlet.greenthread.GreenThread] = []
        self.work = LullWork(
            lambda image: image.facts.width > 5, self._leave, self.flights, quiet_s=QUIET_S
        )

    def _leave(self, image_id: str) -> None:
        self.made.append(image_id)
        self.causes.append(calls.current())
        if self.failure:
            raise self.failure

    def add(self) -> None:
        self.work.add(self.image, lambda work: self.threads.append(eventlet.spawn(work)))

    def wait(self) -> None:
        for thread in self.threads:
            thread.wait()


@pytest.fixture
def place() -> Place:
    return Place()


def test_nothing_is_made_before_all_is_quiet(place: Place) -> None:
    for _ in range(4):
        place.add()
        eventlet.sleep(QUIET_S / 2)
        assert place.made == []
    place.wait()
    assert place.made == [place.image.id] * 4
    assert len(place.threads) == 1


def test_after_a_pause_it_goes_on(place: Place) -> None:
    for _ in range(2):
        place.add()
        place.wait()
    assert len(place.made) == 2


def test_variants_go_first(place: Place) -> None:
    done = eventlet.event.Event()
    busy = eventlet.spawn(place.flights.share, "other", done.wait, lambda: True)
    place.add()
    eventlet.sleep(3 * QUIET_S)
    assert place.made == []
    done.send(None)
    busy.wait()
    place.wait()
    assert len(place.made) == 1


@pytest.mark.parametrize("failure", [Busy("much"), StorageUnavailable("disk"), RuntimeError("bug")])
def test_what_fails_ends_nothing(place: Place, failure: Exception) -> None:
    place.failure = failure
    place.add()
    place.add()
    place.wait()
    assert len(place.made) == 2


def test_each_is_made_as_the_work_of_the_call_that_caused_it(place: Place) -> None:
    first, second = calls.Call("first"), calls.Call("second")
    for call in (first, second, None):
        calls.enter(call)
        place.add()
    place.wait()
    assert place.causes == [first, second, None]


def test_what_can_have_none_starts_nothing() -> None:
    place = Place()
    place.work = LullWork(lambda _: False, place._leave, place.flights, quiet_s=0)
    place.add()
    assert place.threads == []

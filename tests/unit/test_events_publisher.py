"""The publisher of events: its order, its second attempts, its end."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import eventlet
import pytest

from image_service.domain.events import Backlog, Event, EventType
from image_service.domain.image import Image
from image_service.errors import StorageUnavailable
from image_service.events.messages import Message
from image_service.events.publisher import Publisher
from image_service.outgoing import AT_ONCE, EventsState, Outgoing
from image_service.sight.meters import Meters
from image_service.testing import NOON_MS
from tests.component.harness import wait_until
from tests.contracts.adapters import new_image


class ListOutbox:
    """An Outbox in a list."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.failure: Exception | None = None
        self.drawn = 0

    def add(self, image: Image, type_: EventType = EventType.UPLOADED) -> Event:
        self.drawn += 1
        event = Event(self.drawn, f"e{self.drawn}", type_, image, NOON_MS)
        self.events.append(event)
        return event

    def waiting(self, limit: int) -> list[Event]:
        if self.failure:
            raise self.failure
        return self.events[:limit]

    def backlog(self) -> Backlog:
        return Backlog(len(self.events), self.events[0].occurred_ms if self.events else None)

    def forget(self, events: Collection[Event]) -> None:
        self.events = [event for event in self.events if event not in events]


class OwnTurn:
    """A Turn that can be another's."""

    is_anothers = False
    is_held = False
    asked = 0

    def take(self) -> bool:
        self.asked += 1
        self.is_held = not self.is_anothers
        return self.is_held

    def release(self) -> None:
        self.is_held = False


class ListLine:
    """A line to a broker that keeps what it is sent, fails and refuses when told."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.attempts = 0
        self.fails_at: set[int] = set()
        self.refused: set[str] = set()
        self.is_open = self.is_lost = False

    def send(self, messages: Sequence[Message]) -> set[int]:
        self.is_open = True
        self.attempts += 1
        if self.attempts in self.fails_at:
            raise ConnectionResetError("gone")
        ids = [message.routing_key for message in messages]
        self.batches.append(ids)
        return {place for place, each in enumerate(ids) if each not in self.refused}

    def keep_alive(self) -> None:
        if self.is_open and self.is_lost:
            raise ConnectionResetError("gone")

    def close(self) -> None:
        self.is_open = False

    @property
    def sent(self) -> list[str]:
        return [each for batch in self.batches for each in batch]


class Desk:
    """A publisher at work on an outbox, a turn and a line; messages are named by their events."""

    def __init__(self) -> None:
        self.outbox, self.turn, self.line = ListOutbox(), OwnTurn(), ListLine()
        self.state, self.meters = EventsState(), Meters()
        self.is_stalled = False
        self.publisher = Publisher(
            Outgoing(self.outbox, self.turn),
            self.line,
            lambda event: Message(event.id, {}, {}, {}),
            self.state,
            self.meters,
            now_ms=lambda: NOON_MS + 40,
            poll_s=0.05,
            is_stalled=lambda: self.is_stalled,
        )
        self.thread: eventlet.greenthread.GreenThread | None = None

    def run(self) -> None:
        self.thread = eventlet.spawn(self.publisher.run)

    def stop(self) -> None:
        self.publisher.stop()
        if self.thread:
            self.thread.wait()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    if made.thread and not made.thread.dead:
        made.stop()


def test_an_images_next_event_waits_for_the_one_before(desk: Desk) -> None:
    one, other = new_image(), new_image()
    for image in (one, other, one, one):
        desk.outbox.add(image)
    desk.run()
    wait_until(lambda: not desk.outbox.events)
    assert desk.line.batches == [["e1", "e2"], ["e3"], ["e4"]]


def test_more_than_one_look_takes_is_told_in_one_go(desk: Desk) -> None:
    for _ in range(2 * AT_ONCE + 1):
        desk.outbox.add(new_image())
    desk.run()
    wait_until(lambda: not desk.outbox.events)
    assert [len(batch) for batch in desk.line.batches] == [AT_ONCE, AT_ONCE, 1]
    assert desk.meters.events_published.value(("image_uploaded",)) == 2 * AT_ONCE + 1
    assert desk.state.backlog == Backlog()


def test_what_comes_one_after_another_is_told_once(desk: Desk) -> None:
    desk.run()
    for count in range(1, 4):
        desk.outbox.add(new_image())
        desk.publisher.wake()
        wait_until(lambda wanted=count: len(desk.line.sent) == wanted)
    wait_until(lambda: not desk.outbox.events)
    assert desk.line.sent == ["e1", "e2", "e3"]


def test_after_a_failure_all_of_it_is_told_once_more(desk: Desk) -> None:
    for _ in range(2):
        desk.outbox.add(new_image())
    desk.line.fails_at = {1}
    desk.run()
    wait_until(lambda: desk.meters.event_failures.value() == 1)
    assert not desk.turn.is_held, "another process may be luckier"
    assert len(desk.outbox.events) == 2
    assert desk.state.backlog == Backlog(2, NOON_MS)
    wait_until(lambda: not desk.outbox.events)
    assert desk.line.sent == ["e1", "e2"]


def test_a_process_that_stands_still_leaves_the_turn_to_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.events.publisher._STALLED_PAUSE_S", 0.05)
    desk.outbox.add(new_image())
    desk.run()
    wait_until(lambda: desk.line.sent == ["e1"] and desk.turn.is_held)
    desk.is_stalled = True
    desk.outbox.add(new_image())
    wait_until(lambda: not desk.turn.is_held)
    assert not desk.line.is_open
    eventlet.sleep(0.2)
    assert (desk.line.sent, desk.turn.is_held) == (["e1"], False)
    desk.is_stalled = False
    wait_until(lambda: desk.line.sent == ["e1", "e2"])


def test_what_the_broker_has_is_not_told_again_after_a_failure(desk: Desk) -> None:
    image = new_image()
    for _ in range(3):
        desk.outbox.add(image)
    desk.line.fails_at = {2}
    desk.run()
    wait_until(lambda: not desk.outbox.events)
    assert desk.line.sent == ["e1", "e2", "e3"]
    assert desk.meters.event_failures.value() == 1


def test_what_is_refused_is_told_before_its_images_next(desk: Desk) -> None:
    one, other = new_image(), new_image()
    for image in (one, other, one):
        desk.outbox.add(image)
    desk.line.refused = {"e1"}
    desk.run()
    wait_until(lambda: desk.meters.event_failures.value() >= 1)
    assert desk.line.sent == ["e1", "e2"]
    desk.line.refused = set()
    wait_until(lambda: not desk.outbox.events)
    assert desk.line.sent == ["e1", "e2", "e1", "e3"]


def test_a_line_that_is_lost_while_nothing_waits_is_no_failure(desk: Desk) -> None:
    desk.outbox.add(new_image())
    desk.run()
    wait_until(lambda: desk.line.is_open and not desk.outbox.events)
    desk.line.is_lost = True
    wait_until(lambda: not desk.line.is_open)
    assert desk.turn.is_held
    assert desk.meters.event_failures.value() == 0


def test_while_it_is_anothers_turn_nothing_is_told_and_little_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("image_service.events.publisher._OTHERS_POLL_S", 0.5)
    desk = Desk()
    desk.turn.is_anothers = True
    desk.outbox.add(new_image())
    desk.run()
    wait_until(lambda: desk.state.backlog.count == 1)
    eventlet.sleep(0.4)
    assert desk.turn.asked <= 2
    assert desk.line.batches == []
    desk.turn.is_anothers = False
    wait_until(lambda: desk.line.sent == ["e1"])
    desk.stop()


def test_a_catalogue_that_fails_is_asked_again(desk: Desk) -> None:
    desk.outbox.add(new_image())
    desk.outbox.failure = StorageUnavailable("its catalogue is busy")
    desk.run()
    wait_until(lambda: desk.meters.event_failures.value() == 1)
    desk.outbox.failure = None
    wait_until(lambda: desk.line.sent == ["e1"])


def test_its_end_tells_and_forgets_what_is_left(desk: Desk) -> None:
    desk.run()
    wait_until(lambda: desk.turn.is_held)
    desk.outbox.add(new_image())
    desk.stop()
    assert desk.line.sent == ["e1"]
    assert desk.outbox.events == []
    assert not desk.line.is_open
    assert not desk.turn.is_held

"""Tells the broker of events, in order for each image, until it has them."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import eventlet
from eventlet.semaphore import Semaphore
from kombu.utils.functional import fxrange

from ..domain.events import Backlog, Event
from ..outgoing import AT_ONCE, EventsState, Outgoing
from ..sight import calls, logs
from ..sight.meters import Meters
from .messages import Message

_log = logging.getLogger(__name__)

# The first event is told at once, those that follow together: a look and the commit that forgets
# what was told cost as much as telling ten.
_SPACE_S = 0.2
_STALLED_PAUSE_S = 1.0
# How often whoever does not tell looks whether the one that does is gone.
_OTHERS_POLL_S = 5.0
_PAUSES_S = {"start": 0.5, "stop": 10.0, "step": 1.0}


class Sends(Protocol):
    """What events are sent on: a Line."""

    def send(self, messages: Sequence[Message]) -> set[int]: ...

    def keep_alive(self) -> None: ...

    def close(self) -> None: ...


class Publisher:
    """The publisher of one process, in a green thread: it works while it is the process's turn."""

    def __init__(
        self,
        outgoing: Outgoing,
        line: Sends,
        message_of: Callable[[Event], Message],
        state: EventsState,
        meters: Meters,
        *,
        now_ms: Callable[[], int],
        poll_s: float,
        is_stalled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Args:
        outgoing: off the hub. state: is told what waits. now_ms: Unix milliseconds.
        poll_s: how often to look for what other processes have written, while it is its turn.
        is_stalled: tells whether this process had better leave it to others.
        """
        self._outgoing = outgoing
        self._line = line
        self._message_of = message_of
        self._state = state
        self._meters = meters
        self._now_ms = now_ms
        self._poll_s = poll_s
        self._others_poll_s = max(poll_s, _OTHERS_POLL_S)
        self._is_stalled = is_stalled
        self._news = Semaphore(0)
        self._looked_s = 0.0
        self._pauses = self._new_pauses()
        self._is_failing = False
        self._is_ours = True
        self._is_stopping = False

    def wake(self) -> None:
        """Have it look at once. On the hub."""
        if self._news.balance <= 0 and self._is_ours:
            self._news.release()

    def stop(self) -> None:
        """Have run() tell what waits, and end."""
        self._is_stopping = self._is_ours = True
        self.wake()

    def run(self) -> None:
        """Tell of events until stopped; whatever fails is tried again."""
        pause_s = 0.0
        while True:
            if not self._is_stopping:
                self._wait(pause_s)
            is_last = self._is_stopping
            pause_s = self._try()
            if is_last:
                break
        self.end()

    def end(self) -> None:
        """Let go of the broker, and of the turn."""
        self._line.close()
        self._outgoing.let_go()

    def _wait(self, pause_s: float) -> None:
        if pause_s:
            # News do not shorten it: an upload a second would be an attempt a second.
            until_s = time.monotonic() + pause_s
            while not self._is_stopping and (left_s := until_s - time.monotonic()) > 0:
                self._news.acquire(timeout=left_s)
            return
        self._news.acquire(timeout=self._poll_s if self._is_ours else self._others_poll_s)
        space_s = self._looked_s + _SPACE_S - time.monotonic()
        if space_s > 0 and not self._is_stopping:
            eventlet.sleep(space_s)

    def _try(self) -> float:
        """Tell what there is; return for how many seconds to pause, 0 where it went well."""
        if self._is_stalled() and not self._is_stopping:
            if self._is_ours:
                self._is_ours = False
                self.end()
            return _STALLED_PAUSE_S
        try:
            is_all_taken = self._tell_all()
        except Exception as exc:  # noqa: BLE001 - whatever it is, events wait for a better time
            self._failed(str(exc) or type(exc).__name__)
            self.end()
            return next(self._pauses)
        if not is_all_taken:
            return next(self._pauses)
        if self._is_failing:
            self._is_failing = False
            self._pauses = self._new_pauses()
            _log.info("events are told again")
        return 0.0

    def _tell_all(self) -> bool:
        """Tell what waits; return False where the broker refuses some of it."""
        is_more = True
        while is_more:
            self._looked_s = time.monotonic()
            taken = self._outgoing.take()
            self._state.backlog = taken.backlog
            self._is_ours = taken.events is not None
            if taken.events is None:  # another process tells them
                self._line.close()
                return True
            if not self._tell(taken.events):
                return False
            is_more = len(taken.events) == AT_ONCE
        self._state.backlog = Backlog()
        self._keep_line()
        return True

    def _keep_line(self) -> None:
        try:
            self._line.keep_alive()
        except Exception as exc:  # noqa: BLE001 - nothing waits; the next event makes another
            _log.info("the connection for events was lost: %s", exc or type(exc).__name__)
            self._line.close()

    def _tell(self, events: list[Event]) -> bool:
        """Tell events and forget those that the broker has; return whether it has all."""
        told: list[Event] = []
        try:
            for some in rounds(events):
                had = self._line.send([self._message_of(event) for event in some])
                told += [some[place] for place in sorted(had)]
                if len(had) < len(some):
                    self._refused(some, had)
                    return False
        finally:
            if told:
                self._outgoing.forget(told)
                self._count(told)
        return True

    def _count(self, told: list[Event]) -> None:
        now_ms = self._now_ms()
        for event in told:
            self._meters.events_published.add((event.type.value,))
            self._meters.event_seconds.add(max(0, now_ms - event.occurred_ms) / 1000)
            _log.debug("told of %s %s", event.type.value, event.image.id, extra=_of_call(event))

    def _refused(self, events: list[Event], had: set[int]) -> None:
        for place, event in enumerate(events):
            if place not in had:
                self._failed(f"a queue refuses {event.type.value} of {event.image.id}", event)

    def _failed(self, why: str, event: Event | None = None) -> None:
        self._meters.event_failures.add()
        if not self._is_failing:  # once for all that follow
            self._is_failing = True
            extra = _of_call(event) if event else None
            _log.warning("events wait, and are tried again: %s", why, extra=extra)

    @staticmethod
    def _new_pauses() -> Iterator[float]:
        pauses: Iterator[float] = fxrange(**_PAUSES_S, repeatlast=True)
        return pauses


def rounds(events: Iterable[Event]) -> list[list[Event]]:
    """Return events so that those of one image follow each other in different lists.

    What is under way together may arrive, or be refused, in any order.
    """
    found: list[list[Event]] = []
    counts: Counter[str] = Counter()
    for event in events:
        place = counts[event.image.id]
        counts[event.image.id] += 1
        if place == len(found):
            found.append([])
        found[place].append(event)
    return found


def _of_call(event: Event) -> dict[str, calls.Call]:
    return {logs.CALL: calls.Call(event.cause.call_id)} if event.cause.call_id else {}

"""Work that many ask for at once is done once, and only so much of it at a time."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from eventlet.event import Event
from eventlet.semaphore import Semaphore

from .errors import Busy

T = TypeVar("T")


class Abandoned(Exception):
    """Raised where nobody waits any more for work that has not begun."""


@dataclass
class _Flight(Generic[T]):
    """One piece of work; wanted: tell for each that waits whether it still does."""

    landed: Event = field(default_factory=Event)
    wanted: list[Callable[[], bool]] = field(default_factory=list)
    has_begun: bool = False

    @property
    def is_wanted(self) -> bool:
        return any(wants() for wants in self.wanted)


class Flights(Generic[T]):
    """A bounded queue of green threads before work that is done off the hub."""

    def __init__(self, *, at_once: int, max_waiting: int, max_followers: int = 1000) -> None:
        """Args:
        at_once: how much is done at a time; max_waiting: how much may wait for that.
        max_followers: how many may wait for what others have asked for before them.
        """
        self._max_followers = max_followers
        self._followers = 0
        self._slots = Semaphore(at_once)
        self._at_once = at_once
        self._max_waiting = max_waiting
        self._flights: dict[Hashable, _Flight[T]] = {}

    def share(self, key: Hashable, work: Callable[[], T], is_wanted: Callable[[], bool]) -> T:
        """Return work's result, which is the same for all who ask for key meanwhile.

        Args: is_wanted: tells, before work begins, whether its result is still waited for.
        Raises: Busy when too much waits; Abandoned; whatever work raises.
        """
        flight = self._flights.get(key)
        if flight:
            return self._followed(flight, is_wanted)
        if len(self._flights) >= self._at_once + self._max_waiting:
            self._drop_unwanted()
        if len(self._flights) >= self._at_once + self._max_waiting:
            raise Busy(f"{len(self._flights)} pictures are being made or wait to be")
        flight = self._flights[key] = _Flight(wanted=[is_wanted])
        try:
            with self._slots:
                if not flight.is_wanted:
                    raise Abandoned
                flight.has_begun = True
                result = work()
        except BaseException as exc:
            self._land(key, flight)
            flight.landed.send_exception(exc)
            raise
        self._land(key, flight)
        flight.landed.send(result)
        return result

    @property
    def count(self) -> int:
        """How much is being done or waits."""
        return len(self._flights)

    @property
    def limit(self) -> int:
        """How much may be done and wait."""
        return self._at_once + self._max_waiting

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being done and nothing waits."""
        return not self._flights

    def _followed(self, flight: _Flight[T], is_wanted: Callable[[], bool]) -> T:
        if self._followers >= self._max_followers:
            raise Busy(f"{self._followers} requests wait for pictures that are being made")
        flight.wanted.append(is_wanted)
        self._followers += 1
        try:
            result: T = flight.landed.wait()
        finally:
            self._followers -= 1
        return result

    def _drop_unwanted(self) -> None:
        """Give the places of what nobody waits for any more to others."""
        for key, flight in list(self._flights.items()):
            if not flight.has_begun and not flight.is_wanted:
                del self._flights[key]

    def _land(self, key: Hashable, flight: _Flight[T]) -> None:
        if self._flights.get(key) is flight:
            del self._flights[key]

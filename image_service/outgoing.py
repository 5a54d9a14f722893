"""What the publisher of events asks the outbox for, and whether it is this process's turn."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from .domain.events import Backlog, Event, Outbox, Turn

AT_ONCE = 100
"""Events that are looked at in one go."""


class Taken(NamedTuple):
    """events: the next ones, None where another process has the turn; backlog: all that waits."""

    events: list[Event] | None
    backlog: Backlog


class Outgoing:
    """Events on their way out. Its methods block: see `off_hub.OffHub`."""

    def __init__(self, outbox: Outbox, turn: Turn) -> None:
        self._outbox = outbox
        self._turn = turn

    def take(self) -> Taken:
        """Return what is to be told next. Raises: StorageUnavailable."""
        if not self._turn.take():
            return Taken(None, self._outbox.backlog())
        events = self._outbox.waiting(AT_ONCE)
        if len(events) == AT_ONCE:
            return Taken(events, self._outbox.backlog())
        return Taken(events, Backlog(len(events), events[0].occurred_ms if events else None))

    def forget(self, events: Collection[Event]) -> None:
        """See Outbox.forget. Raises: StorageFull, StorageUnavailable."""
        self._outbox.forget(events)

    def let_go(self) -> None:
        """Let another process have the turn."""
        self._turn.release()

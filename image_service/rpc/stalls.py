"""What becomes of calls on a process that hardly gets any processor time.

RabbitMQ hands calls out in turn, to whoever is slow, too: without this each of them would wait
there for as long as the slowness lasts, and so would one of three calls where one of three hosts
is slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import eventlet

from ..native import hang_up
from ..sight.pace import INTERVAL_S, Pace


class HangUp:
    """Ends a connection to RabbitMQ when the process stands still: others get what it has taken.

    The socket is shut down, by the thread that finds out: to say farewell would take the hub, which
    has no time.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._transport: Any = None
        pace.when_stalled(self)

    def watch(self, connection: Any) -> None:
        """Have this connection (kombu's) ended, in the place of the one before. On the hub."""
        self._transport = connection.connection.transport
        if self._pace.is_stalled:  # since it was begun
            self()

    def check(self) -> None:
        """Raise ConnectionResetError where the connection is ended, or could not be."""
        if self._pace.is_stalled:
            raise ConnectionResetError("this process stands still")

    def __call__(self) -> None:
        """End it. In a native thread."""
        if self._transport is not None:
            hang_up(self._transport.sock)


def when_it_gets_on(pace: Pace, consuming: Iterator[Any]) -> Iterator[Any]:
    """Yield from a consumer, which connects once this process gets on.

    Whoever stops one that has not begun kills its green thread.
    """
    while pace.is_stalled:
        eventlet.sleep(INTERVAL_S)
    yield from consuming

"""What becomes of calls on a process that hardly gets any processor time.

RabbitMQ hands calls out in turn, to whoever is slow, too: without this each of them would wait
there for as long as the slowness lasts, and so would one of three calls where one of three hosts
is slow.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import eventlet

from ..sight.lag import INTERVAL_S
from ..sight.pace import Pace


class Stalled(ConnectionError):
    """Raised to give a connection up, as a lost one is: what was taken goes back to the queue."""


def check_pace(pace: Pace, *, is_needed: bool) -> None:
    """Raise Stalled where this process stands still.

    Args: is_needed: False while what was taken is finished, to stop: that goes on.
    """
    if is_needed and pace.is_stalled:
        raise Stalled("this process stands still")


def while_it_gets_on(pace: Pace, consuming: Iterator[Any]) -> Iterator[Any]:
    """Yield from a consumer that begins once this process gets on, and ends where it is Stalled.

    Whoever stops a consumer that has not begun kills its green thread.
    """
    while pace.is_stalled:
        eventlet.sleep(INTERVAL_S)
    try:
        yield from consuming
    except Stalled:
        return

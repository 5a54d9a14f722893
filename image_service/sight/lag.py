"""How late the hub is: how long a green thread that may run has to wait until it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from eventlet import sleep

from .pace import INTERVAL_S, Pace
from .tallies import Histogram


def watch(lag: Histogram, pace: Pace, looks: Iterable[Callable[[], None]]) -> None:
    """Measure for ever, in a green thread of its own; tell pace, and of what that has found.

    Args: looks: what else is to be looked at each time.
    """
    sleep(INTERVAL_S)  # until it goes round there is nothing to measure
    pace.start()
    while True:
        due_s = time.monotonic() + INTERVAL_S
        sleep(INTERVAL_S)
        lag.add(max(0.0, time.monotonic() - due_s))
        pace.beat()
        pace.tell()
        for look in looks:
            look()

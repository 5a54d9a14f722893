"""How late the hub is: how long a green thread that may run has to wait until it does."""

from __future__ import annotations

import time

from eventlet import sleep

from .tallies import Histogram

_INTERVAL_S = 0.25


def watch(lag: Histogram) -> None:
    """Measure for ever, in a green thread of its own."""
    while True:
        due_s = time.monotonic() + _INTERVAL_S
        sleep(_INTERVAL_S)
        lag.add(max(0.0, time.monotonic() - due_s))

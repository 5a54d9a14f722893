"""How late the hub is: how long a green thread that may run has to wait until it does."""

from __future__ import annotations

import time

from eventlet import sleep

from .pace import Pace
from .tallies import Histogram

INTERVAL_S = 0.25


def watch(lag: Histogram, pace: Pace) -> None:
    """Measure for ever, in a green thread of its own."""
    while True:
        began_s, had_s = time.monotonic(), time.process_time()
        sleep(INTERVAL_S)
        took_s = time.monotonic() - began_s
        late_s = max(0.0, took_s - INTERVAL_S)
        lag.add(late_s)
        pace.note(late_s, (time.process_time() - had_s) / took_s)

"""Whether a process gets on: one that hardly gets any processor time had better take no work.

The hub tells a native thread again and again that it goes round. It would find out by itself, too,
but after all that waits for it, which takes so long because there is no time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..native import threading, time

_log = logging.getLogger(__name__)

INTERVAL_S = 0.25
# With more of a core than this it is its own work that makes it late.
_STARVED_SHARE = 0.25
_TIMES_LATE = 2
_ON_TIME_S = 0.25
# A second, and ten where it has stood still again and again.
_TIMES_ON_TIME, _MOST_TIMES_ON_TIME = 4, 40


class Pace:
    """Looks again and again how late the hub is; stalled from the second time in a row on.

    The first may be a pause of the whole machine, after which all goes on.
    """

    def __init__(self, most_late_s: float) -> None:
        """Args: most_late_s: how late the hub may be, 0 for as late as it likes."""
        self._most_late_s = most_late_s
        self._late = self._on_time = 0
        self._wanted = _TIMES_ON_TIME
        self._is_told = self.is_stalled = False
        self._stands_still = ""
        self._let_go: list[Callable[[], None]] = []
        self._ended = threading.Event()
        self._beat = 0.0, 0.0

    def when_stalled(self, let_go: Callable[[], None]) -> None:
        """Have something done at once when it stalls, in the watching thread."""
        self._let_go.append(let_go)

    def start(self) -> None:
        """Begin to watch, now that the hub goes round."""
        self.beat()
        if self._most_late_s:
            threading.Thread(target=self._watch, name="pace", daemon=True).start()

    def stop(self) -> None:
        """Watch no longer."""
        self._ended.set()

    def beat(self) -> None:
        """Take note that the hub goes round: to be called every INTERVAL_S. On the hub."""
        self._beat = time.monotonic(), time.process_time()

    def note(self, late_s: float, share: float) -> None:
        """Take note of how late it was, and what share of a core the process had meanwhile."""
        is_late = late_s > self._most_late_s and share < _STARVED_SHARE
        self._late = self._late + 1 if is_late else 0
        self._on_time = self._on_time + 1 if late_s < _ON_TIME_S else 0
        if not self.is_stalled and self._late >= _TIMES_LATE:
            self._stall(late_s, share)
        elif self.is_stalled and self._on_time >= self._wanted:
            # Should it stand still again soon, it is to get on for longer before it is believed.
            self._wanted = min(2 * self._wanted, _MOST_TIMES_ON_TIME)
            self.is_stalled = False
        elif self._on_time >= _MOST_TIMES_ON_TIME:
            self._wanted = _TIMES_ON_TIME

    def tell(self) -> None:
        """Log what has changed: on the hub, for native threads must not."""
        if self.is_stalled == self._is_told:
            return
        self._is_told = self.is_stalled
        if self._is_told:
            _log.warning("%s: its calls go back to RabbitMQ", self._stands_still)
        else:
            _log.info("this process gets on again, and takes calls")

    def _stall(self, late_s: float, share: float) -> None:
        about = f"{late_s:.1f} s at a time, with {100 * share:.0f} % of a core"
        self._stands_still = f"this process stands still, {about}"
        self.is_stalled = True
        for let_go in self._let_go:
            let_go()

    def _watch(self) -> None:
        while not self._ended.wait(INTERVAL_S):
            beat_s, had_s = self._beat
            since_s = time.monotonic() - beat_s
            share = (time.process_time() - had_s) / max(since_s, INTERVAL_S)
            self.note(since_s - INTERVAL_S, share)

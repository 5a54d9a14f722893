"""Whether a process gets on: one that hardly gets any processor time had better take no work."""

from __future__ import annotations

import logging

_log = logging.getLogger(__name__)

# With more of a core than this it is its own work that makes it late.
_STARVED_SHARE = 0.25
_TIMES_LATE = 2
_TIMES_ON_TIME = 4
_ON_TIME_S = 0.25


class Pace:
    """Told again and again how late the hub is; stalled from the second time in a row on.

    The first may be a pause of the whole machine, after which all goes on.
    """

    def __init__(self, most_late_s: float) -> None:
        """Args: most_late_s: how late it may be, 0 for as late as it likes."""
        self._most_late_s = most_late_s
        self._late = self._on_time = 0
        self.is_stalled = False

    def note(self, late_s: float, share: float) -> None:
        """Take note of how late it was, and what share of a core the process had meanwhile."""
        is_late = 0 < self._most_late_s < late_s and share < _STARVED_SHARE
        self._late = self._late + 1 if is_late else 0
        self._on_time = self._on_time + 1 if late_s < _ON_TIME_S else 0
        if not self.is_stalled and self._late >= _TIMES_LATE:
            self.is_stalled = True
            _log.warning(
                "this process stands still, %.1f s at a time, with %.0f %% of a core: "
                "its calls go back to RabbitMQ, and it takes none until it gets on",
                late_s,
                100 * share,
            )
        elif self.is_stalled and self._on_time >= _TIMES_ON_TIME:
            self.is_stalled = False
            _log.info("this process gets on again, and takes calls")

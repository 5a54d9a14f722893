"""Whether a process has as much to do as one core can, while other cores have nothing to do."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

_HIGH_SHARE = 0.8
_IDLE_SHARE = 0.5
_STAT = Path("/proc/stat")
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
# `cpu0 user nice system idle iowait …`, see proc_stat(5).
_IDLE_FIELDS = slice(4, 6)


class Pressure:
    """Looks again and again; high from the second time in a row on.

    Where less than half a core is left over, another process would only take it from those that
    work.
    """

    def __init__(self, idle_s: Callable[[], float] | None = None) -> None:
        """Args: idle_s: how long the cores that this process may use have had nothing to do."""
        self._idle_s = idle_s or idle_of_cores_s
        self._then_s, self._had_s = time.monotonic(), time.process_time()
        self._idle_then_s: float | None = None
        self.is_high = False

    def beat(self) -> None:
        """Look. To be called every quarter of a second or so."""
        now_s, has_s = time.monotonic(), time.process_time()
        since_s = now_s - self._then_s
        self.note(since_s, has_s - self._had_s)
        self._then_s, self._had_s = now_s, has_s

    def note(self, since_s: float, had_s: float) -> None:
        """Take note of how much processor time this process had in how long."""
        if had_s < _HIGH_SHARE * since_s:
            self._idle_then_s, self.is_high = None, False
            return
        idle_s, before_s = self._idle_s(), self._idle_then_s
        self._idle_then_s = idle_s
        self.is_high = before_s is not None and idle_s - before_s >= _IDLE_SHARE * since_s


def idle_of_cores_s() -> float:
    """Return how long the cores that this process may use have had nothing to do, all together.

    Where it cannot be told, as if one never had anything to do.
    """
    try:
        lines = _STAT.read_text(encoding="ascii").splitlines()
        mine = {f"cpu{core}" for core in os.sched_getaffinity(0)}
    except (OSError, AttributeError):
        return time.monotonic()
    fields = (line.split() for line in lines)
    idle = sum(sum(map(int, f[_IDLE_FIELDS])) for f in fields if f[0] in mine)
    return idle / _TICKS_A_SECOND

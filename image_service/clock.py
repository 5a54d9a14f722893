"""The time of day."""

from __future__ import annotations

import time


def now_ms() -> int:
    """Return Unix milliseconds."""
    return time.time_ns() // 1_000_000


class SystemClock:
    """The Clock of the machine."""

    def now_ms(self) -> int:
        """See Clock.now_ms."""
        return now_ms()

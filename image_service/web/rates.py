"""How often somebody may ask: by token, or by address where there is none."""

from __future__ import annotations

import ipaddress
import logging
import math
import sqlite3
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RateLimited

if TYPE_CHECKING:
    from limits import RateLimitItem
    from limits.strategies import RateLimiter

_log = logging.getLogger(__name__)

_MAX_COUNTED = 50_000
_V6_PREFIX_BITS = 64


class Rates:
    """Counts what is asked, and refuses what is too much."""

    def __init__(self, limits: Mapping[Any, str], shared: Path | None = None) -> None:
        """Args:
        limits: by kind, as "60/minute; 1000/day"; kinds that are not there have none.
        shared: the file in which several processes count together; None: this one alone.
        """
        self._limits: dict[str, list[RateLimitItem]] = {}
        if not limits:
            return
        from limits import parse_many
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        self._limits = {kind: parse_many(text) for kind, text in limits.items()}
        self._storage = MemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)
        self._shared = _shared_limiter(shared) if shared else None

    def count(self, kind: str, who: str) -> None:
        """Count one more of a kind. Raises: RateLimited."""
        items = self._limits.get(kind)
        if not items:
            return
        if len(self._storage.storage) > _MAX_COUNTED:  # addresses are cheap
            self._storage.reset()
        for item in items:
            reset_s = self._hit(item, kind, who)
            if reset_s is not None:
                retry_after_s = max(1, math.ceil(reset_s - time.time()))
                raise RateLimited(kind, f"{item.amount:,} in {_period(item)}", retry_after_s)

    def _hit(self, item: RateLimitItem, kind: str, who: str) -> float | None:
        """Return None, or when to come again: seconds since 1970."""
        from limits.errors import StorageError

        try:
            return _refused_until(self._shared or self._limiter, item, kind, who)
        except StorageError as exc:  # better counted here alone than not at all
            _log.warning("rate limits are counted by each process alone: %s", exc)
            return _refused_until(self._limiter, item, kind, who)


def _shared_limiter(path: Path) -> RateLimiter | None:
    from limits.strategies import SlidingWindowCounterRateLimiter

    from .shared_rates import SharedCounts

    try:
        return SlidingWindowCounterRateLimiter(SharedCounts(path))
    except sqlite3.Error as exc:
        _log.warning("rate limits are counted by each process alone: %s", exc)
        return None


def _refused_until(limiter: RateLimiter, item: RateLimitItem, kind: str, who: str) -> float | None:
    if limiter.hit(item, kind, who):
        return None
    return float(limiter.get_window_stats(item, kind, who).reset_time)


def address_key(address: str) -> str:
    """Return by what an address is counted: of IPv6 its network, which one client has all of."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "address:"
    if parsed.version == 6:
        network = ipaddress.ip_network((parsed, _V6_PREFIX_BITS), strict=False)
        return f"address:{network.network_address}"
    return f"address:{parsed}"


def _period(item: RateLimitItem) -> str:
    name = item.GRANULARITY.name
    return f"a {name}" if item.multiples == 1 else f"{item.multiples} {name}s"

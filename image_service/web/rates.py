"""How often somebody may ask: by token, or by address where there is none. Each process counts."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import RateLimited

if TYPE_CHECKING:
    from limits import RateLimitItem

_MAX_COUNTED = 50_000
_V6_PREFIX_BITS = 64


class Rates:
    """Counts what is asked, and refuses what is too much."""

    def __init__(self, limits: Mapping[Any, str]) -> None:
        """Args: limits: by kind, as "60/minute; 1000/day"; kinds that are not there have none."""
        self._limits: dict[str, list[RateLimitItem]] = {}
        if not limits:
            return
        from limits import parse_many
        from limits.storage import MemoryStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        self._limits = {kind: parse_many(text) for kind, text in limits.items()}
        self._storage = MemoryStorage()
        self._limiter = SlidingWindowCounterRateLimiter(self._storage)

    def count(self, kind: str, who: str) -> None:
        """Count one more of a kind. Raises: RateLimited."""
        items = self._limits.get(kind)
        if not items:
            return
        if len(self._storage.storage) > _MAX_COUNTED:  # addresses are cheap
            self._storage.reset()
        for item in items:
            if not self._limiter.hit(item, kind, who):
                stats = self._limiter.get_window_stats(item, kind, who)
                retry_after_s = max(1, math.ceil(stats.reset_time - time.time()))
                raise RateLimited(kind, f"{item.amount:,} in {_period(item)}", retry_after_s)


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

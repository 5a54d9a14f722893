"""Upkeep: what goes on by itself, and what of it is done once for all processes."""

from __future__ import annotations

from .domain.once import Turns
from .manager import StorageManager
from .scrub import Scrub

# A turn is kept from one time to the next, and a late timer does not lose it.
_INTERVALS_KEPT = 2.5


class Upkeep:
    """What housekeeping does. Its methods block: see `off_hub.OffHub`."""

    def __init__(
        self, manager: StorageManager, scrub: Scrub, turns: Turns, *, interval_s: float
    ) -> None:
        """Args: interval_s: how often its methods are called."""
        self._manager = manager
        self._scrub = scrub
        self._turns = turns
        self._ttl_s = _INTERVALS_KEPT * interval_s

    def sweep(self) -> None:
        """Clear up what this process and dead ones left; where it is its turn, what is too old."""
        self._manager.sweep()
        with self._turns.take("expire", self._ttl_s) as is_ours:
            if is_ours:
                self._manager.expire()

    def look_for_damage(self) -> None:
        """Where it is this process's turn, look at the next part of the stored images."""
        with self._turns.take("scrub", self._ttl_s) as is_ours:
            if is_ours:
                self._scrub.step()

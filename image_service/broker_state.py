"""How a process is connected to RabbitMQ, for its health."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from .errors import StorageUnavailable
from .sight.pace import Pace

_log = logging.getLogger(__name__)


@dataclass
class BrokerState:
    """Which connections to the broker are consuming; told by the lanes."""

    pace: Pace = field(default_factory=lambda: Pace(0))
    consuming: dict[str, bool] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    """Those of which RabbitMQ takes nothing, for it is short of memory or disk."""

    def check(self) -> None:
        """Raise StorageUnavailable while a lane is not consuming, or cannot answer."""
        if self.pace.is_stalled:
            raise StorageUnavailable(
                "this process hardly gets any processor time, and takes no calls until it does"
            )
        down = sorted(lane for lane, is_up in self.consuming.items() if not is_up)
        if down:
            raise StorageUnavailable(f"not connected to RabbitMQ: {', '.join(down)}")
        if self.blocked:
            raise StorageUnavailable(
                "RabbitMQ takes no messages (its alarm of memory or disk is on): "
                f"{', '.join(sorted(self.blocked))}"
            )

    def block(self, lane: str, why: str) -> None:
        """Note that nothing more is taken of a lane, until unblock()."""
        self.blocked.add(lane)
        _log.warning("RabbitMQ takes no replies of the lane %s: %s", lane, why)

    def unblock(self, lane: str) -> None:
        """Note that what a lane sends is taken again, or that its connection is another one."""
        if lane in self.blocked:
            self.blocked.discard(lane)
            _log.info("RabbitMQ takes replies of the lane %s again", lane)

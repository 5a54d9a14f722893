"""`@housekeeping`: a timer whose interval is a setting, and whose failure is logged, not fatal."""

from __future__ import annotations

import logging
from typing import Any

from nameko.timer import Timer

from .dependencies import Core
from .domain.turn_ports import Turn
from .errors import ImageServiceError

_log = logging.getLogger(__name__)


class Housekeeping(Timer):
    """Fires every sweep_interval_s, in one of the processes that share a store, or in each."""

    core = Core()

    def __init__(self, *, in_each: bool = False) -> None:
        super().__init__(interval=0)
        self._in_each = in_each
        self._turn: Turn | None = None

    def start(self) -> None:
        """See Extension."""
        self.interval = self.core.app.settings.sweep_interval_s
        super().start()

    def handle_timer_tick(self) -> None:
        """See Timer."""
        if self._in_each or self._take_turn():
            super().handle_timer_tick()
        else:
            self.worker_complete.send()

    def _take_turn(self) -> bool:
        try:
            self._turn = self.core.app.turns.take(self.method_name, every_s=self.interval)
        except ImageServiceError as exc:
            _log.warning("housekeeping will try again: %s", exc)
        return self._turn is not None

    def handle_result(self, worker_ctx: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
        """See Timer."""
        if self._turn:
            self._turn.end()
            self._turn = None
        if exc_info and isinstance(exc_info[1], ImageServiceError):
            _log.warning("housekeeping will try again: %s", exc_info[1])
        return super().handle_result(worker_ctx, result, exc_info)


housekeeping = Housekeeping.decorator

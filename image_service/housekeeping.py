"""`@housekeeping`: a timer whose interval is a setting, and whose failure is logged, not fatal."""

from __future__ import annotations

import logging
from typing import Any

from nameko.timer import Timer

from .dependencies import Core
from .errors import ImageServiceError

_log = logging.getLogger(__name__)


class Housekeeping(Timer):
    """Fires every sweep_interval_s."""

    core = Core()

    def __init__(self) -> None:
        super().__init__(interval=0)

    def start(self) -> None:
        """See Extension."""
        self.interval = self.core.app.settings.sweep_interval_s
        super().start()

    def stop(self) -> None:
        """See Extension. One that SIGTERM stops before it has started has nothing to end."""
        if self.gt is not None:
            super().stop()

    def kill(self) -> None:
        """See Extension."""
        if self.gt is not None:
            super().kill()

    def handle_result(self, worker_ctx: Any, result: Any, exc_info: Any) -> tuple[Any, Any]:
        """See Timer."""
        if exc_info and isinstance(exc_info[1], ImageServiceError):
            _log.warning("housekeeping will try again: %s", exc_info[1])
        return super().handle_result(worker_ctx, result, exc_info)


housekeeping = Housekeeping.decorator

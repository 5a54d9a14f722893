"""Trips to native threads: what blocks is done there, and what it has to say is told here."""

from __future__ import annotations

import contextvars
import logging
from collections import deque
from collections.abc import Callable
from typing import Any

from eventlet import tpool

from .sight import calls, logs

_log = logging.getLogger(__name__)


class OffHub:
    """Runs an object's methods in native threads, so that their waits hold up no green thread.

    Each call is one trip: there and back costs as much as a dozen system calls. Context variables
    go along: whose call it is.
    """

    def __init__(self, blocking: object, after: Callable[[], None]) -> None:
        """Args: after: called on the hub after each trip."""
        self._blocking = blocking
        self._after = after

    def __getattr__(self, name: str) -> Any:
        work = getattr(self._blocking, name)

        def method(*args: Any, **kwargs: Any) -> Any:
            context = contextvars.copy_context()
            try:
                return tpool.execute(context.run, work, *args, **kwargs)
            finally:
                self._after()

        setattr(self, name, method)
        return method


class Notices:
    """What native threads have to say: logging there deadlocks on locks that eventlet replaced."""

    def __init__(self) -> None:
        self._untold: deque[tuple[str, calls.Call | None]] = deque()

    def add(self, text: str) -> None:
        """Keep a warning, of the call at work there, until somebody on the hub tells it."""
        self._untold.append((text, calls.current()))

    def tell(self) -> None:
        """Log what was added."""
        while self._untold:
            text, call = self._untold.popleft()
            _log.warning(text, extra={logs.CALL: call})

"""Mezzanines made ahead: while a service has nothing else to do."""

from __future__ import annotations

import functools
import logging
import time
from collections import deque
from collections.abc import Callable

from eventlet import sleep

from .domain.image import Image
from .domain.mezzanine import NAME
from .errors import Busy, ImageNotFound, ImageServiceError
from .flights import Abandoned, Flights
from .sight import calls
from .variants import Variant

_log = logging.getLogger(__name__)

_QUIET_S = 1.0
# Of more images than that, the first variants make them.
_MOST_WAITING = 10_000


class LullWork:
    """Makes the mezzanines of new images once no upload has ended and no variant been made for 1 s.

    Where uploads never pause, or the cache is full, the first variants make them.
    """

    def __init__(
        self,
        would_leave: Callable[[Image], bool],
        leave: Callable[[str], None],
        flights: Flights[Variant | None],
        *,
        quiet_s: float = _QUIET_S,
    ) -> None:
        """Args:
        would_leave, leave: of Renders, the latter off the hub.
        flights: the queue of variants; quiet_s: how long a lull is.
        """
        self._would_leave = would_leave
        self._leave = leave
        self._flights = flights
        self._quiet_s = quiet_s
        # Whose picture each is, for the log.
        self._waiting: deque[tuple[str, calls.Call | None]] = deque(maxlen=_MOST_WAITING)
        self._quiet_from_s = 0.0
        self._is_running = False

    def add(self, image: Image, spawn: Callable[[Callable[[], None]], object]) -> None:
        """Note an image that was just stored. Args: spawn: starts a green thread."""
        self._quiet_from_s = time.monotonic() + self._quiet_s
        if not self._would_leave(image):
            return
        self._waiting.append((image.id, calls.current()))
        if not self._is_running:
            self._is_running = True
            spawn(self._run)

    def _run(self) -> None:
        try:
            while self._waiting:
                wait_s = self._quiet_from_s - time.monotonic()
                if wait_s > 0 or not self._flights.is_idle:
                    sleep(max(wait_s, self._quiet_s / 4))
                    continue
                image_id, cause = self._waiting.popleft()
                calls.enter(cause)
                self._make(image_id)
        finally:
            self._is_running = False

    def _make(self, image_id: str) -> None:
        try:
            leave = functools.partial(self._leave, image_id)
            self._flights.share((image_id, NAME), leave, lambda: True)
        except (Busy, Abandoned, ImageNotFound):
            pass  # there is other work, and that will make it; or it was deleted
        except ImageServiceError as exc:
            _log.info("nothing is made ahead of %s: %s", image_id, exc)
        except Exception:  # noqa: BLE001 - an error in a managed thread ends the container
            _log.exception("nothing is made ahead of %s", image_id)

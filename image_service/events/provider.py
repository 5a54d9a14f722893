"""Has a container tell of events for as long as it runs."""

from __future__ import annotations

import functools
from typing import Any

import eventlet

from ..dependencies import CoreProvider
from ..rpc.replies import Replies
from .line import Line
from .messages import message_of
from .publisher import Publisher

_STOP_S = 5


class EventsProvider(CoreProvider):
    """Runs the publisher; injects nothing: `events = EventsProvider()`."""

    _publisher: Publisher | None = None
    _thread: Any = None

    def start(self) -> None:
        """Begin with what waits, unless `events` is off."""
        app = self.core.app
        if app.outgoing is None:
            return
        replies = Replies(app.settings.url_prefix)
        self._publisher = Publisher(
            app.outgoing,
            Line(self.container.config, self.container.service_name),
            functools.partial(message_of, replies=replies),
            app.events,
            app.meters,
            now_ms=app.clock.now_ms,
            poll_s=app.settings.events_poll_s,
            is_stalled=lambda: app.pace.is_stalled,
        )
        app.on_news = self._publisher.wake
        self._publisher.wake()
        self._thread = eventlet.spawn(self._publisher.run)

    def stop(self) -> None:
        """Tell what the last calls have changed; what cannot be told waits for the next start."""
        if self._publisher:
            self.core.app.on_news = _nothing
            self._publisher.stop()
            with eventlet.Timeout(_STOP_S, exception=False):
                self._thread.wait()
                return
            self._thread.kill()
            self._publisher.end()

    def kill(self) -> None:
        """End it at once."""
        if self._thread:
            self._thread.kill()


def _nothing() -> None:
    pass

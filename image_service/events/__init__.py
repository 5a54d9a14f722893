"""Events for other services: docs/events.md."""

from .provider import EventsProvider

__all__ = ["EventsProvider"]

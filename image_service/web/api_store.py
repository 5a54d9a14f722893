"""/api/info, stats, tags and health: about the store as a whole."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request

from ..application import Application
from ..rpc import reports
from .access import Caller
from .api import Route
from .parameters import number, read_query, text

_TAGS = 20


class StoreApi:
    """Tells what is stored and how the service is."""

    def __init__(self, app: Application) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        return [
            Route("GET", "/api/info", "read", self.info),
            Route("GET", "/api/stats", "read", self.stats),
            Route("GET", "/api/tags", "read", self.tags),
            # Not for its turn: it must answer while everything else waits.
            Route("GET", "/api/health", "read", self.health, waits=False),
        ]

    def info(self, request: Request, caller: Caller) -> dict[str, Any]:
        """Answer as get_storage_info."""
        read_query(request, {})
        return reports.storage_info(self._app, caller.owner)

    def stats(self, request: Request, caller: Caller) -> dict[str, Any]:
        """Answer what charts of the storage need."""
        read_query(request, {})
        return reports.stats(self._app, caller.owner)

    def tags(self, request: Request, caller: Caller) -> dict[str, Any]:  # noqa: ARG002
        """Answer the most frequent tags."""
        asked = read_query(request, {"prefix": text, "limit": number})
        return reports.tags(self._app, asked.get("prefix", ""), asked.get("limit", _TAGS))

    def health(self, request: Request, caller: Caller) -> dict[str, Any]:  # noqa: ARG002
        """Answer as health_check."""
        read_query(request, {})
        return reports.health(self._app)

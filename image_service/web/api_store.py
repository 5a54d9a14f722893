"""/api/info, stats, tags and health: about the store as a whole."""

from __future__ import annotations

from typing import Annotated, Any, cast

from pydantic import Field
from werkzeug.wrappers import Request

from ..application import Application
from ..manager import MAX_TAGS_LISTED
from ..rpc import reports
from ..rpc.shapes import HealthReply, StorageReply
from .access import Caller
from .api import Route
from .parameters import number, text
from .shapes import StatsReply, TagsReply

_TAGS = 20
_QUERY = {"prefix": text, "limit": number}
_TYPES = {
    "prefix": Annotated[str, Field(description="How they begin, in any case.")],
    "limit": Annotated[
        int,
        Field(ge=1, le=MAX_TAGS_LISTED, description=f"How many at most; {_TAGS} unless told."),
    ],
}


class StoreApi:
    """Tells what is stored and how the service is."""

    def __init__(self, app: Application) -> None:
        self._app = app

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        return [
            Route("GET", "/api/info", "read", self.info, StorageReply, like="get_storage_info"),
            Route("GET", "/api/stats", "read", self.stats, StatsReply),
            Route("GET", "/api/tags", "read", self.tags, TagsReply, _QUERY, types=_TYPES),
            # Not for its turn: it must answer while everything else waits.
            Route(
                "GET",
                "/api/health",
                "read",
                self.health,
                HealthReply,
                like="health_check",
                waits=False,
            ),
        ]

    def info(self, request: Request, caller: Caller) -> StorageReply:  # noqa: ARG002
        """Answer as get_storage_info."""
        return reports.storage_info(self._app, caller.owner)

    def stats(self, request: Request, caller: Caller) -> StatsReply:  # noqa: ARG002
        """Answer what charts of the storage need."""
        return cast(StatsReply, reports.stats(self._app, caller.owner))

    def tags(self, request: Request, caller: Caller, asked: dict[str, Any]) -> TagsReply:  # noqa: ARG002
        """Answer the most frequent tags."""
        told = reports.tags(self._app, asked.get("prefix", ""), asked.get("limit", _TAGS))
        return cast(TagsReply, told)

    def health(self, request: Request, caller: Caller) -> HealthReply:  # noqa: ARG002
        """Answer as health_check."""
        return reports.health(self._app)

"""/api/timeline and /api/changes: a listing's months, and whether it is what it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.wrappers import Request, Response

from ..domain.listing import parse_list_query
from ..errors import InvalidArgument, SearchTooSlow
from ..manager import StorageManager
from ..rpc import arguments as given
from .access import Caller
from .api import Route, json_response
from .api_images import FILTERS
from .shapes import ChangesReply, MonthFiles, TimelineReply

_TYPES = {
    "format": given.FormatName,
    "tag": given.Tag,
    "filename": given.FilenamePart,
    "created_after": given.After,
    "created_before": given.Before,
    "min_bytes": given.MinBytes,
    "max_bytes": given.MaxBytes,
    "trashed": given.Trashed,
}


class TimelineApi:
    """Tells pages what they need to show a long listing, and to keep it as it is."""

    def __init__(self, manager: StorageManager) -> None:
        self._manager = manager

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        return [
            Route(
                "GET",
                "/api/timeline",
                "read",
                self.timeline,
                TimelineReply,
                FILTERS,
                types=_TYPES,
                refusals=(InvalidArgument, SearchTooSlow),
            ),
            Route("GET", "/api/changes", "read", self.changes, ChangesReply),
        ]

    def timeline(
        self,
        request: Request,  # noqa: ARG002
        caller: Caller,  # noqa: ARG002
        asked: Mapping[str, Any],
    ) -> TimelineReply:
        """Answer how many of a listing's images are of each month."""
        found = self._manager.timeline(parse_list_query(**asked))
        months: list[MonthFiles] | None = None
        if found.months is not None:
            months = [{"month": each.month, "files": each.files} for each in found.months]
        return {
            "success": True,
            "months": months,
            "total": found.total,
            "totalIsExact": months is not None,
        }

    def changes(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002
        """Answer a version that is another one after any listing has changed, as ETag, too."""
        version = str(self._manager.changes())
        response = json_response({"success": True, "version": version})
        response.set_etag(version)
        return response.make_conditional(request)

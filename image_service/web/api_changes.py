"""/api/images/…: the RPC methods that change images, over HTTP."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request

from ..manager import StorageManager
from ..rpc.replies import Replies, deleted
from .access import Caller
from .api import Route
from .bodies import Bodies
from .parameters import boolean, read_query

_FIELDS = ("filename", "tags", "attributes")


class ChangesApi:
    """Updates, deletes and restores images."""

    def __init__(self, manager: StorageManager, replies: Replies, bodies: Bodies) -> None:
        self._manager = manager
        self._replies = replies
        self._bodies = bodies

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        one = "/api/images/<image_id>"
        return [
            Route("PATCH", one, "upload", self.update, prepare=self.changes),
            Route("DELETE", one, "delete", self.delete),
            Route("POST", f"{one}/restore", "delete", self.restore),
        ]

    def changes(self, request: Request) -> dict[str, Any]:
        """Read what an update is to change."""
        return self._bodies.json(request, _FIELDS)

    def update(
        self,
        request: Request,
        caller: Caller,  # noqa: ARG002
        image_id: str,
        prepared: dict[str, Any],
    ) -> dict[str, Any]:
        """Answer as update_image."""
        read_query(request, {})
        return self._replies.image(self._manager.update(image_id, **prepared))

    def delete(self, request: Request, caller: Caller, image_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Answer as delete_image."""
        permanent = read_query(request, {"permanent": boolean}).get("permanent", False)
        image = self._manager.remove(image_id, permanent=permanent)
        return deleted(image, None if permanent else self._manager.restorable_until_ms(image))

    def restore(self, request: Request, caller: Caller, image_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Answer as restore_image."""
        read_query(request, {})
        return self._replies.image(self._manager.restore(image_id))

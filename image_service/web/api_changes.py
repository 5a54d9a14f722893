"""/api/images/…: the RPC methods that change images, over HTTP."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request

from ..manager import StorageManager
from ..rpc import shapes
from ..rpc.replies import Replies
from ..rpc.reports import removed
from .access import Caller
from .api import Route
from .bodies import Bodies
from .parameters import boolean

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
            Route(
                "PATCH",
                one,
                "upload",
                self.update,
                shapes.ImageReply,
                like="update_image",
                prepare=self.changes,
                body=_FIELDS,
            ),
            Route(
                "DELETE",
                one,
                "delete",
                self.delete,
                shapes.DeletionReply,
                {"permanent": boolean},
                like="delete_image",
            ),
            Route(
                "POST",
                f"{one}/restore",
                "delete",
                self.restore,
                shapes.ImageReply,
                like="restore_image",
            ),
        ]

    def changes(self, request: Request) -> dict[str, Any]:
        """Read what an update is to change."""
        return self._bodies.json(request, _FIELDS)

    def update(
        self,
        request: Request,  # noqa: ARG002
        caller: Caller,  # noqa: ARG002
        image_id: str,
        prepared: dict[str, Any],
    ) -> shapes.ImageReply:
        """Answer as update_image."""
        return self._replies.image(self._manager.update(image_id, **prepared))

    def delete(
        self,
        request: Request,  # noqa: ARG002
        caller: Caller,  # noqa: ARG002
        image_id: str,
        asked: dict[str, Any],
    ) -> shapes.DeletionReply:
        """Answer as delete_image."""
        permanent = asked.get("permanent", False)
        return removed(self._manager, image_id, permanent=permanent)

    def restore(self, request: Request, caller: Caller, image_id: str) -> shapes.ImageReply:  # noqa: ARG002
        """Answer as restore_image."""
        return self._replies.image(self._manager.restore(image_id))

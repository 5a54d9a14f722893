"""/api/images: the RPC methods that read images and listings, over HTTP."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request

from ..domain.image import parse_image_ref
from ..domain.listing import parse_list_query
from ..manager import StorageManager
from ..rpc.downloads import Links
from ..rpc.replies import Replies
from .access import Caller
from .api import Route
from .parameters import boolean, number, read_query, text
from .thumbnails import Thumbnails, read_widths

_THUMBNAILS = {"thumbnails": read_widths}
FILTERS = {
    "format": text,
    "tag": text,
    "filename": text,
    "created_after": text,
    "created_before": text,
    "min_bytes": number,
    "max_bytes": number,
    "trashed": boolean,
}
"""What narrows a listing, in the words of list_images."""

_LIST = {
    "limit": number,
    "cursor": text,
    "skip": number,
    "order": text,
    **FILTERS,
    **_THUMBNAILS,
}
_SIMILAR = {"max_distance": number, "limit": number, **_THUMBNAILS}
_URL = {"transform": text, "expires_in_s": number}
_DISTANCE, _MATCHES = 8, 50


class ImagesApi:
    """Reads images."""

    def __init__(
        self,
        manager: StorageManager,
        replies: Replies,
        thumbnails: Thumbnails,
        links: Links,
    ) -> None:
        self._manager = manager
        self._replies = replies
        self._thumbnails = thumbnails
        self._links = links

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        one = "/api/images/<image_id>"
        return [
            Route("GET", "/api/images", "read", self.page),
            Route("GET", one, "read", self.image),
            Route("GET", f"{one}/similar", "read", self.similar),
            Route("GET", f"{one}/url", "read", self.url),
        ]

    def page(self, request: Request, caller: Caller) -> dict[str, Any]:  # noqa: ARG002
        """Answer as list_images; `skip` leaves out images at the beginning."""
        asked = read_query(request, _LIST)
        widths = asked.pop("thumbnails", [])
        query = parse_list_query(**asked)
        reply = self._replies.page(query, self._manager.page(query))
        return self._with_thumbnails(reply, reply["images"], widths)

    def image(self, request: Request, caller: Caller, image_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Answer as get_image."""
        widths = read_query(request, _THUMBNAILS).get("thumbnails", [])
        reply = self._replies.image(self._manager.get(image_id))
        return self._with_thumbnails(reply, [reply], widths)

    def similar(self, request: Request, caller: Caller, image_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Answer as find_similar."""
        asked = read_query(request, _SIMILAR)
        matches = self._manager.find_similar(
            image_id, asked.get("max_distance", _DISTANCE), asked.get("limit", _MATCHES)
        )
        reply = self._replies.similar(parse_image_ref(image_id).id, matches)
        return self._with_thumbnails(reply, reply["images"], asked.get("thumbnails", []))

    def url(self, request: Request, caller: Caller, image_id: str) -> dict[str, Any]:  # noqa: ARG002
        """Answer as get_image_url."""
        asked = read_query(request, _URL)
        image = self._manager.get(image_id)
        if not asked:
            return self._replies.address(image)
        variant = self._links.variant(image.id, asked.get("transform"), asked.get("expires_in_s"))
        return self._replies.address(image, variant)

    def _with_thumbnails(
        self, reply: dict[str, Any], images: list[dict[str, Any]], widths: list[int]
    ) -> dict[str, Any]:
        if widths:
            self._thumbnails.add(images, widths)
        return reply

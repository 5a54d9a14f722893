"""/api/images: the RPC methods that read images and listings, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field
from werkzeug.wrappers import Request

from ..domain.fingerprint import NEAR, NEAREST
from ..domain.image import parse_image_ref
from ..domain.listing import MAX_SKIP, parse_list_query
from ..manager import StorageManager
from ..rpc import shapes
from ..rpc.downloads import Links
from ..rpc.replies import Replies
from .access import Caller
from .api import Route
from .parameters import boolean, number, text
from .thumbnails import Thumbnails, Widths, read_widths

_THUMBNAILS = {"thumbnails": read_widths}
_TYPES = {
    "thumbnails": Widths,
    "skip": Annotated[
        int,
        Field(ge=0, le=MAX_SKIP, description="How many images the page leaves out before it."),
    ],
}
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
            Route(
                "GET",
                "/api/images",
                "read",
                self.page,
                shapes.ListReply,
                _LIST,
                like="list_images",
                types=_TYPES,
            ),
            Route(
                "GET",
                one,
                "read",
                self.image,
                shapes.ImageReply,
                _THUMBNAILS,
                like="get_image",
                types=_TYPES,
            ),
            Route(
                "GET",
                f"{one}/similar",
                "read",
                self.similar,
                shapes.SimilarReply,
                _SIMILAR,
                like="find_similar",
                types=_TYPES,
            ),
            Route(
                "GET",
                f"{one}/url",
                "read",
                self.url,
                shapes.UrlReply,
                _URL,
                like="get_image_url",
            ),
        ]

    def page(self, request: Request, caller: Caller, asked: dict[str, Any]) -> shapes.ListReply:  # noqa: ARG002
        """Answer as list_images; `skip` leaves out images at the beginning."""
        widths = asked.pop("thumbnails", [])
        query = parse_list_query(**asked)
        reply = self._replies.page(query, self._manager.page(query))
        self._thumbnails.add(reply["images"], widths)
        return reply

    def image(
        self,
        request: Request,  # noqa: ARG002
        caller: Caller,  # noqa: ARG002
        image_id: str,
        asked: dict[str, Any],
    ) -> shapes.ImageReply:
        """Answer as get_image."""
        reply = self._replies.image(self._manager.get(image_id))
        self._thumbnails.add([reply], asked.get("thumbnails", []))
        return reply

    def similar(
        self,
        request: Request,  # noqa: ARG002
        caller: Caller,  # noqa: ARG002
        image_id: str,
        asked: dict[str, Any],
    ) -> shapes.SimilarReply:
        """Answer as find_similar."""
        matches = self._manager.find_similar(
            image_id, asked.get("max_distance", NEAR), asked.get("limit", NEAREST)
        )
        reply = self._replies.similar(parse_image_ref(image_id).id, matches)
        self._thumbnails.add(reply["images"], asked.get("thumbnails", []))
        return reply

    def url(
        self,
        request: Request,  # noqa: ARG002
        caller: Caller,  # noqa: ARG002
        image_id: str,
        asked: dict[str, Any],
    ) -> shapes.UrlReply:
        """Answer as get_image_url."""
        image = self._manager.get(image_id)
        if not asked:
            return self._replies.address(image)
        variant = self._links.variant(image.id, asked.get("transform"), asked.get("expires_in_s"))
        return self._replies.address(image, variant)

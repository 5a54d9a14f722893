"""ImageService: Nameko's entrypoints. Each decodes, makes one call, encodes."""

from __future__ import annotations

import json
from typing import Any

from werkzeug.wrappers import Request, Response

from .dependencies import ApplicationProvider, DeliveryProvider, StorageProvider
from .domain.arguments import flag
from .domain.image import parse_image_ref
from .domain.listing import MAX_LIMIT, ListQuery, parse_list_query
from .housekeeping import housekeeping
from .memory import give_back_freed
from .rpc import replies, reports, rpc, transfer_rpc
from .rpc.answers import answers
from .rpc.provider import DownloadsProvider, EagerProvider, LinksProvider
from .sight.provider import CallProvider
from .web import metrics
from .web.problems import RETRY_AFTER_S, answers_problems
from .web.provider import (
    ApiProvider,
    GalleryProvider,
    OriginalsProvider,
    UploadsProvider,
    VariantPagesProvider,
)
from .web.server import http


class ImageService:
    """Stores images and serves them. See docs/rpc.md for what callers rely on."""

    name = reports.SERVICE_NAME

    storage = StorageProvider()
    app = ApplicationProvider()
    call = CallProvider()
    delivery = DeliveryProvider()
    originals = OriginalsProvider()
    variants = VariantPagesProvider()
    api = ApiProvider()
    gallery = GalleryProvider()
    uploads = UploadsProvider()
    eager = EagerProvider()
    links = LinksProvider()
    downloads = DownloadsProvider()

    @transfer_rpc
    @answers(replies.BLANK_UPLOAD)
    def upload_image(
        self,
        file: Any,
        filename: str,
        *,
        tags: list[str] | None = None,
        attributes: dict[str, str] | None = None,
        checksum: str | None = None,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """Store a picture; answer its id, url and metadata once it is durable."""
        image = self.storage.add(
            file,
            filename,
            tags=tags,
            attributes=attributes,
            checksum=checksum,
            idempotency_key=idempotency_key,
            delivery=self.delivery,
        )
        self.eager(image)
        return self._replies.uploaded(image)

    @rpc
    @answers(replies.BLANK_IMAGE)
    def get_image(self, image_id: str) -> dict[str, Any]:
        """Answer an image's url and metadata."""
        return self._replies.image(self.storage.get(image_id))

    @rpc
    @answers(replies.BLANK_IMAGE)
    def update_image(
        self,
        image_id: str,
        filename: str | None = None,
        tags: list[str] | None = None,
        attributes: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """Give an image another filename, other tags or attributes; answer as get_image."""
        image = self.storage.update(image_id, filename=filename, tags=tags, attributes=attributes)
        return self._replies.image(image)

    @rpc
    @answers(replies.BLANK_DELETE)
    def delete_image(self, image_id: str, *, permanent: bool = False) -> dict[str, Any]:
        """Delete an image: gone from every listing and url when the reply leaves."""
        is_permanent = flag(permanent, "permanent")
        image = self.storage.remove(image_id, permanent=is_permanent, delivery=self.delivery)
        until_ms = None if is_permanent else self.storage.restorable_until_ms(image)
        return replies.deleted(image, until_ms)

    @rpc
    @answers(replies.BLANK_IMAGE)
    def restore_image(self, image_id: str) -> dict[str, Any]:
        """Take an image out of the trash; answer its url and metadata."""
        return self._replies.image(self.storage.restore(image_id))

    @rpc
    @answers(replies.BLANK_LIST)
    def list_images(
        self,
        limit: int = MAX_LIMIT,
        cursor: str | None = None,
        *,
        order: str = "-createdAt",
        format: str | None = None,  # noqa: A002 - the contract's word
        tag: str | None = None,
        filename: str | None = None,
        created_after: str | None = None,
        created_before: str | None = None,
        min_bytes: int | None = None,
        max_bytes: int | None = None,
        trashed: bool = False,
    ) -> dict[str, Any]:
        """Answer one page of the images, newest first unless told otherwise."""
        query = parse_list_query(
            limit=limit,
            cursor=cursor,
            order=order,
            format=format,
            tag=tag,
            filename=filename,
            created_after=created_after,
            created_before=created_before,
            min_bytes=min_bytes,
            max_bytes=max_bytes,
            trashed=trashed,
        )
        return self._page(query)

    @rpc
    @answers(replies.BLANK_STORAGE)
    def get_storage_info(self) -> dict[str, Any]:
        """Answer how much is stored, in constant time."""
        return reports.storage_info(self.app, self.delivery.owner if self.delivery else None)

    @rpc
    @answers(replies.BLANK_HEALTH)
    def health_check(self) -> dict[str, Any]:
        """Answer how the service and what it depends on are."""
        return reports.health(self.app)

    @rpc
    @answers(replies.BLANK_SIMILAR)
    def find_similar(self, image_id: str, max_distance: int = 8, limit: int = 50) -> dict[str, Any]:
        """Answer the images that look like this one, the nearest first."""
        matches = self.storage.find_similar(image_id, max_distance, limit)
        return self._replies.similar(parse_image_ref(image_id).id, matches)

    @rpc
    @answers(replies.BLANK_FOUND)
    def find_images(self, checksums: list[str]) -> dict[str, Any]:
        """Answer which of these bytes are stored, as the ids of their images."""
        return replies.found(self.storage.find(checksums))

    @rpc
    @answers(replies.BLANK_URL)
    def get_image_url(
        self, image_id: str, transform: Any = None, expires_in_s: int | None = None
    ) -> dict[str, Any]:
        """Answer the url of an image, or of a variant of it, signed where there are keys."""
        image = self.storage.get(image_id)
        if transform is None and expires_in_s is None:
            return self._replies.address(image)
        return self._replies.address(image, self.links.variant(image.id, transform, expires_in_s))

    @transfer_rpc
    @answers(replies.BLANK_DOWNLOAD)
    def download_image(
        self, image_id: str, transform: Any = None, offset: int = 0, length: int | None = None
    ) -> dict[str, Any]:
        """Answer an image's bytes, or a variant's; at most one message's worth."""
        return replies.downloaded(self.downloads.read(image_id, transform, offset, length))

    @http("GET,HEAD", "/images/<image_id>")
    @answers_problems
    def get_original(self, request: Request, image_id: str) -> Response:
        """Send an image's bytes."""
        return self.originals.original(request, image_id)

    @http("GET,HEAD", "/uploads/<image_id>")
    @answers_problems
    def get_upload(self, request: Request, image_id: str) -> Response:
        """Send an image's bytes, for urls stored from the original service."""
        return self.originals.original(request, image_id)

    @http("GET,HEAD", "/")
    def get_gallery(self, request: Request) -> Response:
        """Send the page that shows the pictures."""
        return self.gallery.page(request)

    @http("GET,HEAD", "/gallery/<name>")
    @answers_problems
    def get_gallery_asset(self, request: Request, name: str) -> Response:
        """Send a part of that page."""
        return self.gallery.asset(request, name)

    @http("GET,HEAD", "/healthz")
    def get_liveness(self, request: Request) -> Response:  # noqa: ARG002
        """Say that the process answers."""
        return _json({"status": "ok"})

    @http("GET,HEAD", "/readyz")
    def get_readiness(self, request: Request) -> Response:  # noqa: ARG002
        """Say whether the service and all it depends on work; 503 while they don't."""
        report = reports.health(self.app)
        is_ready = report["status"] == "ok"
        response = _json(report, status=200 if is_ready else 503)
        if not is_ready:
            response.headers["Retry-After"] = RETRY_AFTER_S
        return response

    @http("GET,HEAD", "/metrics")
    @answers_problems
    def get_metrics(self, request: Request) -> Response:  # noqa: ARG002
        """Send what the store holds, what this process does and how it is, for Prometheus."""
        response = Response(metrics.page(self.app), content_type=metrics.CONTENT_TYPE)
        response.headers["Cache-Control"] = "no-store"
        return response

    @housekeeping
    def sweep(self) -> None:
        """Clear up after processes that died; remove what is too old."""
        self.storage.sweep()
        self.storage.expire()

    @housekeeping
    def look_for_damage(self) -> None:
        """Look at the next part of the stored images, bit by bit."""
        self.app.scrub.step()

    @housekeeping(in_each=True)
    def tidy(self) -> None:
        """Clear up after large pictures; see what others have found out."""
        give_back_freed()
        self.app.scrub.read()

    @property
    def _replies(self) -> replies.Replies:
        return replies.Replies(self.app.settings.url_prefix, self.app.signed_originals)

    def _page(self, query: ListQuery) -> dict[str, Any]:
        return self._replies.page(query, self.storage.page(query))


def _json(body: dict[str, Any], status: int = 200) -> Response:
    response = Response(json.dumps(body), status=status, content_type="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response

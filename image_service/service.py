"""ImageService: Nameko's entrypoints. Each decodes, makes one call, encodes."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from .dependencies import ApplicationProvider, DeliveryProvider, StorageProvider
from .domain.arguments import flag
from .domain.fingerprint import NEAR, NEAREST
from .domain.image import parse_image_ref
from .domain.listing import MAX_LIMIT, ListQuery, parse_list_query
from .errors import Forbidden
from .events import EventsProvider
from .housekeeping import housekeeping
from .memory import give_back_freed
from .rpc import arguments as given
from .rpc import refusals, replies, reports, rpc, shapes, transfer_rpc
from .rpc.answers import answers
from .rpc.provider import DownloadsProvider, EagerProvider, LinksProvider
from .sight.provider import CallProvider
from .web import metrics
from .web.api import json_response
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
    events = EventsProvider()

    @transfer_rpc
    @answers(replies.BLANK_UPLOAD, *refusals.OF_AN_UPLOAD)
    def upload_image(
        self,
        file: given.File,
        filename: given.Filename,
        *,
        tags: given.Tags | None = None,
        attributes: given.Attributes | None = None,
        checksum: given.Checksum | None = None,
        idempotency_key: given.IdempotencyKey | None = None,
    ) -> shapes.UploadReply:
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
    @answers(replies.BLANK_IMAGE, *refusals.OF_AN_IMAGE)
    def get_image(self, image_id: given.ImageId) -> shapes.ImageReply:
        """Answer an image's url and metadata."""
        return self._replies.image(self.storage.get(image_id))

    @rpc
    @answers(replies.BLANK_IMAGE, *refusals.OF_AN_IMAGE, *refusals.ARGUMENTS, *refusals.NAMED)
    def update_image(
        self,
        image_id: given.ImageId,
        filename: given.Filename | None = None,
        tags: given.Tags | None = None,
        attributes: given.Attributes | None = None,
    ) -> shapes.ImageReply:
        """Give an image another filename, other tags or attributes; answer as get_image."""
        image = self.storage.update(
            image_id,
            filename=filename,
            tags=tags,
            attributes=attributes,
            delivery=self.delivery,
        )
        return self._replies.image(image)

    @rpc
    @answers(replies.BLANK_DELETE, *refusals.OF_AN_IMAGE, *refusals.ARGUMENTS)
    def delete_image(
        self, image_id: given.ImageId, *, permanent: given.Permanent = False
    ) -> shapes.DeletionReply:
        """Delete an image: gone from every listing and url when the reply leaves."""
        is_permanent = flag(permanent, "permanent")
        return reports.removed(
            self.storage, image_id, permanent=is_permanent, delivery=self.delivery
        )

    @rpc
    @answers(replies.BLANK_IMAGE, *refusals.OF_AN_IMAGE)
    def restore_image(self, image_id: given.ImageId) -> shapes.ImageReply:
        """Take an image out of the trash; answer its url and metadata."""
        return self._replies.image(self.storage.restore(image_id, delivery=self.delivery))

    @rpc
    @answers(replies.BLANK_LIST, *refusals.OF_A_LISTING)
    def list_images(
        self,
        limit: given.Limit = MAX_LIMIT,
        cursor: given.Cursor | None = None,
        *,
        order: given.Order = "-createdAt",
        format: given.FormatName | None = None,  # noqa: A002 - the contract's word
        tag: given.Tag | None = None,
        filename: given.FilenamePart | None = None,
        created_after: given.After | None = None,
        created_before: given.Before | None = None,
        min_bytes: given.MinBytes | None = None,
        max_bytes: given.MaxBytes | None = None,
        trashed: given.Trashed = False,
    ) -> shapes.ListReply:
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
    @answers(replies.BLANK_STORAGE, *refusals.ARGUMENTS)
    def get_storage_info(self) -> shapes.StorageReply:
        """Answer how much is stored, in constant time."""
        return reports.storage_info(self.app, self.delivery.owner if self.delivery else None)

    @rpc
    @answers(replies.BLANK_HEALTH)
    def health_check(self) -> shapes.HealthReply:
        """Answer how the service and what it depends on are."""
        return reports.health(self.app)

    @rpc
    @answers(replies.BLANK_SIMILAR, *refusals.OF_AN_IMAGE, *refusals.ARGUMENTS)
    def find_similar(
        self,
        image_id: given.ImageId,
        max_distance: given.MaxDistance = NEAR,
        limit: given.Limit = NEAREST,
    ) -> shapes.SimilarReply:
        """Answer the images that look like this one, the nearest first."""
        matches = self.storage.find_similar(image_id, max_distance, limit)
        return self._replies.similar(parse_image_ref(image_id).id, matches)

    @rpc
    @answers(replies.BLANK_FOUND, *refusals.ARGUMENTS)
    def find_images(self, checksums: given.Checksums) -> shapes.FoundReply:
        """Answer which of these bytes are stored, as the ids of their images."""
        return replies.found(self.storage.find(checksums))

    @rpc
    @answers(replies.BLANK_URL, *refusals.OF_AN_IMAGE, *refusals.ARGUMENTS, Forbidden)
    def get_image_url(
        self,
        image_id: given.ImageId,
        transform: given.Transform | None = None,
        expires_in_s: given.ExpiresInS | None = None,
    ) -> shapes.UrlReply:
        """Answer the url of an image, or of a variant of it, signed where there are keys."""
        image = self.storage.get(image_id)
        if transform is None and expires_in_s is None:
            return self._replies.address(image)
        return self._replies.address(image, self.links.variant(image.id, transform, expires_in_s))

    @transfer_rpc
    @answers(replies.BLANK_DOWNLOAD, *refusals.OF_A_PICTURE, *refusals.ARGUMENTS)
    def download_image(
        self,
        image_id: given.ImageId,
        transform: given.Transform | None = None,
        offset: given.Offset = 0,
        length: given.Length | None = None,
    ) -> shapes.DownloadReply:
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
        return json_response({"status": "ok"})

    @http("GET,HEAD", "/readyz")
    def get_readiness(self, request: Request) -> Response:  # noqa: ARG002
        """Say whether the service and all it depends on work; 503 while they don't."""
        report = reports.health(self.app)
        is_ready = report["status"] == "ok"
        response = json_response(report, status=200 if is_ready else 503)
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
        """Clear up after processes that died and large pictures; remove what is too old."""
        self.app.upkeep.sweep()
        give_back_freed()

    @housekeeping
    def look_for_damage(self) -> None:
        """Look at the next part of the stored images, bit by bit."""
        self.app.upkeep.look_for_damage()

    @property
    def _replies(self) -> replies.Replies:
        return replies.Replies(self.app.settings.url_prefix, self.app.signed_originals)

    def _page(self, query: ListQuery) -> shapes.ListReply:
        return self._replies.page(query, self.storage.page(query))

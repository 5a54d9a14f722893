"""Injects what answers HTTP requests."""

from __future__ import annotations

import logging
from typing import Any, cast

from eventlet import tpool
from eventlet.semaphore import Semaphore
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from ..application import Application
from ..dependencies import CoreProvider
from ..errors import ImageServiceError
from ..rpc.downloads import Links
from ..rpc.provider import beginning
from ..rpc.replies import Replies
from ..settings import Settings
from .access import Access
from .api import Api
from .api_about import AboutApi
from .api_changes import ChangesApi
from .api_images import ImagesApi
from .api_session import SessionApi
from .api_store import StoreApi
from .api_timeline import TimelineApi
from .delivery import Elsewhere, Originals, Sender
from .gallery.pages import Gallery, built
from .gate import Gate
from .originals_gate import OriginalsGate
from .problems import problem
from .server import HttpServer
from .thumbnails import Thumbnails
from .uploads import Room, Uploads
from .variants import VariantPages

_log = logging.getLogger(__name__)

# Of the threads for short work that all share: RPC calls find some that are free.
_CALLS_AT_ONCE = 8
# Uploads that may come in while one is worked on, and their bytes are in memory.
_ROOM_FOR_EACH = 2
_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")


def _originals(app: Application, access: Access) -> Originals:
    gate = OriginalsGate(app.signed_originals, access, cache_control=app.settings.cache_control)
    elsewhere = Elsewhere(app.signed_url, app.settings.url_redirect_ttl_s)
    is_elsewhere = app.settings.url_redirect
    return Originals(app.manager, _sender(app), gate.admit, elsewhere if is_elsewhere else None)


def _sender(app: Application) -> Sender:
    return Sender(cast(Any, tpool.execute), accel_prefix=app.settings.accel_prefix)


class OriginalsProvider(CoreProvider):
    """Injects Originals: `originals = OriginalsProvider()`."""

    gate = Gate()

    def get_dependency(self, worker_ctx: Any) -> Originals:  # noqa: ARG002
        """See DependencyProvider."""
        return _originals(self.core.app, self.gate.access)


class ConnectionProvider(CoreProvider):
    """Base of what answers in the connection's own green thread, rather than as a Nameko worker.

    Of those there are few, and requests that wait, for a render or for their bodies, would keep
    them from originals and RPC calls.
    """

    server = HttpServer()
    gate = Gate()

    def setup(self) -> None:
        """Have the server hand over what is asked for."""
        self.server.register_provider(self)

    def stop(self) -> None:
        """Let the server stop."""
        self.server.unregister_provider(self)

    def handle_request(self, request: Request) -> Response:
        """See WebServer."""
        try:
            return self.respond(request)
        except (ImageServiceError, HTTPException) as exc:
            return problem(exc)

    def respond(self, request: Request) -> Response:
        """Return the answer. Raises: ImageServiceError, HTTPException."""
        raise NotImplementedError


class VariantPagesProvider(ConnectionProvider):
    """Answers `/img/…`: `variants = VariantPagesProvider()`."""

    _pages: VariantPages

    def start(self) -> None:
        """Make the one there is: it remembers paths."""
        app = self.core.app
        settings = app.settings
        self._pages = VariantPages(
            app.variants,
            app.variants_at_once,
            app.renders,
            _originals(app, self.gate.access),
            _sender(app),
            signer=app.signer,
            presets=settings.presets,
            cache_control=settings.cache_control,
            # What a server in front sends need not be in memory here.
            memory_bytes=0 if settings.accel_prefix else settings.cache_memory_bytes,
            is_open_here=settings.opens_unsigned_variants and settings.unsigned_variants == "auto",
            now_s=lambda: app.clock.now_ms() // 1000,
        )

    def get_url_rule(self) -> Rule:
        """See WebServer."""
        return Rule("/img/<path:path>", methods=("GET", "HEAD"))

    def respond(self, request: Request) -> Response:
        """See ConnectionProvider."""
        return self._pages.variant(request)

    def get_dependency(self, worker_ctx: Any) -> VariantPages:  # noqa: ARG002
        """See DependencyProvider."""
        return self._pages


class GalleryProvider(CoreProvider):
    """Injects Gallery: `gallery = GalleryProvider()`."""

    _gallery: Gallery

    def start(self) -> None:
        """Read what was built, once."""
        self._gallery = built()

    def get_dependency(self, worker_ctx: Any) -> Gallery:  # noqa: ARG002
        """See DependencyProvider."""
        return self._gallery


class ApiProvider(ConnectionProvider):
    """Answers `/api/…`: `api = ApiProvider()`."""

    _api: Api

    def start(self) -> None:
        """Make the one there is: it counts."""
        app, gate = self.core.app, self.gate
        settings = app.settings
        _tell_who_may_ask(settings)
        prefix = settings.url_prefix
        replies = Replies(prefix, app.signed_originals)
        links = Links(app.signer, settings.presets, lambda: app.clock.now_ms() // 1000)
        thumbnails = Thumbnails(app.signer, prefix, app.signed_originals)
        images = ImagesApi(app.manager, replies, thumbnails, links)
        session = SessionApi(gate.access, gate.sessions, gate.bodies, settings, app.accepted)
        changes = ChangesApi(app.manager, replies, gate.bodies)
        parts = (images, changes, session, StoreApi(app), TimelineApi(app.manager))
        routes = [route for part in parts for route in part.routes()]
        about = AboutApi(self.container.service_cls, routes, prefix, cast(Any, tpool.execute))
        self._api = Api(gate.access, [*routes, *about.routes()], Semaphore(_CALLS_AT_ONCE))

    def get_url_rule(self) -> Rule:
        """See WebServer."""
        return Rule("/api/<path:path>", methods=_METHODS)

    def respond(self, request: Request) -> Response:
        """See ConnectionProvider."""
        return self._api.answer(request)

    def get_dependency(self, worker_ctx: Any) -> Api:  # noqa: ARG002
        """See DependencyProvider."""
        return self._api


def _tell_who_may_ask(settings: Settings) -> None:
    if settings.opens_api:
        _log.info("the HTTP API needs no token from this machine: set tokens to let others in")
    elif not settings.tokens:
        _log.warning("the HTTP API is closed: set tokens (`image-service make-token`)")


class UploadsProvider(ConnectionProvider):
    """Answers `POST /images`: `uploads = UploadsProvider()`.

    Only what has come in waits for its turn, and takes of the threads kept for it: slow clients
    hold nothing but their connections.
    """

    _uploads: Uploads

    def start(self) -> None:
        """Make the one there is: it counts."""
        app, gate = self.core.app, self.gate
        settings = app.settings
        at_once = settings.upload_concurrency
        self._uploads = Uploads(
            app.manager,
            Replies(settings.url_prefix, app.signed_originals),
            gate.access,
            gate.bodies,
            begin=beginning(app, self.container),
            turns=Semaphore(at_once),
            max_file_bytes=settings.max_upload_bytes,
            max_fields_bytes=settings.max_call_bytes,
            room=Room(_ROOM_FOR_EACH * at_once * settings.max_upload_bytes),
        )

    def get_url_rule(self) -> Rule:
        """See WebServer."""
        return Rule("/images", methods=("POST",))

    def respond(self, request: Request) -> Response:
        """See ConnectionProvider."""
        return self._uploads.upload(request)

    def get_dependency(self, worker_ctx: Any) -> Uploads:  # noqa: ARG002
        """See DependencyProvider."""
        return self._uploads

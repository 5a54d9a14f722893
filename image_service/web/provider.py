"""Injects what answers HTTP requests."""

from __future__ import annotations

from typing import Any, cast

from eventlet import tpool
from eventlet.semaphore import Semaphore
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule
from werkzeug.wrappers import Request, Response

from ..dependencies import Application, CoreProvider
from ..errors import ImageServiceError
from ..rpc.downloads import Links
from ..rpc.replies import Replies
from .api import Api
from .api_changes import ChangesApi
from .api_images import ImagesApi
from .api_session import SessionApi
from .api_store import StoreApi
from .delivery import Originals, Sender
from .gallery.pages import Gallery, built
from .gate import Gate
from .problems import problem
from .server import HttpServer
from .thumbnails import Thumbnails
from .variants import VariantPages

# Of the threads for short work that all share: RPC calls find some that are free.
_CALLS_AT_ONCE = 8
_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")


def _originals(app: Application) -> Originals:
    return Originals(app.manager, _sender(app), cache_control=app.settings.cache_control)


def _sender(app: Application) -> Sender:
    return Sender(cast(Any, tpool.execute), accel_prefix=app.settings.accel_prefix)


class OriginalsProvider(CoreProvider):
    """Injects Originals: `originals = OriginalsProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> Originals:  # noqa: ARG002
        """See DependencyProvider."""
        return _originals(self.core.app)


class VariantPagesProvider(CoreProvider):
    """Answers `/img/…`: `variants = VariantPagesProvider()`.

    In the connection's own green thread rather than as a Nameko worker: of those there are few,
    and requests that wait for a render would keep them from originals and RPC calls.
    """

    server = HttpServer()
    _pages: VariantPages

    def setup(self) -> None:
        """Have the server hand over what is asked for."""
        self.server.register_provider(self)

    def start(self) -> None:
        """Make the one there is: it remembers paths."""
        app = self.core.app
        settings = app.settings
        self._pages = VariantPages(
            app.variants,
            app.variants_at_once,
            app.renders,
            _originals(app),
            _sender(app),
            signer=app.signer,
            presets=settings.presets,
            cache_control=settings.cache_control,
            # What a server in front sends need not be in memory here.
            memory_bytes=0 if settings.accel_prefix else settings.cache_memory_bytes,
            is_open_here=settings.opens_unsigned_variants and settings.unsigned_variants == "auto",
            now_s=lambda: app.clock.now_ms() // 1000,
        )

    def stop(self) -> None:
        """Let the server stop."""
        self.server.unregister_provider(self)

    def get_url_rule(self) -> Rule:
        """See WebServer."""
        return Rule("/img/<path:path>", methods=("GET", "HEAD"))

    def handle_request(self, request: Request) -> Response:
        """See WebServer."""
        try:
            return self._pages.variant(request)
        except (ImageServiceError, HTTPException) as exc:
            return problem(exc)

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


class ApiProvider(CoreProvider):
    """Answers `/api/…`: `api = ApiProvider()`.

    In the connection's own green thread, as VariantPagesProvider does: a body may take its time.
    """

    server = HttpServer()
    gate = Gate()
    _api: Api

    def setup(self) -> None:
        """Have the server hand over what is asked for."""
        self.server.register_provider(self)

    def start(self) -> None:
        """Make the one there is: it counts."""
        app, gate = self.core.app, self.gate
        settings = app.settings
        prefix = settings.url_prefix
        replies = Replies(prefix)
        links = Links(app.signer, settings.presets, lambda: app.clock.now_ms() // 1000)
        images = ImagesApi(app.manager, replies, Thumbnails(app.signer, prefix), links, prefix)
        session = SessionApi(gate.access, gate.sessions, gate.bodies, settings, app.accepted)
        changes = ChangesApi(app.manager, replies, gate.bodies)
        parts = (images, changes, session, StoreApi(app))
        routes = [route for part in parts for route in part.routes()]
        self._api = Api(gate.access, routes, Semaphore(_CALLS_AT_ONCE))

    def stop(self) -> None:
        """Let the server stop."""
        self.server.unregister_provider(self)

    def get_url_rule(self) -> Rule:
        """See WebServer."""
        return Rule("/api/<path:path>", methods=_METHODS)

    def handle_request(self, request: Request) -> Response:
        """See WebServer."""
        try:
            return self._api.answer(request)
        except (ImageServiceError, HTTPException) as exc:
            return problem(exc)

    def get_dependency(self, worker_ctx: Any) -> Api:  # noqa: ARG002
        """See DependencyProvider."""
        return self._api

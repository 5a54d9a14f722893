"""/api/openapi.json: the HTTP API, told to programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import Any

from werkzeug.wrappers import Request, Response

from .api import Route
from .openapi import document

PATH = "/api/openapi.json"
_CACHE_CONTROL = "public, max-age=3600"


class AboutApi:
    """Tells what the other routes are. It needs no right: it is the same as the documentation."""

    def __init__(
        self,
        service: type,
        routes: Iterable[Route],
        url_prefix: str,
        call_off_hub: Callable[..., Any],
    ) -> None:
        """Args: routes: the other ones. url_prefix: what the service's urls begin with."""
        self._service = service
        self._routes = list(routes)
        self._url_prefix = url_prefix
        self._call_off_hub = call_off_hub
        self._made: tuple[bytes, str] | None = None

    def routes(self) -> list[Route]:
        """Return what is answered here."""
        return [Route("GET", PATH, None, self.get, None, None, waits=False)]

    def get(self, request: Request) -> Response:
        """Answer this document: OpenAPI 3.1."""
        if self._made is None:
            self._made = self._call_off_hub(self._make)  # a third of a second, once
        body, etag = self._made
        response = Response(body, content_type="application/json")
        response.headers["Cache-Control"] = _CACHE_CONTROL
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.set_etag(etag)
        return response.make_conditional(request)

    def _make(self) -> tuple[bytes, str]:
        told = document(self._service, [*self._routes, *self.routes()], self._url_prefix)
        body = json.dumps(told, separators=(",", ":")).encode()
        return body, sha256(body).hexdigest()[:32]

"""What is seen of each HTTP request from outside: counted, told in one line, traced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..dependencies import Application
from ..sight import calls
from ..sight.logs import redacted
from ..sight.meters import HTTP_METHODS, OTHER
from ..sight.tracing import CARRIED

REQUEST_ID = "X-Request-Id"
CALL = "image_service.call"
"""Where a WSGI environment has the Call."""


class Exchange:
    """One request and its answer: begun when its head was read, ended with its last byte."""

    def __init__(self, app: Application, environ: dict[str, Any]) -> None:
        """Enter the request's call."""
        self._app, self._environ = app, environ
        self._begun_s = time.perf_counter()
        self.route = OTHER
        self.status = 500
        self.call = calls.Call(calls.request_id(environ.get("HTTP_X_REQUEST_ID")))
        environ[CALL] = self.call
        calls.enter(self.call)

    def found(self, route: str) -> None:
        """Note what answers. Args: route: the pattern of its addresses."""
        self.route = route
        if self._app.tracing.is_on:
            environ = self._environ
            carried = {key: environ.get(f"HTTP_{key.upper()}") for key in CARRIED}
            attributes = {"http.request.method": self._method, "http.route": route}
            name = f"{self._method} {route}"
            self._app.tracing.begin(self.call, name, carried, attributes)

    def answered(self, response: Any) -> None:
        """Take the status of what is answered, and tell the client the request's id."""
        self.status = response.status_code
        response.headers[REQUEST_ID] = self.call.id

    def ended(self, sent_bytes: int, *, is_whole: bool) -> None:
        """Count the request off, and tell of it. Args: is_whole: whether all was sent."""
        app, method, route = self._app, self._method, self.route
        seconds = time.perf_counter() - self._begun_s
        length = self._environ.get("CONTENT_LENGTH") or "0"
        received_bytes = int(length) if length.isdigit() else 0
        app.meters.http_ended(method, route, self.status, seconds, (received_bytes, sent_bytes))
        if not is_whole:
            app.meters.http_cut.add((route,))
        self._tell(seconds, received_bytes, sent_bytes, is_whole=is_whole)
        code = "ok" if self.status < 400 else str(self.status)
        facts = {"http.response.status_code": self.status, "http.response.body.size": sent_bytes}
        app.tracing.end(self.call, code, facts, is_failure=self.status >= 500)
        calls.enter(None)

    def _tell(
        self, seconds: float, received_bytes: int, sent_bytes: int, *, is_whole: bool
    ) -> None:
        environ = self._environ
        path = redacted(environ.get("RAW_PATH_INFO") or "", environ.get("QUERY_STRING") or "")
        facts = {
            "method": self._method,
            "route": self.route,
            "path": path,
            "status": self.status,
            "duration_ms": round(seconds * 1000, 2),
            "received_bytes": received_bytes,
            "sent_bytes": sent_bytes,
        }
        if not is_whole:
            facts["cut"] = True
        is_failure = self.status >= 400 or not is_whole
        ended = f"{self.status}{'' if is_whole else ' cut'}"
        self._app.access.tell(
            f"{self._method} {path}", ended=ended, is_failure=is_failure, fields=facts
        )

    @property
    def _method(self) -> str:
        method = self._environ.get("REQUEST_METHOD", "")
        return method if method in HTTP_METHODS else OTHER


class Sending:
    """The body of an answer, counted as it is sent; then, or when the client goes, on_end()."""

    def __init__(
        self, body: Iterable[bytes], exchange: Exchange, on_end: Callable[[], None]
    ) -> None:
        self._body = body
        self._chunks: Iterator[bytes] = iter(body)
        self._exchange = exchange
        self._on_end = on_end
        self._sent_bytes = 0
        self._is_whole = False

    def __iter__(self) -> Sending:
        return self

    def __next__(self) -> bytes:
        try:
            chunk = next(self._chunks)
        except StopIteration:
            self._is_whole = True
            raise
        self._sent_bytes += len(chunk)
        return chunk

    def close(self) -> None:
        """See PEP 3333."""
        try:
            close = getattr(self._body, "close", None)
            if close:
                close()
        finally:
            self._exchange.ended(self._sent_bytes, is_whole=self._is_whole)
            self._on_end()

"""What is seen of each HTTP request from outside: counted, told in one line, traced."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ..application import Application
from ..sight import calls
from ..sight.logs import redacted
from ..sight.meters import HTTP_METHODS, OTHER
from ..sight.tracing import CARRIED

REQUEST_ID = "X-Request-Id"
StartResponse = Callable[..., Any]
CALL = "image_service.call"
"""Where a WSGI environment has the Call."""


class Exchange:
    """One request and its answer: begun when its head was read, ended with its last byte."""

    def __init__(self, app: Application, environ: dict[str, Any]) -> None:
        """Enter the request's call."""
        self._app, self._environ = app, environ
        self._begun_s = time.perf_counter()
        method = environ["REQUEST_METHOD"]
        self._method = method if method in HTTP_METHODS else OTHER
        self._route = OTHER
        self._status = 500
        self._call = calls.Call(calls.request_id(environ.get("HTTP_X_REQUEST_ID")))
        environ[CALL] = self._call
        calls.enter(self._call)

    def found(self, route: str) -> None:
        """Note what answers. Args: route: the pattern of its addresses."""
        self._route = route
        if self._app.tracing.is_on:
            environ = self._environ
            carried = {key: environ.get(f"HTTP_{key.upper()}") for key in CARRIED}
            attributes = {"http.request.method": self._method, "http.route": route}
            name = f"{self._method} {route}"
            self._app.tracing.begin(self._call, name, carried, attributes)

    def starting(self, start_response: StartResponse) -> StartResponse:
        """Return it so that it notes the status, and tells the client the request's id."""

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            self._status = int(status[:3])
            return start_response(status, [*headers, *self._identity()], *more)

        return start

    def _identity(self) -> Iterator[tuple[str, str]]:
        """Yield the headers by which the lines and the trace of this request are found."""
        yield REQUEST_ID, self._call.id
        traced = self._app.tracing.carried_by(self._call).get("traceparent")
        if traced:
            # Where browsers and what watches them look for it; `traceresponse` is a draft.
            yield "Server-Timing", f'traceparent;desc="{traced}"'

    def ended(self, sent_bytes: int, *, is_whole: bool) -> None:
        """Count the request off, and tell of it. Args: is_whole: whether all was sent."""
        app, route, status = self._app, self._route, self._status
        seconds = time.perf_counter() - self._begun_s
        length = self._environ.get("CONTENT_LENGTH")
        received_bytes = int(length) if length and length.isdigit() else 0
        sizes = (received_bytes, sent_bytes)
        app.meters.http_ended(self._method, route, status, seconds, sizes)
        if not is_whole:
            app.meters.http_cut.add((route,))
        level = app.access.level_of("request", is_failure=status >= 400 or not is_whole)
        if level:
            self._tell(level, seconds, sizes, is_whole=is_whole)
        if self._call.trace:
            facts = {"http.response.status_code": status, "http.response.body.size": sent_bytes}
            code = "ok" if status < 400 else str(status)
            app.tracing.end(self._call, code, facts, is_failure=status >= 500)
        calls.enter(None)

    def _tell(self, level: int, seconds: float, sizes: tuple[int, int], *, is_whole: bool) -> None:
        environ = self._environ
        path = redacted(environ.get("RAW_PATH_INFO") or "", environ.get("QUERY_STRING") or "")
        facts = {
            "method": self._method,
            "route": self._route,
            "path": path,
            "status": self._status,
            "duration_ms": round(seconds * 1000, 2),
            "received_bytes": sizes[0],
            "sent_bytes": sizes[1],
        }
        if not is_whole:
            facts["cut"] = True
        ended = f"{self._status}{'' if is_whole else ' cut'}"
        self._app.access.tell(level, f"{self._method} {path}", ended, facts)


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

"""Nameko's web server without its traps, and `@http` whose errors are problem documents."""

from __future__ import annotations

import contextlib
import email.errors
import logging
import math
import re
import socket
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import eventlet
from eventlet.semaphore import Semaphore
from eventlet.wsgi import HeaderLineTooLong, HeadersTooLarge
from nameko.web.handlers import HttpRequestHandler
from nameko.web.server import HttpOnlyProtocol, WebServer, WsgiApp
from werkzeug.exceptions import (
    BadRequest,
    HTTPException,
    RequestHeaderFieldsTooLarge,
    RequestURITooLarge,
)
from werkzeug.wrappers import Request

from ..dependencies import Core
from ..places import ALONE
from ..sight.meters import OTHER
from ..sight.provider import CALL_CONTEXT_KEY
from .balance import NEEDED_WORKER, Balance, Load
from .bodies import HANG_UP
from .input import RequestInput
from .listening import inherited, listen
from .problems import problem
from .sight import CALL, Exchange, Sending

_log = logging.getLogger(__name__)

_ACCEPT_PAUSE_S = 0.1
_POLL_S = 0.02
_MAX_BODY_READ_OVER_BYTES = 64 * 1024
_LINGER_S = 5
_LAST_REQUESTS_S = 1.0
_AT_ONCE_S = 0.001

_LENGTH = re.compile("[0-9]{1,18}")
# The parser is one of e-mails: it misses the parts of a form, which are not in the head.
_OF_BODIES = (
    email.errors.NoBoundaryInMultipartDefect,
    email.errors.StartBoundaryNotFoundDefect,
    email.errors.CloseBoundaryNotFoundDefect,
    email.errors.MultipartInvariantViolationDefect,
    email.errors.InvalidMultipartContentTransferEncodingDefect,
)
_UNREADABLE = {
    400: BadRequest("The request is not HTTP/1.1 as it should be."),
    414: RequestURITooLarge("The address is too long."),
    431: RequestHeaderFieldsTooLarge("The headers are too long."),
}


class HttpServer(WebServer):
    """Listens on the settings' host and port."""

    core = Core()

    def __init__(self) -> None:
        super().__init__()
        self._starting = False
        self._has_ended = False
        self._answering = 0
        self._connections = 0
        self._slots: Semaphore | None = None
        self._balance = Balance(ALONE, self._load)

    def start(self) -> None:
        """Listen; an address that cannot be had is said by OSError before anything is served."""
        if self._starting:
            return
        self._starting = True
        settings = self.core.app.settings
        place = self.core.place
        self._balance = Balance(place, self._load)
        self.core.at_each_look.append(self._balance.tell)
        self._sock = (
            inherited(place.listen_fd, self._balance.pause_s)
            if place.listen_fd >= 0
            else listen(settings.host, settings.port, share=settings.http_share_port)
        )
        self._slots = Semaphore(settings.http_max_connections)
        meters = self.core.app.meters
        meters.http_connections.follow(lambda: self._connections)
        meters.http_in_progress.follow(lambda: self._answering)
        self._serv = self.get_wsgi_server(self._sock, self.get_wsgi_app())
        self._gt = self.container.spawn_managed_thread(self.run)
        self.core.wait_for(lambda: self._has_ended)

    @property
    def port(self) -> int:
        """The port that is listened on, also when the setting was 0."""
        return int(self._sock.getsockname()[1])

    def run(self) -> None:
        """Accept connections until stopped; no failure to accept one ends the service."""
        slots = self._slots
        assert slots is not None
        while self._is_accepting:
            slots.acquire()
            try:
                sock, address = self._sock.accept()
            except OSError as exc:  # out of file descriptors, or the client has gone again
                slots.release()
                _log.warning("could not accept a connection: %s", exc)
                eventlet.sleep(_ACCEPT_PAUSE_S)
                continue
            sock.settimeout(self._serv.socket_timeout)
            self.container.spawn_managed_thread(
                lambda s=sock, a=address: self.process_request(s, a), identifier="http connection"
            )

    def process_request(self, sock: Any, address: Any) -> None:
        """Serve one connection; whatever the client does concerns this connection alone."""
        self._connections += 1
        try:
            super().process_request(sock, address)
        except Exception as exc:  # noqa: BLE001 - stock Nameko would end the container
            _log.debug("connection of %s ended: %s", address, exc)
        finally:
            self._connections -= 1
            if self._slots:
                self._slots.release()

    def get_wsgi_server(self, sock: Any, wsgi_app: Any, **kwargs: Any) -> Any:
        """See WebServer."""
        server = super().get_wsgi_server(sock, wsgi_app, **kwargs)
        server.socket_timeout = self.core.app.settings.http_idle_timeout_s
        server.protocol = Protocol
        server.refused = self._count_refused
        server.log = _ServerLog()
        server.log_output = False
        server.minimum_chunk_size = 0
        return server

    def get_wsgi_app(self) -> Any:
        """See WebServer."""
        return _Application(self, WsgiApp(self))

    def context_data_from_headers(self, request: Request) -> dict[str, Any]:
        """See WebServer."""
        return {CALL_CONTEXT_KEY: request.environ[CALL]}

    def _count_refused(self, status: int, sent_bytes: int) -> None:
        """Count what could not be read as a request."""
        self.core.app.meters.http_ended(OTHER, OTHER, status, 0.0, (0, sent_bytes))

    def make_url_map(self) -> Any:
        """See WebServer. Doubled slashes are no address: no redirection to a Host of any name."""
        url_map = super().make_url_map()
        url_map.merge_slashes = False
        return url_map

    def began(self) -> None:
        """Count an answer in the making, which stop() waits for."""
        self._answering += 1

    def ended(self) -> None:
        """Count it off when its last byte is sent or its client has gone."""
        self._answering -= 1
        self._balance.tell_less()

    def _load(self) -> Load:
        app = self.core.app
        has_room = self._connections < app.settings.http_max_connections
        return Load(app.pictures_waiting, self.core.pressure.is_high or not has_room)

    def gives_away(self, *, needed_worker: bool) -> bool:
        """Tell whether a client had better connect again, to another process."""
        return self._balance.gives_away(self._connections, needed_worker=needed_worker)

    def stop(self) -> None:
        """Stop accepting, then wait for the answers that are being sent."""
        self._is_accepting = False
        self._balance.leave()
        if self._gt is not None:
            self._gt.kill()
        if self._sock is not None:
            self._sock.close()
        if self._serv is not None:
            self._serv.keepalive = False
        self.wait_for_providers()
        now_s = time.monotonic()
        deadline_s = now_s + self.core.app.settings.shutdown_timeout_s
        # Who asks once more on a connection that was kept is answered, and told that it ends: the
        # next one is taken by another process.
        quiet_s = now_s + (0.0 if self.core.place.is_alone else _LAST_REQUESTS_S)
        while (now_s := time.monotonic()) < deadline_s and (
            self._answering or (self._connections and now_s < quiet_s)
        ):
            eventlet.sleep(_POLL_S)
        self._has_ended = True


class Protocol(HttpOnlyProtocol):
    """One connection; its head must come in time, and its errors say nothing of what runs here."""

    close_connection: bool
    _has_more_to_come = False
    _waited_s = math.inf

    def _read_request_line(self) -> Any:
        if self._waited_s < _AT_ONCE_S:
            eventlet.sleep(0)  # whoever always has the next one ready lets others have a turn
        began_s = time.monotonic()
        with eventlet.Timeout(self.server.socket_timeout, exception=False):
            line = super()._read_request_line()
            self._waited_s = time.monotonic() - began_s
            if len(line) >= self.server.url_length_limit:
                self.send_error(RequestURITooLarge.code)
                return ""
            return line
        return ""

    def parse_request(self) -> bool:
        """See HttpProtocol. A head that drips in is cut off: the socket's timeout is per byte."""
        try:
            with eventlet.Timeout(self.server.socket_timeout, exception=False):
                return bool(super().parse_request()) and self._is_plain()
        except (HeaderLineTooLong, HeadersTooLarge):
            self.send_error(RequestHeaderFieldsTooLarge.code)
        self.close_connection = True
        return False

    def _is_plain(self) -> bool:
        """Refuse a head that others may read differently: a proxy in front would be fooled.

        After a line that is no header Python's parser drops all that follow, lengths included
        (RFC 9112, 5.1 and 6.3).
        """
        headers = self.headers
        lengths = headers.get_all("content-length", [])
        is_plain = (
            all(isinstance(defect, _OF_BODIES) for defect in headers.defects)
            and len(lengths) <= 1
            and all(_LENGTH.fullmatch(length) for length in lengths)
            and not (lengths and headers.get("transfer-encoding"))
            and _coding(headers) in ([], ["chunked"])
            and len(headers.get_all("host", [])) <= 1
        )
        if not is_plain:
            self.send_error(BadRequest.code)
        return is_plain

    def get_environ(self) -> Any:
        """See HttpProtocol. Who sends GET a large body is not kept: it would be read over."""
        environ = super().get_environ()
        body = RequestInput.of(environ["eventlet.input"])
        body.discard = self._read_over
        environ["wsgi.input"] = environ["eventlet.input"] = body
        environ[HANG_UP] = self._hang_up
        length = int(environ.get("CONTENT_LENGTH") or 0)
        is_read_by_nobody = self.command in ("GET", "HEAD")
        if is_read_by_nobody and length > _MAX_BODY_READ_OVER_BYTES:
            self._hang_up()
        return environ

    def _hang_up(self) -> None:
        self.close_connection = self._has_more_to_come = True

    def _read_over(self) -> None:
        """Read the rest of a body that nobody wanted, if that is little; else hang up."""
        body = self.environ["eventlet.input"]
        left = _MAX_BODY_READ_OVER_BYTES
        with eventlet.Timeout(self.server.socket_timeout, exception=False):
            while left > 0 and (data := body.read(left)):
                left -= len(data)
            if left > 0:
                return
        self._hang_up()

    def finish(self) -> None:
        """See HttpProtocol. Who still sends is heard out for a while.

        What arrives after the end is answered by a reset, and that makes many clients forget the
        answer they have got.
        """
        if self._has_more_to_come:
            with contextlib.suppress(OSError), eventlet.Timeout(_LINGER_S, exception=False):
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_WR)
                while self.connection.recv(_MAX_BODY_READ_OVER_BYTES):
                    pass
        super().finish()

    def send_error(
        self,
        code: int,
        message: str | None = None,  # noqa: ARG002 - it repeats what was sent
        explain: str | None = None,  # noqa: ARG002
    ) -> None:
        """See BaseHTTPRequestHandler: what could not be read as a request."""
        response = problem(_UNREADABLE.get(code, _UNREADABLE[400]))
        body = response.get_data()
        head = [f"HTTP/1.1 {response.status}", "Connection: close"]
        head += [f"{name}: {value}" for name, value in response.headers.items()]
        self.server.refused(response.status_code, len(body))
        self.wfile.write("\r\n".join([*head, "", ""]).encode("ascii") + body)
        self.close_connection = True


class _ServerLog:
    """Where eventlet tells of failed answers: only those that are our fault are worth a line."""

    def info(self, text: str, *args: Any) -> None:
        exc = sys.exc_info()[1]
        # Clients leave, stall and are reset all the time.
        is_the_clients = exc is None or isinstance(exc, (OSError, eventlet.Timeout))
        _log.log(logging.DEBUG if is_the_clients else logging.ERROR, text, *args)

    def debug(self, text: str, *args: Any) -> None:
        _log.debug(text, *args)

    error = debug


class _Application:
    """The WSGI application: Nameko's, with errors told as problems and answers counted."""

    def __init__(self, server: HttpServer, app: WsgiApp) -> None:
        self._server = server
        self._app = app
        self._routes = {rule.endpoint: rule.rule for rule in app.url_map.iter_rules()}

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        # Without it chunked request bodies read as empty.
        environ["wsgi.input_terminated"] = True
        self._server.began()
        exchange = Exchange(self._server.core.app, environ)
        try:
            response = self._respond(environ, exchange)
            if self._server.gives_away(needed_worker=NEEDED_WORKER in environ):
                environ[HANG_UP]()
            body = response(environ, exchange.starting(start_response))
        except BaseException:
            exchange.ended(0, is_whole=False)
            self._server.ended()
            raise
        return Sending(body, exchange, self._server.ended)

    def _respond(self, environ: dict[str, Any], exchange: Exchange) -> Any:
        request = Request(environ, shallow=True)
        try:
            adapter = self._app.url_map.bind_to_environ(environ)
            provider, request.path_values = adapter.match()  # type: ignore[attr-defined]
            exchange.found(self._routes[provider])
            return provider.handle_request(request)
        except HTTPException as exc:
            return exc.get_response() if _is_redirect(exc) else problem(exc)
        except Exception as exc:  # noqa: BLE001 - the client is told, the log knows more
            _log.exception("could not answer %s", environ.get("PATH_INFO"))
            return problem(exc)


class HttpEntrypoint(HttpRequestHandler):
    """An HTTP method of the service."""

    server = HttpServer()

    def response_from_exception(self, exc: Exception) -> Any:
        """See HttpRequestHandler."""
        return problem(exc)


http = HttpEntrypoint.decorator


def _coding(headers: Any) -> list[str]:
    return [value.strip().lower() for value in headers.get_all("transfer-encoding", [])]


def _is_redirect(exc: HTTPException) -> bool:
    return exc.code is not None and exc.code < 400

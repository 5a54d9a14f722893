"""ImageClient: the service from any Python program that has the broker's address."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..amqp_tls import ready
from .address import DEFAULT_AMQP_URI
from .api import ATTEMPTS, TIMEOUT_S, ImageApi
from .errors import ServiceUnreachable

if TYPE_CHECKING:
    from .lines import Line

# Firewalls forget a connection on which nothing is sent after a minute or more, and tell nobody.
IDLE_S = 45.0


class LinePool:
    """A Caller on as many connections as there are calls at once. Thread-safe."""

    def __init__(self, config: Mapping[str, Any], context_data: Mapping[str, Any]) -> None:
        self._config = config
        self._uri = str(config["AMQP_URI"])
        self._context_data = context_data
        # Its append and pop are atomic: no lock, which eventlet would have to know of.
        self._idle: deque[Line] = deque()
        self._is_closed = False

    def call(self, method: str, arguments: Mapping[str, Any], timeout_s: float) -> Any:
        """See Caller.call."""
        with self._line() as line:
            return line.call(method, arguments, timeout_s)

    def close(self) -> None:
        """See Caller.close."""
        self._is_closed = True
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()

    @contextlib.contextmanager
    def _line(self) -> Iterator[Line]:
        if self._is_closed:
            raise ServiceUnreachable("this client was closed")
        line = self._idle_line() or self._connected()
        try:
            yield line
        finally:
            if line.is_sound and not self._is_closed:
                self._idle.append(line)
            else:
                line.close()
                self._leave(line.uri)

    def _idle_line(self) -> Line | None:
        while True:
            try:
                line = self._idle.pop()
            except IndexError:
                return None
            if time.monotonic() - line.used_s < IDLE_S:
                return line
            line.close()

    def _connected(self) -> Line:
        _import_safely()
        from .lines import Line

        uri = self._uri
        try:
            return Line({**self._config, "AMQP_URI": uri}, self._context_data)
        except BaseException:
            self._leave(uri)
            raise

    def _leave(self, uri: str) -> None:
        """Begin with the next host: the first may let clients in and answer nothing."""
        first, _, others = uri.partition(";")
        if others and uri == self._uri:
            self._uri = f"{others};{first}"
            for _ in range(len(self._idle)):
                with contextlib.suppress(IndexError):
                    self._idle.popleft().close()


def _import_safely() -> None:
    """Import Nameko where that does no harm.

    Eventlet loads a copy of the threading module, which takes the thread it is loaded in for the
    main one: joining that thread would never end. So it is one that nobody joins.
    """
    if "eventlet" in sys.modules or threading.current_thread() is threading.main_thread():
        return
    is_done = threading.Event()

    def work() -> None:
        try:
            importlib.import_module(".lines", __package__)
        finally:
            is_done.set()

    threading.Thread(target=work, daemon=True).start()
    is_done.wait()


class ImageClient(ImageApi):
    """image_service over RabbitMQ, for any number of threads or green threads.

    with ImageClient("pyamqp://guest:guest@localhost") as images:
        image = images.upload("photo.jpg", tags=["holiday"])
    """

    def __init__(
        self,
        amqp_uri: str = DEFAULT_AMQP_URI,
        *,
        timeout_s: float = TIMEOUT_S,
        attempts: int = ATTEMPTS,
        context_data: Mapping[str, Any] | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Connects with the first call.

        Args:
            amqp_uri: the broker, or several hosts of it, separated by semicolons.
            timeout_s, attempts: see ImageApi.
            context_data: what Nameko passes on with each call, as {"user_id": "ada"}.
            config: more of Nameko's keys, as AMQP_SSL or rpc_exchange.
        Raises: ValueError where AMQP_SSL cannot be used.
        """
        settings = {
            **ready({**(config or {}), "AMQP_URI": amqp_uri}, Path.cwd()),
            "serializer": "msgpack",
            "ACCEPT": ["msgpack", "json"],
        }
        super().__init__(
            LinePool(settings, context_data or {}), timeout_s=timeout_s, attempts=attempts
        )

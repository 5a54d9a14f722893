"""A real service container on a real broker, and callers that speak to it in every way."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import amqp
import eventlet
import kombu
import msgpack
from nameko.containers import ServiceContainer
from nameko.standalone.rpc import ClusterRpcProxy

from image_service.application import Application
from image_service.dependencies import Core
from image_service.service import ImageService
from image_service.storage.s3 import open_bucket
from scripts.rabbitmq import free_ports
from tests.originals import Folder, Objects, left_of_images

QUEUES = ("rpc-image_service", "rpc-image_service.transfers")
CALL_TIMEOUT_S = 20
_running: set[str] = set()
EXCHANGE = "nameko-rpc"
JSON, MSGPACK = "application/json", "application/x-msgpack"


def wait_until(condition: Callable[[], Any], timeout_s: float = 10, what: str = "") -> Any:
    """Return the first true value of condition(); fail when there is none in time."""
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline, what or "waited in vain"
        eventlet.sleep(0.02)
    return value


def checksum_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Service:
    """One container of the service, in this process."""

    def __init__(self, uri: str, upload_dir: Path, **settings: Any) -> None:
        self.uri = uri
        self.upload_dir = upload_dir
        self.port = settings.pop("port", None) or free_ports(1)[0]
        self.config: dict[str, Any] = {
            "AMQP_URI": uri,
            "ACCEPT": ["msgpack", "json"],
            "serializer": "msgpack",
            "max_workers": 16,
            "host": "localhost",
            "port": self.port,
            "upload_dir": str(upload_dir),
            "image_workers": 1,
            "render_workers": 1,
            # On PostgreSQL: a test's own work holds up the hub that it shares with the service.
            "stall_s": 0,
            **settings,
        }
        self.container = ServiceContainer(ImageService, self.config)
        self.is_stopped = False

    def start(self) -> Service:
        assert self.uri not in _running, "another service would take this one's calls"
        _running.add(self.uri)
        self.container.start()
        return self

    def stop(self) -> None:
        if not self.is_stopped:
            self.is_stopped = True
            self.container.stop()
            _running.discard(self.uri)

    @property
    def app(self) -> Application:
        app: Application = self.container.shared_extensions[Core].app
        return app

    @property
    def is_alive(self) -> bool:
        """Whether nothing has ended the container."""
        return not self.container._died.ready()

    @contextlib.contextmanager
    def rpc(self, timeout: float = CALL_TIMEOUT_S, serializer: str = "msgpack") -> Iterator[Any]:
        """Call as Nameko users do."""
        config = {"AMQP_URI": self.uri, "serializer": serializer, "ACCEPT": ["msgpack", "json"]}
        with ClusterRpcProxy(config, timeout=timeout) as proxy:
            yield proxy.image_service

    def upload(self, data: bytes, filename: str = "a.png", **more: Any) -> dict[str, Any]:
        """Upload, expecting success."""
        with self.rpc() as rpc:
            reply: dict[str, Any] = rpc.upload_image(file=data, filename=filename, **more)
        assert reply["success"], reply
        return reply

    @property
    def originals(self) -> Folder | Objects:
        """The originals as they are kept, in files or in a bucket."""
        if self.config.get("s3_originals"):
            return Objects(open_bucket(self.app.settings))
        return Folder(self.upload_dir)

    def stored(self) -> list[str]:
        """Return the names of all originals, provisional ones included."""
        return sorted(self.originals.names())

    def left_of_images(self) -> list[str]:
        """Return everything that is there because of an image."""
        return [*left_of_images(self.upload_dir), *self.originals.names()]

    def http(self, timeout: float = 10) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("localhost", self.port, timeout=timeout)

    def get(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Ask once on a connection of its own; return the answer and its body."""
        connection = self.http()
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


class RawCaller:
    """A caller in plain AMQP, property by property, as other languages' clients are."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._kombu = kombu.Connection(uri)
        self._connection = self._kombu.connection
        self.channel = self._connection.channel()
        self.queue = f"raw-{uuid.uuid4()}"
        self.channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
        self.channel.queue_declare(self.queue, exclusive=True)
        self.channel.queue_bind(self.queue, EXCHANGE, self.queue)
        self._replies: list[Any] = []
        self.channel.basic_consume(self.queue, callback=self._replies.append, no_ack=True)

    def __enter__(self) -> RawCaller:
        return self

    def __exit__(self, *_: object) -> None:
        self._kombu.release()

    def send(
        self,
        body: bytes,
        method: str = "health_check",
        *,
        exchange: str = EXCHANGE,
        routing_key: str | None = None,
        **properties: Any,
    ) -> str:
        """Publish with reply_to, correlation_id and content type JSON unless told otherwise.

        A property of None is left out. Returns the correlation id.
        """
        correlation_id = str(uuid.uuid4())
        wanted = {
            "reply_to": self.queue, "correlation_id": correlation_id, "content_type": JSON,
            **properties,
        }  # fmt: skip
        message = amqp.Message(body, **{k: v for k, v in wanted.items() if v is not None})
        self.channel.basic_publish(message, exchange, routing_key or f"image_service.{method}")
        return str(wanted["correlation_id"])

    def receive(self, timeout: float = CALL_TIMEOUT_S) -> Any:
        """Return the next reply as it came (amqp.Message)."""
        deadline = time.monotonic() + timeout
        while not self._replies:
            self._connection.drain_events(timeout=max(0.01, deadline - time.monotonic()))
        return self._replies.pop(0)

    def answer(self, timeout: float = CALL_TIMEOUT_S) -> dict[str, Any]:
        """Return the next reply decoded: {result, error}."""
        message = self.receive(timeout)
        body = message.body
        if message.properties["content_type"] == MSGPACK:
            return dict(msgpack.unpackb(body))
        return dict(json.loads(body))

    def expect_silence(self, seconds: float = 0.3) -> None:
        """Fail when anything is answered."""
        try:
            answer = self.answer(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"answered: {answer}")

    def call(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call in JSON and return the result."""
        self.send(json.dumps({"args": args, "kwargs": kwargs}).encode(), method)
        reply = self.answer()
        assert reply["error"] is None, reply["error"]
        return reply["result"]


class Cable:
    """A TCP line to the broker that can be cut, made slow, or made to carry nothing."""

    def __init__(self, uri: str) -> None:
        self._target = kombu.Connection(uri)
        self._listener = eventlet.listen(("localhost", 0))
        self._ends: list[Any] = []
        self.is_stalled = False
        self.delay_s = 0.0
        port = self._listener.getsockname()[1]
        self.uri = f"pyamqp://{self._target.userid}:{self._target.password}@localhost:{port}"
        if self._target.virtual_host not in ("/", ""):
            self.uri += f"/{self._target.virtual_host}"
        self._thread = eventlet.spawn(self._accept)

    @property
    def is_used(self) -> bool:
        """Whether anybody has connected."""
        return bool(self._ends)

    def cut(self) -> None:
        """End every connection and take no further ones."""
        self._thread.kill()
        self._listener.close()
        for end in self._ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            far = eventlet.connect((self._target.hostname, self._target.port or 5672))
            self._ends += [near, far]
            eventlet.spawn_n(self._carry, near, far)
            eventlet.spawn_n(self._carry, far, near)

    def _carry(self, source: Any, sink: Any) -> None:
        with contextlib.suppress(OSError, EOFError):
            while data := source.recv(1 << 16):
                while self.is_stalled:
                    eventlet.sleep(0.05)
                eventlet.sleep(self.delay_s)
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_RDWR)


def delete_queues(uri: str) -> None:
    """Remove the service's queues, so that nothing of an earlier test is in them."""
    with kombu.Connection(uri) as connection:
        for name in QUEUES:
            connection.default_channel.queue_delete(name)


def queue_sizes(uri: str) -> dict[str, int]:
    """Return how many messages are ready in each queue; those being worked on do not count."""
    with kombu.Connection(uri) as connection:
        channel = connection.default_channel
        return {n: channel.queue_declare(n, passive=True).message_count for n in QUEUES}

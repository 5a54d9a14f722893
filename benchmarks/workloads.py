"""What the benchmarks call: one function for each kind of call."""

from __future__ import annotations

import http.client
import os
import socket
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CALL_TIMEOUT_S = 60.0
SERVICE, FLOOR, NOBODY = "image_service", "benchmark_floor", ""
SERVERS = {"echo bytes": FLOOR, "echo id": FLOOR, "take bytes": FLOOR, "write": NOBODY}


@dataclass(frozen=True)
class Workload:
    """What to call. paths: pictures to send, in turn; ids: images to ask for, in turn.

    interval_s: calls are due so far apart, whoever makes them; 0: without pause.
    urls: to get over HTTP, in turn; "{n}" in them becomes the call's number, from first on.
    asked: who answers them, where it is not the service.
    """

    kind: str
    paths: tuple[Path, ...] = ()
    ids: tuple[str, ...] = ()
    directory: Path | None = None
    interval_s: float = 0.0
    urls: tuple[str, ...] = ()
    first: int = 0
    asked: str = ""

    @property
    def server(self) -> str:
        """Who answers: whose CPU time is counted."""
        return self.asked or SERVERS.get(self.kind, SERVICE)


class CallError(Exception):
    """A call of a benchmark failed: its figures would mean nothing."""


def rpc_config(uri: str) -> dict[str, object]:
    """Return the Nameko configuration that caller and floor use."""
    return {"AMQP_URI": uri, "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}


def connected(uri: str) -> Any:
    """Return a `ClusterRpcProxy`, a context manager. For one thread."""
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from nameko.standalone.rpc import ClusterRpcProxy

    return ClusterRpcProxy(rpc_config(uri), timeout=CALL_TIMEOUT_S)


class Fetcher:
    """Gets a workload's urls, each server's over one connection that is kept."""

    def __init__(self, workload: Workload) -> None:
        self._urls = [urlsplit(url) for url in workload.urls]
        self._first = workload.first
        self._connections: dict[str, http.client.HTTPConnection] = {}

    def __call__(self, number: int) -> None:
        """Get one. Raises: CallError."""
        url = self._urls[number % len(self._urls)]
        connection = self._connections.get(url.netloc) or self._connect(url.netloc)
        path = url.path.replace("{n}", str(self._first + number))
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or not body:
            raise CallError(f"{answer.status} for {path}: {body[:300]!r}")

    def _connect(self, address: str) -> http.client.HTTPConnection:
        connection = http.client.HTTPConnection(address, timeout=CALL_TIMEOUT_S)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[address] = connection
        return connection


def prepared(workload: Workload, rpc: Any) -> Callable[[int], None]:
    """Return what makes one call, given its number, and raises CallError if it went wrong."""
    files = [path.read_bytes() for path in workload.paths]
    ids = workload.ids

    def check(reply: Any) -> None:
        if not reply["success"]:
            raise CallError(reply["message"])

    def check_answered(reply: Any) -> None:
        if not reply["success"] and not reply["error"]["code"]:
            raise CallError(f"no answer to a hostile file: {reply}")

    def echo(value: object) -> None:
        if rpc.benchmark_floor.echo(value) != value:
            raise CallError("the echo is another one")

    def write(data: bytes) -> None:
        assert workload.directory is not None
        path = workload.directory / f"{os.getpid()}-{time.monotonic_ns()}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            os.write(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)

    service = rpc.image_service
    calls: dict[str, Callable[[int], None]] = {
        "upload": lambda n: check(service.upload_image(files[n % len(files)], f"photo-{n}.jpg")),
        "upload hostile": lambda n: check_answered(
            service.upload_image(files[n % len(files)], f"file-{n}")
        ),
        "get": lambda n: check(service.get_image(ids[n % len(ids)])),
        "health": lambda _: check(service.health_check()),
        "echo bytes": lambda n: echo(files[n % len(files)]),
        "echo id": lambda n: echo(ids[n % len(ids)]),
        "take bytes": lambda n: rpc.benchmark_floor.take(files[n % len(files)]),
        "fetch": Fetcher(workload),
        "write": lambda n: write(files[n % len(files)]),
    }
    return calls[workload.kind]

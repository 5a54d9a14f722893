"""What the benchmarks call: one function for each kind of call."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALL_TIMEOUT_S = 60.0
SERVICE, FLOOR, NOBODY = "image_service", "benchmark_floor", ""
SERVERS = {"echo bytes": FLOOR, "echo id": FLOOR, "take bytes": FLOOR, "write": NOBODY}


@dataclass(frozen=True)
class Workload:
    """What to call. paths: pictures to send, in turn; ids: images to ask for, in turn.

    interval_s: with one caller, calls are due so far apart; 0: without pause.
    """

    kind: str
    paths: tuple[Path, ...] = ()
    ids: tuple[str, ...] = ()
    directory: Path | None = None
    interval_s: float = 0.0

    @property
    def server(self) -> str:
        """Who answers: whose CPU time is counted."""
        return SERVERS.get(self.kind, SERVICE)


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
    return {
        "upload": lambda n: check(service.upload_image(files[n % len(files)], f"photo-{n}.jpg")),
        "upload hostile": lambda n: check_answered(
            service.upload_image(files[n % len(files)], f"file-{n}")
        ),
        "get": lambda n: check(service.get_image(ids[n % len(ids)])),
        "health": lambda _: check(service.health_check()),
        "echo bytes": lambda n: echo(files[n % len(files)]),
        "echo id": lambda n: echo(ids[n % len(ids)]),
        "take bytes": lambda n: rpc.benchmark_floor.take(files[n % len(files)]),
        "write": lambda n: write(files[n % len(files)]),
    }[workload.kind]

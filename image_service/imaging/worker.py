"""The program a worker process runs: looks at one picture after another until told to stop.

Started by pool.py with its socket as standard input and its limits, as JSON, as last argument.
A crash, a hang or too much memory here costs one picture, never the service.
"""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import sys
from typing import Any

from kombu.utils.json import loads
from msgpack import packb

from ..domain.formats import Format
from ..domain.payload import from_node_buffer, is_node_buffer
from ..domain.strip import Strip
from ..errors import CorruptImage, ImageServiceError
from . import protocol, sandbox
from .examine import examine, set_up
from .limits import Limits

_MAX_CONTAINERS = 20_000


def main() -> None:
    """Serve requests from standard input's socket until it closes."""
    limits = Limits(**json.loads(sys.argv[-1]))
    set_up(limits)
    gc.freeze()  # nothing of the modules is ever garbage: looking at them again costs time
    sock = socket.socket(fileno=0)
    sandbox.enter(limits)
    sock.setblocking(True)  # a green service hands over a socket that does not block
    with contextlib.suppress(EOFError, ConnectionError):
        protocol.send(sock, {"ready": True})
        while True:
            request, data = protocol.receive(sock, max_payload_bytes=limits.max_message_bytes)
            sandbox.limit_cpu(limits.worker_cpu_s)
            reply, payload = _answer(request, data, limits)
            protocol.send(sock, reply, payload)


def _answer(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    work = {"analyse": _analyse, "decode_json": _decode_json}[request["do"]]
    try:
        return work(request, data, limits)
    except ImageServiceError as exc:
        return {"error": type(exc).__name__, "args": list(exc.args)}, b""
    except MemoryError:
        return {"error": CorruptImage.__name__, "args": ["it takes more memory than allowed"]}, b""


def _analyse(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    expected, strip_mode = Format(request["format"]), Strip(request["strip"])
    findings = examine(data, expected, limits, strip_mode=strip_mode)
    reply = {
        "facts": {**vars(findings.facts), "format": findings.facts.format.value},
        "description": vars(findings.description),
        "fingerprint": findings.fingerprint and vars(findings.fingerprint),
        "removed": list(findings.removed),
        "changed": findings.data is not None,
    }
    return reply, findings.data or b""


def _decode_json(
    request: dict[str, Any],  # noqa: ARG001
    data: bytes,
    limits: Limits,
) -> tuple[dict[str, Any], bytes]:
    """Decode a large JSON message where it can hold up nobody.

    A Node Buffer takes half a second of C code that yields to no other thread; what comes back
    is msgpack with the bytes as bytes, which the service reads in a millisecond.
    """
    try:
        body = loads(data)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - kombu's typed values make it raise anything
        return {"malformed": True}, b""
    if _has_too_many_containers(body):
        return {"malformed": True}, b""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return {}, packb(_with_bytes(body, limits.max_message_bytes), default=str)
    return {"malformed": True}, b""


def _has_too_many_containers(body: Any) -> bool:
    """Tell whether body spells thousands of lists and mappings; a call has a handful.

    The service would have to make every one of them again, and nobody else is served meanwhile.
    """
    seen = 0
    rest: list[dict[Any, Any] | list[Any]] = [[body]]
    while rest and seen <= _MAX_CONTAINERS:
        item = rest.pop()
        seen += 1
        parts = item.values() if isinstance(item, dict) else item
        rest.extend(part for part in parts if isinstance(part, (dict, list)))
    return seen > _MAX_CONTAINERS


def _with_bytes(value: Any, max_bytes: int, depth: int = 0) -> Any:
    """Replace Node Buffers among the arguments by bytes; a bad one stays, to be refused later."""
    if is_node_buffer(value):
        with contextlib.suppress(ImageServiceError):
            return from_node_buffer(value, max_bytes)
    if depth < 2 and isinstance(value, dict):
        return {key: _with_bytes(item, max_bytes, depth + 1) for key, item in value.items()}
    if depth < 2 and isinstance(value, list):
        return [_with_bytes(item, max_bytes, depth + 1) for item in value]
    return value

"""The program a worker process runs: looks at one picture after another until told to stop.

Started by pool.py with its socket as standard input and its limits, as JSON, as last argument.
A crash, a hang or too much memory here costs one picture, never the service.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import resource
import signal
import socket
import sys
from typing import Any

from ..domain.formats import Format
from ..domain.payload import from_node_buffer, is_node_buffer
from ..errors import CorruptImage, ImageServiceError
from . import protocol
from .limits import Limits
from .probe import probe, set_up

_NICENESS = 10
_PR_SET_PDEATHSIG = 1
_MAX_CONTAINERS = 20_000


def main() -> None:
    """Serve requests from standard input's socket until it closes."""
    limits = Limits(**json.loads(sys.argv[-1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the service's to handle
    _die_with_the_service()
    set_up()
    # Calls that answer at once come first: their slowest hundredth waits a third less for it.
    os.nice(_NICENESS)
    gc.freeze()  # nothing of the modules is ever garbage: looking at them again costs time
    _limit_resources(limits)
    sock = socket.socket(fileno=0)
    sock.setblocking(True)  # a green service hands over a socket that does not block
    with contextlib.suppress(EOFError, ConnectionError):
        protocol.send(sock, {"ready": True})
        while True:
            request, data = protocol.receive(sock, max_payload_bytes=limits.max_message_bytes)
            reply, payload = _answer(request, data, limits)
            protocol.send(sock, reply, payload)


def _die_with_the_service() -> None:
    """Ask Linux for SIGKILL when the service dies while this process is deep in a decoder.

    Elsewhere the closed socket ends it after its picture.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _limit_resources(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with contextlib.suppress(ValueError, OSError):  # macOS has no working RLIMIT_AS
        resource.setrlimit(resource.RLIMIT_AS, (limits.worker_memory_bytes,) * 2)


def _answer(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    work = {"analyse": _analyse, "decode_json": _decode_json}[request["do"]]
    try:
        return work(request, data, limits)
    except ImageServiceError as exc:
        return {"error": type(exc).__name__, "args": list(exc.args)}, b""
    except MemoryError:
        return {"error": CorruptImage.__name__, "args": ["it takes more memory than allowed"]}, b""


def _analyse(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    facts = probe(data, Format(request["format"]), limits)
    return {"facts": {**vars(facts), "format": facts.format.value}}, b""


def _decode_json(
    request: dict[str, Any],  # noqa: ARG001
    data: bytes,
    limits: Limits,
) -> tuple[dict[str, Any], bytes]:
    """Decode a large JSON message where it can hold up nobody.

    A Node Buffer takes half a second of C code that yields to no other thread; what comes back
    is msgpack with the bytes as bytes, which the service reads in a millisecond.
    """
    from kombu.utils.json import loads
    from msgpack import packb

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

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

from ..domain.formats import Format
from ..domain.image import PictureFacts
from ..domain.mezzanine import Use
from ..domain.strip import Strip
from ..domain.transform import Transform
from ..errors import CorruptImage, ImageServiceError
from ..memory import keep_freed
from . import messages, protocol, sandbox
from .examine import examine, set_up
from .limits import GC_THRESHOLDS, Limits
from .render import Source, render

_LARGE_PIXELS = 16_000_000


def main() -> None:
    """Serve requests from standard input's socket until it closes."""
    keep_freed()
    limits = Limits(**json.loads(sys.argv[-1]))
    set_up(limits)
    gc.set_threshold(*GC_THRESHOLDS)
    gc.freeze()  # nothing of the modules is ever garbage: looking at them again costs time
    sock = socket.socket(fileno=0)
    sandbox.enter(limits)
    with contextlib.suppress(EOFError, ConnectionError):
        protocol.send(sock, {"ready": True})
        while True:
            request, data = protocol.receive(sock, max_payload_bytes=limits.max_message_bytes)
            sandbox.limit_cpu(limits.worker_cpu_s)
            reply, payload = _answer(request, data, limits)
            sandbox.limit_cpu(0)
            if reply.get("large") or "error" in reply:
                sandbox.give_back_memory()
            protocol.send(sock, reply, payload)


def _answer(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    work = {"analyse": _analyse, "decode": _decode, "render": _render}[request["do"]]
    try:
        return work(request, data, limits)
    except ImageServiceError as exc:
        return {"error": type(exc).__name__, "args": list(exc.args)}, b""
    except MemoryError:
        why = "decoding it takes more memory than allowed"
        return {"error": CorruptImage.__name__, "args": [why], "out_of_memory": True}, b""


def _analyse(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    expected, strip_mode = Format(request["format"]), Strip(request["strip"])
    findings = examine(data, expected, limits, strip_mode=strip_mode)
    facts = findings.facts
    reply = {
        "facts": facts.to_json(),
        "description": vars(findings.description),
        "fingerprint": findings.fingerprint and vars(findings.fingerprint),
        "removed": list(findings.removed),
        "changed": findings.data is not None,
        "large": facts.width * facts.height * facts.frames > _LARGE_PIXELS,
    }
    return reply, findings.data or b""


def _render(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    facts = PictureFacts.from_json(request["facts"])
    source = Source(data, facts, Use(request["mezzanine"]))
    transform = Transform.from_json(request["transform"])
    rendered = render(
        source,
        transform,
        limits,
        watermark=request["watermark"],
        shrink_on_load=request["shrink_on_load"],
    )
    pixels = facts.width * facts.height * facts.frames
    reply = {
        "format": rendered.format.value,
        "width": rendered.width,
        "height": rendered.height,
        "data_bytes": len(rendered.data),
        "large": max(pixels, rendered.width * rendered.height) > _LARGE_PIXELS,
    }
    return reply, rendered.data + rendered.mezzanine


def _decode(request: dict[str, Any], data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    message = messages.decode(request["encoding"], data, max_bytes=limits.max_message_bytes)
    return {"malformed": message is None}, message or b""

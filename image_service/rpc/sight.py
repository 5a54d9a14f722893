"""What is seen of each call from outside: counted, told in one line, traced."""

from __future__ import annotations

import re
import time
from typing import Any

from ..application import Application
from ..sight import calls
from ..sight.meters import OTHER
from ..sight.tracing import CARRIED
from .wire import Request

_OURS = frozenset(("internal_error", "storage_unavailable", "storage_full", "image_damaged"))
"""What is not the caller's to mend."""
_NAMEKOS = frozenset(("IncorrectSignature", "MalformedRequest", "MethodNotFound"))
_WORD = re.compile("(?<=[a-z])(?=[A-Z])")
NO_REPLY_TO, UNANSWERED = "no_reply_to", "unanswered"


def begin(app: Application, request: Request, method: str, header_prefix: str) -> None:
    """Enter the call that a message is. Args: method: one that exists, or OTHER."""
    calls.enter(request.call)
    if app.tracing.is_on:
        headers = request.message.headers or {}
        # Nameko's callers can set headers by context data alone, which gets a prefix.
        carried = {key: headers.get(key, headers.get(f"{header_prefix}.{key}")) for key in CARRIED}
        attributes = {"rpc.system": "nameko", "rpc.service": "image_service", "rpc.method": method}
        app.tracing.begin(request.call, f"image_service/{method}", carried, attributes)


def code_of(result: Any, error: BaseException | None) -> str:
    """Return "ok", or what went wrong, as a word of which there are few."""
    if error is not None:
        name = type(error).__name__
        return _WORD.sub("_", name).lower() if name in _NAMEKOS else "exception"
    if isinstance(result, dict) and result.get("success") is False:
        told = result.get("error")
        return str(told["code"]) if isinstance(told, dict) else "unavailable"
    return "ok"


def end(app: Application, request: Request, method: str, code: str, sent_bytes: int) -> None:
    """Count the call off, and tell of it. Args: method: one that exists, or OTHER."""
    seconds = time.perf_counter() - request.arrived_s
    app.meters.rpc_ended(method, code, seconds, request.size_bytes, sent_bytes)
    level = app.access.level_of("call", is_failure=code != "ok")
    if level:
        facts = {
            "method": method,
            "code": code,
            "duration_ms": round(seconds * 1000, 2),
            "received_bytes": request.size_bytes,
            "sent_bytes": sent_bytes,
            **({"redelivered": True} if request.redelivered else {}),
        }
        app.access.tell(level, method, code, facts)
    if request.call.trace:
        sizes = {"messaging.message.body.size": request.size_bytes, "sent_bytes": sent_bytes}
        app.tracing.end(request.call, code, sizes, is_failure=code in _OURS)


def label_of(request: Request, known: frozenset[str]) -> str:
    """Return the name under which a call is counted."""
    name = request.method_name
    return name if name in known else OTHER

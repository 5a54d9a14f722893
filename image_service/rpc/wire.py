"""Requests out of AMQP messages and replies into them, with nothing taken on trust."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

import kombu.serialization
import msgpack
from kombu.transport.pyamqp import Channel
from nameko.constants import CALL_ID_STACK_CONTEXT_KEY
from nameko.exceptions import MalformedRequest, serialize

from ..errors import ImageServiceError, InternalError, ReplyTooLarge
from ..imaging.messages import MAX_ITEMS
from ..sight.calls import Call

_log = logging.getLogger(__name__)

LARGE_JSON_BYTES = 64 * 1024
"""JSON bodies above this are decoded in a worker process: see imaging.messages."""

# With dashes or without, as Nameko's callers, NestJS's and others send it.
_UUID = re.compile("[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_FALLBACK_CONTENT_TYPE = "application/json"
_MSGPACK_CONTENT_TYPE = "application/x-msgpack"


class PlainMessage(Channel.Message):  # type: ignore[misc,unused-ignore]
    """A message whose body is never inflated: 16 MB of zeros compress to nothing.

    Kombu decompresses on arrival whatever a header asks for. Pictures do not compress, so no
    caller loses anything; the compressed body is refused as undecodable.
    """

    def __init__(self, msg: Any, channel: Any = None, **kwargs: Any) -> None:
        (msg.properties.get("application_headers") or {}).pop("compression", None)
        super().__init__(msg, channel=channel, **kwargs)


class Request:
    """One call as it came: where to answer, and what was asked once decoded."""

    def __init__(self, message: Any) -> None:
        self.arrived_s = time.perf_counter()
        self.message = message
        self.properties: Mapping[str, Any] = message.properties or {}
        self.reply_to: str | None = _text(self.properties.get("reply_to"))
        self.correlation_id: str | None = _text(self.properties.get("correlation_id"))
        self.routing_key: str = message.delivery_info.get("routing_key", "")
        self.redelivered: bool = bool(message.delivery_info.get("redelivered"))
        # Until Nameko gives it an id.
        self.call = Call(self.correlation_id or "unknown", is_named=False)
        self.size_bytes = len(message.body or b"")
        content_type = _text(message.content_type) or ""
        self.content_type = content_type.partition(";")[0].strip().lower()

    @property
    def method_name(self) -> str:
        """The last part of the routing key, service.method."""
        return self.routing_key.rpartition(".")[2]

    @property
    def delivery_key(self) -> str:
        """What a redelivery of this request shares with it; "" if the caller gave nothing."""
        if not self.reply_to or not self.correlation_id:
            return ""
        return f"{self.reply_to}\0{self.correlation_id}"

    @property
    def is_unique(self) -> bool:
        """Whether no other request has its correlation id: it is no number that somebody counts."""
        return bool(_UUID.fullmatch(self.correlation_id or ""))

    def context_data(self, prefix: str) -> dict[str, Any]:
        """Return Nameko's context data from the headers, without a malformed call stack."""
        data = {
            str(key).removeprefix(prefix + "."): value
            for key, value in (self.message.headers or {}).items()
        }
        stack = data.get(CALL_ID_STACK_CONTEXT_KEY)
        if not isinstance(stack, list) or not all(isinstance(item, str) for item in stack):
            data.pop(CALL_ID_STACK_CONTEXT_KEY, None)
        return data


def decode(
    request: Request, accept: Collection[str], decode_large: Callable[[str, bytes], Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the call's args and kwargs.

    Args:
        accept: names of the serializers allowed, as Nameko's ACCEPT.
        decode_large: decodes a large "json" or "msgpack" body elsewhere; raises ValueError.
    Raises: MalformedRequest saying what is wrong.
    """
    allowed = {kombu.serialization.registry.name_to_type[name] for name in accept}
    if request.content_type not in allowed:
        names = " or ".join(sorted(allowed))
        raise MalformedRequest(f"content type {request.content_type!r} refused; send {names}")
    try:
        body = _decode_body(request, decode_large)
    except ImageServiceError:
        raise
    except Exception as exc:
        # Typed values (dates, UUIDs, decimals) make the decoders raise anything.
        raise MalformedRequest(f"the body is not valid {request.content_type}") from exc
    if not isinstance(body, dict) or not {"args", "kwargs"} <= body.keys():
        raise MalformedRequest("Message missing `args` or `kwargs`")
    args, kwargs = body["args"], body["kwargs"]
    is_call = isinstance(args, (list, tuple)) and isinstance(kwargs, dict)
    if not is_call or not all(isinstance(key, str) for key in kwargs):
        raise MalformedRequest("`args` must be a list and `kwargs` a mapping with text keys")
    return list(args), kwargs


def _decode_body(request: Request, decode_large: Callable[[str, bytes], Any]) -> Any:
    message = request.message
    body = message.body
    if request.content_type == _MSGPACK_CONTENT_TYPE:
        try:
            return _unpack(bytes(body))
        except _TooManyItems:
            return decode_large("msgpack", bytes(body))
    if request.content_type == _FALLBACK_CONTENT_TYPE and request.size_bytes > LARGE_JSON_BYTES:
        return decode_large("json", body.encode() if isinstance(body, str) else bytes(body))
    return kombu.serialization.loads(
        body,
        request.content_type,
        message.content_encoding or "utf-8",
        accept=[request.content_type],
    )


class _TooManyItems(Exception):
    """Raised when decoding a body here would hold up everybody else."""


def _unpack(body: bytes) -> Any:
    """Decode msgpack, but not bodies that spell many thousands of values: a call has a handful.

    One byte can be an empty mapping of 64 bytes of memory. Raises: _TooManyItems.
    """
    left = MAX_ITEMS

    def count(container: Any) -> Any:
        nonlocal left
        left -= 1 + len(container)
        if left < 0:
            raise _TooManyItems
        return container

    limits = {"max_map_len": MAX_ITEMS, "max_array_len": MAX_ITEMS}
    try:
        return msgpack.unpackb(
            body, raw=False, strict_map_key=False, object_hook=count, list_hook=count, **limits
        )
    except ValueError as exc:
        if "exceeds max_" in str(exc):
            raise _TooManyItems from None
        raise


class Reply:
    """An encoded answer, ready to be sent as it is."""

    def __init__(self, request: Request, result: Any, error: BaseException | None) -> None:
        """Encode in the request's own content type, once.

        Raises: whatever the serializer raises on a result that it cannot write.
        """
        self.result, self.error = result, error
        content_type = request.content_type
        name = kombu.serialization.registry.type_to_name.get(content_type)
        if content_type not in (_FALLBACK_CONTENT_TYPE, _MSGPACK_CONTENT_TYPE) or name is None:
            name = "json"
        payload = {"result": result, "error": serialize(error) if error else None}
        encoded = kombu.serialization.dumps(payload, serializer=name)
        self.content_type, self.content_encoding, body = encoded
        self.body: bytes = body.encode() if isinstance(body, str) else body


def encode_reply(
    request: Request,
    result: Any,
    error: BaseException | None,
    *,
    max_bytes: int,
    failure: Callable[[ImageServiceError], Any],
) -> Reply:
    """Return the reply, or one that says why there is none: too large or not serialisable.

    Args:
        failure: makes the result that tells of an error in the called method's own shape.
    """
    try:
        reply = Reply(request, result, error)
    except Exception:  # noqa: BLE001 - serializers raise anything
        _log.exception("the answer of %s cannot be written", request.routing_key)
        return Reply(request, failure(InternalError()), None)
    if len(reply.body) > max_bytes:
        too_large = ReplyTooLarge("max_message_bytes", max_bytes, len(reply.body))
        return Reply(request, failure(too_large), None)
    return reply


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None

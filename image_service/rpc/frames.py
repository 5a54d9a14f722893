"""Message properties that cannot be read cost the message, not the connection.

py-amqp decodes properties while it reads from the socket: text that is no UTF-8 or a date beyond
time would end the consumer, be requeued, and end the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amqp.method_framing import frame_handler
from amqp.serialization import decode_properties_basic

_HEADER_FRAME = 2
_PROPERTIES_OFFSET = 12
_NO_PROPERTIES = b"\0\0"

Frame = tuple[int, int, Any]


def tolerant_frame_handler(connection: Any, callback: Callable[..., None]) -> Callable[..., bool]:
    """Return what py-amqp's own frame_handler returns, for connections that only consume.

    A message with unreadable properties arrives with none: it names nobody to answer to.
    """
    handle = frame_handler(connection, callback)

    def on_frame(frame: Frame) -> bool:
        kind, channel, payload = frame
        if kind == _HEADER_FRAME and not _is_readable(payload):
            frame = (kind, channel, bytes(payload[:_PROPERTIES_OFFSET]) + _NO_PROPERTIES)
        return bool(handle(frame))

    return on_frame


def _is_readable(payload: Any) -> bool:
    try:
        decode_properties_basic(payload, _PROPERTIES_OFFSET)
    except Exception:  # noqa: BLE001 - decoding what anyone may have sent raises anything
        return False
    return True

"""Decoding large RPC messages where it can hold up nobody: in a worker process.

A Node Buffer takes half a second of C code that yields to no other thread; what comes back is
msgpack with the bytes as bytes, which the service reads in a millisecond.
"""

from __future__ import annotations

import contextlib
from typing import Any

import msgpack
from kombu.utils.json import loads

from ..domain.payload import from_node_buffer, is_node_buffer
from ..errors import ImageServiceError

MAX_ITEMS = 100_000
"""How many values a call may spell, whole buffers aside; it has a handful."""


def decode(encoding: str, data: bytes, *, max_bytes: int) -> bytes | None:
    """Return the message as msgpack with Node Buffers as bytes; None if it is no message.

    Args: encoding: "json" or "msgpack"; max_bytes: of a Node Buffer.
    """
    try:
        body = loads(data) if encoding == "json" else _unpack(data)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - kombu's typed values make it raise anything
        return None
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        body = _with_bytes(body, max_bytes)
        if not _has_too_many_items(body):
            packed: bytes = msgpack.packb(body, default=str)
            return packed
    return None


def _unpack(data: bytes) -> Any:
    return msgpack.unpackb(data, raw=False, strict_map_key=False)


def _has_too_many_items(body: Any) -> bool:
    """Tell whether the service would be busy making body again while nobody else is served."""
    seen = 0
    rest: list[Any] = [body]
    while rest and seen <= MAX_ITEMS:
        item = rest.pop()
        if isinstance(item, (dict, list)):
            seen += len(item)
            parts = item.values() if isinstance(item, dict) else item
            if seen <= MAX_ITEMS:
                rest.extend(part for part in parts if isinstance(part, (dict, list)))
    return seen > MAX_ITEMS


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

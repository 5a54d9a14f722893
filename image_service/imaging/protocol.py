"""What service and worker process say to each other over their socket pair.

A frame is a 4-byte and an 8-byte big-endian length, then a msgpack head, then raw bytes.
"""

from __future__ import annotations

import struct
from typing import Any, Protocol

import msgpack

_LENGTHS = struct.Struct("!IQ")
_MAX_HEAD_BYTES = 1024 * 1024
_JOINED_BYTES = 128 * 1024  # copying so much costs less than another system call and wake-up


class Socket(Protocol):
    """As much of a socket as frames need; blocking or green alike."""

    def sendall(self, data: Any, /) -> None:
        """Send all of data."""

    def recv_into(self, buffer: Any, nbytes: int = 0, /) -> int:
        """Receive into buffer; 0 when the other side has closed."""


def send(sock: Socket, head: dict[str, Any], payload: bytes = b"") -> None:
    """Send one frame. Raises: OSError when the other side has gone."""
    packed = msgpack.packb(head)
    start = _LENGTHS.pack(len(packed), len(payload)) + packed
    if len(payload) <= _JOINED_BYTES:
        sock.sendall(start + payload)
        return
    sock.sendall(start)
    sock.sendall(payload)


def receive(sock: Socket, *, max_payload_bytes: int) -> tuple[dict[str, Any], bytes]:
    """Return one frame's head and payload.

    Raises: EOFError when the other side has gone; ValueError when it sends nonsense.
    """
    head_bytes, payload_bytes = _LENGTHS.unpack(_exactly(sock, _LENGTHS.size))
    if head_bytes > _MAX_HEAD_BYTES or payload_bytes > max_payload_bytes:
        raise ValueError("frame too large")
    head = msgpack.unpackb(_exactly(sock, head_bytes))
    return head, bytes(_exactly(sock, payload_bytes)) if payload_bytes else b""


def _exactly(sock: Socket, count: int) -> bytearray:
    buffer = bytearray(count)
    view = memoryview(buffer)
    while view:
        received = sock.recv_into(view)
        if not received:
            raise EOFError
        view = view[received:]
    return buffer

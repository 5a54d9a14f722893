"""What service and worker process say to each other over their socket pair.

A frame is a 4-byte and an 8-byte big-endian length, then a msgpack head, then raw bytes.
"""

from __future__ import annotations

import struct
from socket import MSG_WAITALL
from typing import Any, Protocol

import msgpack

_LENGTHS = struct.Struct("!IQ")
_MAX_HEAD_BYTES = 1024 * 1024
_FIRST_BYTES = 4 * 1024  # mostly all of an answer, and little of a picture
_JOINED_BYTES = 128 * 1024  # copying so much costs less than another system call and wake-up


class Socket(Protocol):
    """As much of a socket as frames need."""

    def sendall(self, data: Any, /) -> None:
        """Send all of data."""

    def recv(self, bufsize: int, flags: int = 0, /) -> bytes:
        """Receive up to bufsize bytes; none when the other side has closed."""


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
    """Return one frame's head and payload. The other side sends no further one before an answer.

    Raises: EOFError when the other side has gone; ValueError when it sends nonsense.
    """
    start = _received(sock, b"", _LENGTHS.size, at_most=_FIRST_BYTES)
    head_bytes, payload_bytes = _LENGTHS.unpack_from(start)
    if head_bytes > _MAX_HEAD_BYTES or payload_bytes > max_payload_bytes:
        raise ValueError("frame too large")
    head_end = _LENGTHS.size + head_bytes
    start = _received(sock, start, head_end)
    payload = _received(sock, start[head_end:], payload_bytes)
    if len(payload) > payload_bytes:
        raise ValueError("more than a frame")
    return msgpack.unpackb(start[_LENGTHS.size : head_end]), payload


def _received(sock: Socket, start: bytes, wanted: int, *, at_most: int = 0) -> bytes:
    """Return start and what follows it: wanted bytes together, or up to at_most if they came."""
    pieces, there = [start] if start else [], len(start)
    # One call for all that is missing, and no copy of it.
    flags = 0 if at_most else MSG_WAITALL
    while there < wanted:
        piece = sock.recv(max(wanted, at_most) - there, flags)
        if not piece:
            raise EOFError
        pieces.append(piece)
        there += len(piece)
    return b"".join(pieces)

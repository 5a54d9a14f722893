"""Reading frames with fewer questions."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest
from amqp.transport import TCPTransport

from image_service.read_ahead import read_ahead

BODY = bytes(100_000)


def frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


class Counted:
    """A socket whose reads are counted."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.reads = 0

    def recv(self, count: int) -> bytes:
        self.reads += 1
        return self._sock.recv(count)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, Counted]]:
    here, there = socket.socketpair()
    with here, there:
        yield here, Counted(there)


def transport_on(sock: Counted) -> Any:
    transport = TCPTransport("localhost")
    transport.sock = sock
    transport._setup_transport()
    return transport


def test_frames_arrive_whole_with_fewer_reads(pair: tuple[socket.socket, Counted]) -> None:
    here, there = pair
    here.sendall(frame(1, b"method") + frame(2, b"header") + frame(3, BODY) + frame(1, b"next"))
    transport = transport_on(there)
    read_ahead(transport)
    frames = [transport.read_frame() for _ in range(4)]
    assert frames == [(1, 1, b"method"), (2, 1, b"header"), (3, 1, BODY), (1, 1, b"next")]
    assert there.reads <= 3
    here.close()
    with pytest.raises(OSError):
        transport.read_frame()


def test_a_frame_that_comes_late_is_waited_for(pair: tuple[socket.socket, Counted]) -> None:
    here, there = pair
    whole = frame(3, b"body")
    here.sendall(whole[:9])
    transport = transport_on(there)
    read_ahead(transport)
    there.settimeout(0.05)
    with pytest.raises(TimeoutError):
        transport.read_frame()
    here.sendall(whole[9:])
    assert transport.read_frame() == (3, 1, b"body")


def test_another_transport_is_left_alone() -> None:
    read_ahead(object())

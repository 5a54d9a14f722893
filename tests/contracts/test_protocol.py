"""What service and worker say to each other, over a real socket pair."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator

import msgpack
import pytest

from image_service import native
from image_service.imaging import protocol

MAX_BYTES = 4 << 20
HEAD = {"do": "analyse"}


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    here, there = native.socket.socketpair()
    with here, there:
        yield here, there


@pytest.mark.parametrize("size", [0, 1, 4000, 128 * 1024, 128 * 1024 + 1, MAX_BYTES])
def test_what_is_sent_arrives(pair: tuple[socket.socket, socket.socket], size: int) -> None:
    here, there = pair
    payload = bytes(range(256)) * (size // 256) + bytes(size % 256)
    sender = native.threading.Thread(target=protocol.send, args=(here, HEAD, payload))
    sender.start()
    assert protocol.receive(there, max_payload_bytes=MAX_BYTES) == (HEAD, payload)
    sender.join()


def test_a_large_head_arrives(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    head = {"exif": "x" * 50_000}
    protocol.send(here, head, b"picture")
    assert protocol.receive(there, max_payload_bytes=7) == (head, b"picture")


def test_a_frame_in_drops_arrives(pair: tuple[socket.socket, socket.socket]) -> None:
    here, there = pair
    packed = msgpack.packb(HEAD)
    frame = struct.pack("!IQ", len(packed), 3) + packed + b"abc"

    def drip() -> None:
        for byte in frame:
            here.send(bytes([byte]))

    sender = native.threading.Thread(target=drip)
    sender.start()
    assert protocol.receive(there, max_payload_bytes=3) == (HEAD, b"abc")
    sender.join()


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack("!IQ", 1, MAX_BYTES + 1),
        struct.pack("!IQ", 2 << 20, 0),
        struct.pack("!IQ", 1, 2) + b"\x80" + b"abc",
        struct.pack("!IQ", 1, 0) + b"\xc1",
    ],
    ids=["payload too large", "head too large", "more than a frame", "no msgpack"],
)
def test_nonsense_is_refused(pair: tuple[socket.socket, socket.socket], sent: bytes) -> None:
    here, there = pair
    here.sendall(sent)
    with pytest.raises(ValueError):
        protocol.receive(there, max_payload_bytes=MAX_BYTES)


@pytest.mark.parametrize("sent", [b"", b"abc", struct.pack("!IQ", 9, 9) + b"a"])
def test_an_end_in_the_middle_is_told(
    pair: tuple[socket.socket, socket.socket], sent: bytes
) -> None:
    here, there = pair
    here.sendall(sent)
    here.close()
    with pytest.raises(EOFError):
        protocol.receive(there, max_payload_bytes=MAX_BYTES)

"""A process accepts at once, or what no other does."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import eventlet
import pytest

from image_service.web import listening

PAUSE_S = 0.2


@pytest.fixture
def shared() -> Iterator[Any]:
    """The socket that a supervisor listens on."""
    sock = eventlet.listen(("127.0.0.1", 0))
    yield sock
    sock.close()


def accepting(sock: Any, name: str) -> Any:
    def run() -> None:
        while True:
            connection, _ = sock.accept()
            connection.sendall(name.encode())
            connection.close()

    return eventlet.spawn(run)


def asked(shared: Any) -> bytes:
    with eventlet.Timeout(5), eventlet.connect(shared.getsockname()) as connection:
        return bytes(connection.recv(100))


def test_it_leaves_connections_to_those_that_have_time(shared: Any) -> None:
    patient = listening.inherited(shared.fileno(), lambda: PAUSE_S)
    waiting = accepting(patient, "patient")
    other = accepting(listening.inherited(shared.fileno(), lambda: 0.0), "other")
    try:
        eventlet.sleep(0.05)
        assert [asked(shared) for _ in range(5)] == [b"other"] * 5
        other.kill()
        assert [asked(shared) for _ in range(2)] == [b"patient"] * 2
        waiting.kill()
    finally:
        patient.close()


def test_it_knows_who_connects_also_over_ipv6() -> None:
    try:
        sock = eventlet.listen(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    patient = listening.inherited(sock.fileno(), lambda: 0.01)
    with eventlet.Timeout(5), socket.create_connection(sock.getsockname()[:2]) as client:
        connection, address = patient.accept()
        assert address[:2] == client.getsockname()[:2]
        connection.close()
    patient.close()
    sock.close()

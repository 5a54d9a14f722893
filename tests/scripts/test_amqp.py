"""The AMQP opening by hand: who answers, who refuses, who is no broker."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from scripts import amqp
from scripts.report import ToolError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _uri(server: socket.socket) -> str:
    return f"pyamqp://guest:guest@127.0.0.1:{server.getsockname()[1]}"


def _answer_with(server: socket.socket, data: bytes) -> None:
    def serve() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(8)
            connection.sendall(data)

    threading.Thread(target=serve, daemon=True).start()


@pytest.mark.parametrize(
    ("uri", "host", "port", "user", "vhost"),
    [
        ("pyamqp://guest:guest@localhost", "localhost", 5672, "guest", "/"),
        ("amqp://localhost//", "localhost", 5672, "guest", "/"),
        ("amqp://me:p%40ss@[::1]:5673/a%2Fb", "::1", 5673, "me", "a/b"),
        ("amqps://me@broker/x", "broker", 5671, "me", "x"),
    ],
)
def test_a_uri_has_the_parts_that_kombu_sees(
    uri: str, host: str, port: int, user: str, vhost: str
) -> None:
    address = amqp.parse_uri(uri)

    assert (address.host, address.port, address.user, address.vhost) == (host, port, user, vhost)


@pytest.mark.parametrize("uri", ["http://localhost", "localhost:5672", "amqp://h:port/", ""])
def test_what_is_no_broker_address_is_a_tool_error(uri: str) -> None:
    with pytest.raises(ToolError, match="AMQP_URI is not a broker's address"):
        amqp.parse_uri(uri)


def test_descriptions_hide_passwords() -> None:
    assert amqp.describe("amqp://me:secret@a/x;amqp://me:secret@b") == "me@a:5672/x, me@b:5672"


def test_a_broker_that_lets_us_in_answers(broker_uri: str) -> None:
    amqp.probe(broker_uri)


def test_one_living_host_of_a_cluster_is_enough(broker_uri: str) -> None:
    amqp.probe(f"pyamqp://guest:guest@localhost:1;{broker_uri}")


def test_a_wrong_password_is_refused_at_once(broker_uri: str) -> None:
    address = amqp.parse_uri(broker_uri)
    uri = f"pyamqp://{address.user}:wrong@{address.host}:{address.port}"

    begun_s = time.monotonic()
    with pytest.raises(amqp.BrokerRefused, match="ACCESS_REFUSED"):
        amqp.probe(uri)

    assert time.monotonic() - begun_s < 5


def test_an_unknown_virtual_host_is_refused(broker_uri: str) -> None:
    with pytest.raises(amqp.BrokerRefused, match=r"NOT_ALLOWED|not found"):
        amqp.probe(f"{broker_uri.rstrip('/')}/no-such-host")


def test_a_closed_port_is_unreachable(listener: socket.socket) -> None:
    uri = _uri(listener)
    listener.close()

    with pytest.raises(amqp.BrokerUnreachable, match=r"(?i)refused"):
        amqp.probe(uri)


def test_a_silent_server_is_given_up_in_time(listener: socket.socket) -> None:
    begun_s = time.monotonic()
    with pytest.raises(amqp.BrokerUnreachable, match="timed out"):
        amqp.probe(_uri(listener), timeout_s=0.3)

    assert time.monotonic() - begun_s < 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak AMQP"),
        (b"AMQP\x00\x01\x00\x00", "another version"),
        (b"", "hung up"),
    ],
)
def test_a_server_of_another_kind_is_unreachable(
    listener: socket.socket, data: bytes, why: str
) -> None:
    _answer_with(listener, data)

    with pytest.raises(amqp.BrokerUnreachable, match=why):
        amqp.probe(_uri(listener))

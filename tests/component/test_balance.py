"""One of two processes has its clients connect to the other when it has too much to do."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path

import eventlet
import pytest

from image_service.dependencies import Core
from image_service.places import PLACE_KEY, Place
from image_service.web import balance
from image_service.web.balance import Load, Loads
from tests.component.harness import Service, wait_until

AT_EASE, PRESSED = Load(0, is_pressed=False), Load(0, is_pressed=True)


@pytest.fixture
def first(make_service: Callable[..., Service], tmp_path: Path) -> Iterator[Service]:
    """The first of two processes, of which the test is the other."""
    sock = eventlet.listen(("localhost", 0))
    place = Place(0, 2, folder=str(tmp_path), listen_fd=sock.fileno())
    port = sock.getsockname()[1]
    yield make_service(port=port, http_max_connections=6, **{PLACE_KEY: place})
    sock.close()


@pytest.fixture
def loads(tmp_path: Path) -> Loads:
    return Loads(tmp_path, 2)


def is_kept(connection: http.client.HTTPConnection) -> bool:
    eventlet.sleep(2 * balance._LOOKS_EVERY_S)
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b'{"status": "ok"}')
    return answer.headers["Connection"] != "close"


def test_one_that_is_pressed_keeps_no_connection_that_the_other_would_take(
    first: Service, loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = first.http()
    assert is_kept(client)
    pressure = first.container.shared_extensions[Core].pressure
    monkeypatch.setattr(pressure, "beat", lambda: None)
    pressure.is_high = True
    loads.tell(1, PRESSED)
    assert is_kept(client)
    loads.tell(1, AT_EASE)
    assert not is_kept(client)
    assert is_kept(client), "the next one only when it has looked again"
    assert loads.of_all()[0] == PRESSED
    pressure.is_high = False
    eventlet.sleep(0.3)
    assert is_kept(client)
    assert loads.of_all()[0] == AT_EASE
    client.close()


def test_one_without_room_for_connections_says_so(first: Service, loads: Loads) -> None:
    clients = [first.http() for _ in range(3)]  # of its share
    try:
        assert all(is_kept(client) for client in clients[:2])
        assert loads.of_all()[0] == AT_EASE
        loads.tell(1, PRESSED)
        assert is_kept(clients[2])
        assert loads.of_all()[0] == PRESSED
        loads.tell(1, AT_EASE)
        assert not is_kept(clients[2])
        wait_until(lambda: is_kept(clients[0]) and loads.of_all()[0] == AT_EASE)
    finally:
        for client in clients:
            client.close()

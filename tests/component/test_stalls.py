"""A process that hardly gets any processor time gives its calls back, and takes none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.component.harness import RawCaller, Service, queue_sizes, wait_until
from tests.component.pictures import picture
from tests.component.test_lanes import Held
from tests.component.test_redelivery import upload_body

STARVED, IN_TIME = (9.0, 0.01), (0.0, 0.01)
CALL = b'{"args": [], "kwargs": {}}'


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(upload_concurrency=2)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(monkeypatch)
    yield held
    held.let_go()


def note(service: Service, how: tuple[float, float]) -> None:
    """Tell the service often enough how it gets on; nobody else does."""
    for _ in range(4):
        service.app.pace.note(*how)


def waiting(service: Service, **counts: int) -> Callable[[], Any]:
    wanted = list(counts.values())
    return lambda: list(queue_sizes(service.uri).values()) == wanted


def test_what_a_process_has_taken_others_can_take_once_it_stands_still(
    service: Service, held: Held, raw: RawCaller
) -> None:
    raw.send(upload_body(picture(), idempotency_key="stalled"), "upload_image")
    wait_until(lambda: held.begun == 1)
    note(service, STARVED)
    wait_until(waiting(service, calls=0, transfers=1))
    raw.send(CALL, "get_storage_info")
    wait_until(waiting(service, calls=1, transfers=1))
    assert service.get("/readyz")[0].status == 503
    assert service.get("/healthz")[0].status == 200

    note(service, IN_TIME)
    wait_until(lambda: held.begun == 2, what="not delivered again")
    assert raw.answer()["result"]["success"]
    held.let_go()
    replies = [raw.answer()["result"] for _ in range(2)]
    # The one that was taken over from comes too late, whichever that is.
    assert {reply["success"] for reply in replies} in ({True}, {True, False})
    assert len(service.stored()) == 1
    wait_until(lambda: service.get("/readyz")[0].status == 200)
    assert service.is_alive


def test_a_process_that_stands_still_can_be_stopped(service: Service) -> None:
    note(service, STARVED)
    wait_until(lambda: not any(service.app.broker.consuming.values()))
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 5

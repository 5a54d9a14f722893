"""The broker goes away, comes back, or never does."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import eventlet
import kombu.pools
import pytest

from image_service.events import EventsProvider
from scripts import broker as brokers
from tests.component.harness import (
    Cable,
    RawCaller,
    Service,
    delete_queues,
    queue_sizes,
    wait_until,
)
from tests.component.pictures import picture
from tests.component.test_lanes import Held
from tests.component.test_redelivery import upload_body


@pytest.fixture
def service(
    broker: brokers.Broker, tmp_path: Any, new_store: Callable[[], dict[str, Any]]
) -> Iterator[Service]:
    delete_queues(broker.uri)
    folder = tmp_path / "uploads"
    running = Service(broker.uri, folder, upload_concurrency=2, **new_store()).start()
    yield running
    running.stop()
    kombu.pools.reset()


def answers(service: Service) -> bool:
    with contextlib.suppress(Exception), service.rpc(timeout=2) as rpc:
        return bool(rpc.health_check()["status"] == "ok")
    return False


def test_a_broker_restart_with_calls_in_flight_is_survived(
    service: Service, broker: brokers.Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    with RawCaller(broker.uri) as raw:
        raw.channel.queue_declare("lasting", durable=True, exclusive=False, auto_delete=False)
        raw.channel.queue_bind("lasting", "nameko-rpc", "lasting")
        for number in range(2):
            raw.send(
                upload_body(picture()), "upload_image", reply_to="lasting",
                correlation_id=str(number), delivery_mode=2,
            )  # fmt: skip
        wait_until(lambda: held.begun == 2)
        broker.stop()
    wait_until(lambda: service.get("/readyz")[0].status == 503)
    assert service.get("/healthz")[0].status == 200
    broker.start()
    wait_until(lambda: held.begun == 4, timeout_s=20, what="not delivered again")
    held.let_go()
    wait_until(lambda: answers(service), timeout_s=20)
    assert service.is_alive
    with RawCaller(broker.uri) as raw:
        got: list[Any] = []
        raw.channel.basic_consume("lasting", callback=got.append, no_ack=True)
        with contextlib.suppress(TimeoutError):
            while len(got) < 4:
                raw._connection.drain_events(timeout=1)
        raw.channel.queue_delete("lasting")
    by_id: dict[str, set[bytes]] = {}
    for message in got:
        by_id.setdefault(message.properties["correlation_id"], set()).add(message.body)
    assert set(by_id) == {"0", "1"}
    assert all(len(bodies) == 1 for bodies in by_id.values()), "answered differently"
    assert all(json.loads(b)["result"]["success"] for bodies in by_id.values() for b in bodies)
    assert len(service.stored()) == 2


@pytest.fixture
def cable(broker_uri: str) -> Iterator[Cable]:
    cable = Cable(broker_uri)
    yield cable
    cable.cut()


@pytest.fixture
def far_service(cable: Cable, make_service: Callable[..., Service]) -> Service:
    return make_service(uri=cable.uri, upload_concurrency=2)


def assert_stops_soon(service: Service) -> None:
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 5


def test_a_connection_that_waits_for_messages_is_woken_for_the_stop(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.rpc.connections._WAKE_INTERVAL_S", 60)
    service = make_service(HEARTBEAT=0)
    assert answers(service)
    assert_stops_soon(service)


def test_a_broker_that_is_down_does_not_hold_up_the_stop(
    far_service: Service, cable: Cable
) -> None:
    assert answers(far_service)
    cable.cut()
    wait_until(lambda: not any(far_service.app.broker.consuming.values()))
    assert_stops_soon(far_service)


def test_a_stop_ends_a_start_that_waits_for_the_broker(
    broker_uri: str, cable: Cable, tmp_path: Path, new_store: Callable[[], dict[str, Any]]
) -> None:
    cable.is_stalled = True
    service = Service(cable.uri, tmp_path / "uploads", **new_store())
    starting = eventlet.spawn(service.start)
    wait_until(lambda: cable.is_used)
    assert_stops_soon(service)
    with eventlet.Timeout(5):
        starting.wait()


def test_a_broker_lost_during_the_stop_does_not_hold_it_up(
    far_service: Service, cable: Cable
) -> None:
    eventlet.spawn_after(0.05, cable.cut)
    assert_stops_soon(far_service)


def test_a_broker_that_hangs_does_not_hold_up_the_stop(
    far_service: Service, cable: Cable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.rpc.connections._CANCEL_TIMEOUT_S", 1)
    assert answers(far_service)
    cable.is_stalled = True
    started = time.monotonic()
    far_service.stop()
    assert time.monotonic() - started < 5


def test_a_call_in_flight_when_the_broker_is_lost_does_not_hold_up_the_stop(
    far_service: Service, cable: Cable, raw: RawCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = Held(monkeypatch)
    raw.send(upload_body(picture()), "upload_image")
    wait_until(lambda: held.begun)
    cable.cut()
    eventlet.spawn_after(0.3, held.let_go)
    started = time.monotonic()
    far_service.stop()
    assert time.monotonic() - started < 10
    assert len(far_service.stored()) == 1


def test_a_slow_broker_makes_calls_slow_and_nothing_else(
    far_service: Service, cable: Cable, raw: RawCaller
) -> None:
    cable.delay_s = 0.2
    for number in range(4):
        raw.send(
            upload_body(picture(size=(40, 30 + number))), "upload_image", correlation_id=str(number)
        )
    replies = [raw.answer()["result"] for _ in range(4)]
    assert all(reply["success"] for reply in replies), replies
    assert far_service.get("/readyz")[0].status == 200
    assert sorted(reply["imageId"] for reply in replies) == sorted(
        name.partition(".")[0] for name in far_service.stored()
    )


def test_calls_of_a_host_that_is_gone_without_a_word_go_to_another(
    make_service: Callable[..., Service],
    cable: Cable,
    raw: RawCaller,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("image_service.rpc.connections._CANCEL_TIMEOUT_S", 1)
    folders = (tmp_path / "one", tmp_path / "other")
    far, near = (
        make_service(uri=uri, upload_dir=folder, HEARTBEAT=1, max_workers=8, upload_concurrency=2)
        for uri, folder in zip((cable.uri, raw.uri), folders, strict=True)
    )
    cable.is_stalled = True
    asked = {raw.send(b'{"args": [], "kwargs": {}}', "get_storage_info") for _ in range(12)}
    started = time.monotonic()
    told = {raw.receive().properties["correlation_id"] for _ in asked}
    assert told == asked
    # Three heartbeats; by default it takes fifteen seconds, by Nameko's own three minutes.
    assert time.monotonic() - started < 15
    assert near.app.meters.rpc_requests.value(("get_storage_info", "ok")) == 12
    cable.is_stalled = False
    assert far.is_alive


def test_a_broker_that_pauses_is_waited_for(
    far_service: Service, cable: Cable, raw: RawCaller
) -> None:
    assert answers(far_service)
    cable.is_stalled = True
    raw.send(upload_body(picture()), "upload_image")
    raw.expect_silence(2)
    assert far_service.get("/healthz")[0].status == 200
    cable.is_stalled = False
    assert raw.answer()["result"]["success"]
    assert len(far_service.stored()) == 1


def test_a_broker_that_comes_back_during_the_stop_does_not_hold_it_up(
    service: Service, broker: brokers.Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.stop()
    wait_until(lambda: not any(service.app.broker.consuming.values()))
    stop_events = EventsProvider.stop

    def stop_after_it_is_back(provider: EventsProvider) -> None:
        broker.start()
        _send_upload(broker.uri)
        wait_until(lambda: all(service.app.broker.consuming.values()), timeout_s=30)
        stop_events(provider)

    monkeypatch.setattr(EventsProvider, "stop", stop_after_it_is_back)
    with eventlet.Timeout(60):
        service.stop()
    # Nobody is there any more who would answer: the call waits for whoever starts next.
    assert queue_sizes(broker.uri)["rpc-image_service.transfers"] == 1


def _send_upload(uri: str) -> None:
    with RawCaller(uri) as raw:
        raw.send(upload_body(picture()), "upload_image", delivery_mode=2)

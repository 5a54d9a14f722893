"""Light calls never wait behind heavy ones."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import kombu
import pytest

from image_service import native
from image_service.imaging.engine import PooledEngine
from image_service.places import PLACE_KEY, Place
from image_service.rpc.connections import LaneConnection
from tests.component.harness import (
    EXCHANGE,
    QUEUES,
    RawCaller,
    Service,
    delete_queues,
    wait_until,
)
from tests.component.pictures import picture, slow_to_decode

UPLOADS = 3


class Held:
    """Keeps every upload in its slot until let go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self._gate = native.threading.Event()  # uploads are worked on in native threads
        analyse = PooledEngine.analyse

        def wait(*arguments: Any) -> Any:
            self.begun += 1
            self._gate.wait()
            return analyse(*arguments)

        monkeypatch.setattr(PooledEngine, "analyse", wait)

    def let_go(self) -> None:
        self._gate.set()


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(upload_concurrency=UPLOADS, max_workers=UPLOADS + 5)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(monkeypatch)
    yield held
    held.let_go()


def upload_in_background(service: Service, data: bytes, count: int) -> list[Any]:
    def upload() -> dict[str, Any]:
        with service.rpc(timeout=60) as rpc:
            reply: dict[str, Any] = rpc.upload_image(file=data, filename="a.png")
            return reply

    return [eventlet.spawn(upload) for _ in range(count)]


def test_light_calls_answer_while_every_upload_slot_is_busy(service: Service, held: Held) -> None:
    image_id = "img_1700000000000_0123456789abcdef"
    uploads = upload_in_background(service, picture(), UPLOADS * 3)
    wait_until(lambda: held.begun == UPLOADS)
    times = []
    with service.rpc(timeout=5) as rpc:
        for _ in range(10):
            for call in (rpc.health_check, rpc.list_images, rpc.get_storage_info):
                started = time.monotonic()
                assert call()["success"]
                times.append(time.monotonic() - started)
            assert rpc.get_image(image_id)["error"]["code"] == "image_not_found"
    assert service.get("/healthz")[0].status == 200
    assert max(times) < 1
    assert held.begun == UPLOADS, "more uploads at once than the setting allows"
    held.let_go()
    assert all(upload.wait()["success"] for upload in uploads)


def test_light_calls_that_wait_for_a_worker_hold_up_no_others(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(max_workers=40)
    gate = native.threading.Event()
    decode = PooledEngine.decode_message

    def wait(*arguments: Any) -> Any:
        gate.wait()
        return decode(*arguments)

    monkeypatch.setattr(PooledEngine, "decode_message", wait)

    def ask_at_length() -> Any:
        with service.rpc(timeout=60, serializer="json") as rpc:
            return rpc.get_image("x" * 70_000)

    waiting = [eventlet.spawn(ask_at_length) for _ in range(30)]
    eventlet.sleep(1)
    try:
        with service.rpc(timeout=5) as rpc:
            assert rpc.health_check()["status"] == "ok"
            assert rpc.list_images()["success"]
    finally:
        gate.set()
    assert {each.wait()["error"]["code"] for each in waiting} == {"invalid_image_id"}


def lanes_of(service: Service) -> dict[str, Any]:
    return {e.lane_name: e for e in service.container.extensions if hasattr(e, "lane_name")}


def consumers_of(service: Service) -> list[Any]:
    lanes = lanes_of(service)
    of_both = [lanes[name]._consumers.values() for name in ("calls", "transfers")]
    return [one for of_lane in of_both for of_queue in of_lane for one in of_queue]


def test_each_lane_has_its_queue_its_connection_and_its_prefetch(service: Service) -> None:
    lanes = lanes_of(service)
    assert {name: lane.prefetch_count for name, lane in lanes.items()} == {
        "calls": 5, "transfers": UPLOADS,
    }  # fmt: skip
    consumers = consumers_of(service)
    assert len({id(one.channel.connection) for one in consumers}) == 2
    taken = [(queue.name, queue.consumer_arguments) for one in consumers for queue in one.queues]
    # Another process that has nothing to do comes before what would wait in this one.
    both_shares = (None, {"x-priority": -1000})
    assert taken == [(queue, share) for queue in QUEUES for share in both_shares]
    assert service.app.broker.consuming == {"calls": True, "transfers": True}


def test_the_second_process_on_two_cores_is_left_calls_but_no_pictures(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.places.core_count", lambda: 2)
    service = make_service(upload_concurrency=8, **{PLACE_KEY: Place(1, 2)})
    queues = [queue for one in consumers_of(service) for queue in one.queues]
    priorities = [queue.consumer_arguments["x-priority"] for queue in queues]
    # Calls: after the first's one, before what would wait in it. Pictures: when that is full.
    assert priorities == [-1, -1000, -2001, -3000]


def test_uploads_never_take_all_workers(make_service: Callable[..., Service]) -> None:
    lanes = lanes_of(make_service(upload_concurrency=16, max_workers=4))
    assert lanes["transfers"].prefetch_count == 3
    assert lanes["calls"].prefetch_count >= 1


def test_whoever_has_a_reply_finds_its_place_free(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    acknowledge = LaneConnection.ack_message
    acknowledged = []

    def late(self: LaneConnection, message: Any) -> None:
        eventlet.sleep(0.05)  # as others run after the reply was sent
        acknowledge(self, message)
        acknowledged.append(message)

    monkeypatch.setattr(LaneConnection, "ack_message", late)
    with service.rpc() as rpc:
        for count in range(1, 4):
            assert rpc.get_storage_info()["success"]
            assert len(acknowledged) == count


def test_only_transfers_go_to_the_transfers_queue(broker_uri: str, make_service: Any) -> None:
    make_service().stop()
    with RawCaller(broker_uri) as raw, kombu.Connection(broker_uri) as connection:
        for method in ("upload_image", "get_image", "health_check", "list_images", "sweep"):
            raw.send(b"{}", method)
        channel = connection.default_channel

        def counts() -> tuple[int, ...]:
            return tuple(channel.queue_declare(q, passive=True).message_count for q in QUEUES)

        wait_until(lambda: counts() == (3, 1))
    delete_queues(broker_uri)


def test_the_wildcard_of_a_stock_service_is_taken_back(
    make_service: Callable[..., Service], broker_uri: str
) -> None:
    delete_queues(broker_uri)
    with kombu.Connection(broker_uri) as connection:
        channel = connection.default_channel
        channel.exchange_declare(EXCHANGE, "topic", durable=True, auto_delete=False)
        channel.queue_declare(QUEUES[0], durable=True, auto_delete=False)
        channel.queue_bind(QUEUES[0], EXCHANGE, "image_service.*")
    service = make_service()
    with RawCaller(broker_uri) as raw:
        assert raw.call("upload_image", {"type": "Buffer", "data": list(picture())}, "a.png")[
            "success"
        ]
        raw.expect_silence()  # with the wildcard the other lane would answer MethodNotFound
    assert service.upload(picture())


def test_a_hostile_picture_never_stalls_health(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(image_workers=1, worker_timeout_s=1)
    hostile = slow_to_decode(240)
    uploads = upload_in_background(service, hostile, 4)
    times = []
    with service.rpc(timeout=10) as rpc:
        while not all(upload.dead for upload in uploads) and len(times) < 500:
            started = time.monotonic()
            reply = rpc.health_check()
            times.append(time.monotonic() - started)
            assert reply["status"] == "ok", reply
            eventlet.sleep(0.02)
    assert len(times) > 20, "the picture was not slow"
    assert sorted(times)[int(len(times) * 0.99)] < 1
    for upload in uploads:
        reply = upload.wait()
        assert reply["success"] or reply["error"]["code"] in ("corrupt_image", "busy")
    assert service.upload(picture())


def test_a_worker_that_dies_costs_one_picture_at_most(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(image_workers=1)
    for _ in range(3):
        (pid,) = service.app.worker_pids()
        os.kill(pid, signal.SIGKILL)
        assert service.upload(picture())  # given to another worker
    assert threading.active_count() < 100


def test_a_worker_that_dies_at_work_is_logged(
    make_service: Callable[..., Service], caplog: pytest.LogCaptureFixture
) -> None:
    service = make_service(image_workers=1)
    assert service.upload(picture())
    (pid,) = service.app.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    (upload,) = upload_in_background(service, picture(), 1)
    eventlet.sleep(0.3)
    os.kill(pid, signal.SIGKILL)
    assert upload.wait()["success"]
    assert f"image worker {pid} died at work and was replaced" in caplog.text


def test_only_the_consumer_reads_from_its_connection(
    make_service: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two green threads that read from one socket take each other's frames, and both wait."""
    import amqp

    drain, readers = amqp.Connection.drain_events, {}

    def noted(connection: Any, timeout: float | None = None) -> Any:
        readers.setdefault(id(connection), set()).add(id(eventlet.getcurrent()))
        return drain(connection, timeout)

    monkeypatch.setattr(amqp.Connection, "drain_events", noted)
    service = make_service()
    for _ in range(5):
        assert service.upload(picture())
        with service.rpc() as rpc:
            assert rpc.health_check()["success"]
    assert len(readers) >= 2
    assert [len(each) for each in readers.values()] == [1] * len(readers)

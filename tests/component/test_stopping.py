"""Stopping and losing connections: what was taken is carried out once and answered alike."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Callable, Iterator

import eventlet
import pytest

from tests.component.harness import QUEUES, RawCaller, Service, queue_sizes, wait_until
from tests.component.pictures import padded, picture
from tests.component.sight import Lines
from tests.component.test_lanes import Held

UPLOADS = 4


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(upload_concurrency=UPLOADS)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    held = Held(monkeypatch)
    yield held
    held.let_go()


def send_upload(raw: RawCaller, data: bytes) -> str:
    file = {"type": "Buffer", "data": list(data)}
    return raw.send(json.dumps({"args": [file, "a.png"], "kwargs": {}}).encode(), "upload_image")


def test_calls_in_flight_are_carried_out_and_answered_once(
    service: Service, held: Held, raw: RawCaller, make_service: Callable[..., Service],
    broker_uri: str,
) -> None:  # fmt: skip
    sent = [send_upload(raw, picture()) for _ in range(UPLOADS + 3)]
    wait_until(lambda: held.begun == UPLOADS)
    stopping = eventlet.spawn(service.stop)
    eventlet.sleep(0.4)
    assert not stopping.dead, "stopped with calls in flight"
    held.let_go()
    stopping.wait()
    answers = [raw.receive() for _ in range(UPLOADS)]
    raw.expect_silence(0.2)
    assert all(json.loads(a.body)["result"]["success"] for a in answers)
    answered = {a.properties["correlation_id"] for a in answers}
    assert len(answered) == UPLOADS
    assert queue_sizes(broker_uri) == {QUEUES[0]: 0, QUEUES[1]: 3}  # never taken: for the next
    assert len(service.stored()) == UPLOADS
    successor = make_service()
    rest = {raw.receive().properties["correlation_id"] for _ in range(3)}
    assert answered | rest == set(sent)
    raw.expect_silence(0.2)
    assert len(successor.stored()) == len(sent)


def test_light_calls_are_answered_until_the_end(service: Service) -> None:
    replies: list[bool] = []

    def call() -> None:
        with contextlib.suppress(Exception), service.rpc(timeout=2) as rpc:
            while True:
                replies.append(rpc.get_storage_info()["success"])

    callers = [eventlet.spawn(call) for _ in range(5)]
    wait_until(lambda: len(replies) > 20)
    service.stop()
    assert all(replies)
    for caller in callers:
        caller.kill()


def test_an_idle_service_stops_at_once(service: Service) -> None:
    service.upload(picture())
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 2
    assert not service.app.worker_pids()
    with pytest.raises(OSError):
        socket.create_connection(("localhost", service.port), timeout=1).close()


def test_a_call_that_never_ends_holds_up_the_stop_for_its_timeout_only(
    make_service: Callable[..., Service], raw: RawCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(shutdown_timeout_s=0.5)
    held = Held(monkeypatch)
    send_upload(raw, picture())
    wait_until(lambda: held.begun)
    started = time.monotonic()
    stopping = eventlet.spawn(service.stop)
    eventlet.sleep(1.5)
    is_stopped = stopping.dead
    held.let_go()
    stopping.wait()
    assert is_stopped, "still waiting after shutdown_timeout_s"
    assert time.monotonic() - started < 5


def test_a_body_in_flight_is_sent_to_its_end(service: Service) -> None:
    data = padded(8_000_000)
    path = f"/images/{service.upload(data)['imageId']}"
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.settimeout(10)
        sock.connect(("localhost", service.port))
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        received = [sock.recv(1000)]
        stopping = eventlet.spawn(service.stop)
        eventlet.sleep(0.3)
        assert not stopping.dead
        while chunk := sock.recv(1 << 16):
            received.append(chunk)
        stopping.wait()
    assert b"".join(received).endswith(data)


def test_an_idle_kept_connection_does_not_hold_up_the_stop(service: Service) -> None:
    connection = service.http()
    connection.request("GET", "/healthz")
    connection.getresponse().read()
    started = time.monotonic()
    service.stop()
    assert time.monotonic() - started < 2
    assert connection.sock.recv(1) == b"", "left hanging"
    connection.close()


def test_what_was_stored_is_there_after_a_restart(
    service: Service, make_service: Callable[..., Service]
) -> None:
    first = service.upload(picture(), "a.png", tags=["kept"], idempotency_key="k")
    service.stop()
    again = make_service()
    with again.rpc() as rpc:
        reply = rpc.get_image(first["imageId"])
        assert reply["metadata"] == first["metadata"]
        assert rpc.list_images()["total"] == 1
    assert again.get(f"/images/{first['imageId']}")[0].status == 200


def test_a_call_requeued_by_a_lost_connection_is_carried_out_once(
    service: Service, held: Held, raw: RawCaller, lines: Lines
) -> None:
    send_upload(raw, picture())
    wait_until(lambda: held.begun == 1)
    for extension in service.container.extensions:
        for consumers in getattr(extension, "_consumers", {}).values():
            consumers[0].channel.connection.transport.sock.shutdown(2)
    wait_until(lambda: held.begun == 2, what="it was not delivered again")
    held.let_go()
    answers = [raw.answer(), raw.answer()]
    assert answers[0] == answers[1]
    assert answers[0]["result"]["success"]
    assert len(service.stored()) == 1
    wait_until(lambda: len(lines.of(method="upload_image", code="ok")) == 2)
    assert len(lines.of(method="upload_image", redelivered=True)) == 1


def test_stopping_twice_is_fine(service: Service) -> None:
    service.stop()
    service.container.stop()

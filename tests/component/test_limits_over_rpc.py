"""Limits and failures that need a service of their own settings."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import eventlet
import msgpack
import pytest

from tests.component.harness import JSON, MSGPACK, RawCaller
from tests.component.pictures import noise, padded, picture
from tests.component.test_contract_over_rpc import assert_failed

PHOTO = picture("jpg", (80, 60))
ARGUMENTS = {"file": PHOTO, "filename": "a.jpg"}


def test_an_upload_of_exactly_the_limit_is_stored_and_one_byte_more_is_not(
    make_service: Any,
) -> None:
    service = make_service(max_upload_bytes=200_000, max_message_bytes=400_000)
    with service.rpc() as rpc:
        assert rpc.upload_image(file=padded(200_000), filename="a.png")["success"]
        reply = rpc.upload_image(file=padded(200_001), filename="a.png")
    assert_failed(reply, "image_too_large")
    error = reply["error"]
    assert (error["setting"], error["limit"], error["actual"]) == (
        "max_upload_bytes", 200_000, 200_001,
    )  # fmt: skip


@pytest.mark.parametrize("serializer", ["msgpack", "json"])
def test_a_message_over_the_limit_is_refused_by_name(make_service: Any, serializer: str) -> None:
    service = make_service(max_upload_bytes=100_000, max_message_bytes=150_000)
    with service.rpc(serializer=serializer) as rpc:
        reply = rpc.upload_image(file=noise(300), filename="a.png")
        assert_failed(reply, "image_too_large")
        error = reply["error"]
        assert (error["setting"], error["limit"]) == ("max_message_bytes", 150_000)
        assert error["actual"] > 150_000
        assert (reply["imageId"], reply["metadata"]) == ("", None)
        assert_failed(rpc.get_image("x" * 200_000), "image_too_large")
        assert rpc.health_check()["success"]


def test_a_full_queue_of_pictures_answers_busy(make_service: Any) -> None:
    service = make_service(worker_queue=0, upload_concurrency=1)
    pool = service.app._pool
    taken = pool.acquire()  # the only worker is at something else
    try:
        with service.rpc() as rpc:
            reply = rpc.upload_image(**ARGUMENTS)
    finally:
        pool.release(taken)
    assert_failed(reply, "busy", retryable=True)
    assert service.upload(PHOTO, "a.jpg")


def test_an_answer_that_the_broker_refuses_is_told_instead_of_coming_again(
    make_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(max_message_bytes=64 << 20)
    image_id = service.upload(PHOTO, "a.jpg")["imageId"]
    get = service.app.manager.get
    huge = "x" * (17 << 20)  # RabbitMQ takes 16 MiB
    monkeypatch.setattr(
        service.app.manager, "get", lambda ref: dataclasses.replace(get(ref), filename=huge)
    )
    with service.rpc() as rpc:
        reply = rpc.get_image(image_id)
        assert_failed(reply, "reply_too_large")
        assert reply["error"]["limit"] == 16 << 20
        assert reply["error"]["actual"] > 17 << 20
        assert rpc.health_check()["status"] == "ok"


def test_an_unexpected_failure_is_an_internal_error_without_a_trace(
    make_service: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("secret /etc/path")

    monkeypatch.setattr(service.app.manager, "get", fail)
    with service.rpc() as rpc:
        reply = rpc.get_image("img_1700000000000_0123456789abcdef")
    assert_failed(reply, "internal_error", retryable=True)
    assert "secret" not in json.dumps(reply)


@pytest.mark.parametrize(
    ("method", "argument"),
    [
        ("get_image", [1] * 3_000_000),
        ("get_image", {str(n): n for n in range(300_000)}),
        ("upload_image", [1] * 15_000_000),
        ("upload_image", [[]] * 2_000_000),
    ],
    ids=["a long list", "a wide mapping", "a list for a picture", "lists for a picture"],
)
@pytest.mark.parametrize("serializer", ["msgpack", "json"])
def test_no_call_holds_up_the_others_however_it_is_spelt(
    make_service: Any, method: str, argument: Any, serializer: str
) -> None:
    if serializer == "json" and len(argument) > 5_000_000:
        argument = argument[:5_000_000]
    service = make_service(worker_timeout_s=20)
    lateness: list[float] = []
    done = False

    def tick() -> None:
        while not done:
            before = time.monotonic()
            eventlet.sleep(0.005)
            lateness.append(time.monotonic() - before - 0.005)

    arguments = [argument] if method == "get_image" else [argument, "a.jpg"]
    with RawCaller(service.uri) as raw:
        body, kind = encoded_call(arguments, serializer)
        ticker = eventlet.spawn(tick)
        raw.send(body, method, content_type=kind)
        reply = raw.answer()
        done = True
        ticker.wait()
    error = reply["error"] or reply["result"]["error"]
    assert error.get("code", error.get("exc_type")) in (
        "image_too_large", "invalid_argument", "invalid_image_id", "MalformedRequest",
    )  # fmt: skip
    assert max(lateness) < 0.5


def encoded_call(arguments: list[Any], serializer: str) -> tuple[bytes, str]:
    call = {"args": arguments, "kwargs": {}}
    if serializer == "msgpack":
        return msgpack.packb(call), MSGPACK
    return json.dumps(call, separators=(",", ":")).encode(), JSON


def test_a_mapping_of_numbered_keys_is_an_invalid_argument(make_service: Any) -> None:
    service = make_service()
    with service.rpc() as rpc:
        reply = rpc.upload_image(PHOTO, "a.jpg", attributes={1: "x"})
    assert_failed(reply, "invalid_argument")
    assert reply["error"]["argument"] == "attributes"

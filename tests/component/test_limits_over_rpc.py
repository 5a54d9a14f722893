"""Limits and failures that need a service of their own settings."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

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

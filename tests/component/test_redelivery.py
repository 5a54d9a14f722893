"""The same request twice is carried out once and answered alike both times."""

from __future__ import annotations

import json
import uuid
from typing import Any

import eventlet
import pytest

from tests.component.harness import RawCaller, Service, wait_until
from tests.component.pictures import picture
from tests.component.test_lanes import Held


def upload_body(data: bytes, **more: Any) -> bytes:
    file = {"type": "Buffer", "data": list(data)}
    return json.dumps({"args": [file, "a.png"], "kwargs": more}).encode()


def test_the_same_upload_twice_makes_one_image(service: Service, raw: RawCaller) -> None:
    before, body = len(service.stored()), upload_body(picture())
    for _ in range(3):
        raw.send(body, "upload_image", correlation_id="once")
    answers = [raw.answer() for _ in range(3)]
    assert answers[0]["result"]["success"]
    assert answers[1] == answers[0]
    assert answers[2] == answers[0]
    assert len(service.stored()) == before + 1


def test_the_same_upload_after_the_first_was_answered_makes_one_image(
    service: Service, raw: RawCaller
) -> None:
    before, body = len(service.stored()), upload_body(picture(), idempotency_key="with a key")
    answers = []
    for _ in range(2):
        raw.send(body, "upload_image", correlation_id="twice")
        answers.append(raw.answer())
    assert answers[0] == answers[1]
    assert answers[0]["result"]["success"]
    assert len(service.stored()) == before + 1


def test_an_upload_that_arrives_late_makes_no_second_image(
    service: Service, raw: RawCaller
) -> None:
    """Not marked as redelivered: at a host that hung, after another one has carried it out."""
    before, body = len(service.stored()), upload_body(picture())
    answers, correlation_id = [], uuid.uuid4().hex
    for _ in range(2):
        raw.send(body, "upload_image", correlation_id=correlation_id)
        answers.append(raw.answer())
    assert answers[0] == answers[1]
    assert len(service.stored()) == before + 1


def test_the_same_deletion_twice_answers_as_the_first_did(
    service: Service, raw: RawCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = service.upload(picture())["imageId"]
    body = json.dumps({"args": [image_id], "kwargs": {}}).encode()
    now_ms = service.app.clock.now_ms()
    # One that arrives after the first began, unmarked, is a call of its own: both come at once.
    with monkeypatch.context() as patched:
        patched.setattr(service.app.clock, "now_ms", lambda: now_ms)
        for _ in range(2):
            raw.send(body, "delete_image", correlation_id="gone")
        first, second = raw.answer(), raw.answer()
    assert first["result"]["success"]
    assert second == first
    raw.send(body, "delete_image", correlation_id="another call")
    assert raw.answer()["result"]["error"]["code"] == "image_not_found"


def test_the_same_update_twice_leaves_what_another_one_changed_between_them(
    service: Service, raw: RawCaller
) -> None:
    """A host that hung comes to itself, and to a call that another one has answered long ago."""
    image_id = service.upload(picture())["imageId"]
    correlation_ids = {tag: str(uuid.uuid4()) for tag in "12"}

    def update(tag: str) -> dict[str, Any]:
        body = json.dumps({"args": [image_id], "kwargs": {"tags": [tag]}}).encode()
        raw.send(body, "update_image", correlation_id=correlation_ids[tag])
        result: dict[str, Any] = raw.answer()["result"]
        return result

    first, _, again = update("1"), update("2"), update("1")
    assert first["success"]
    assert again == first
    with service.rpc() as rpc:
        assert rpc.get_image(image_id)["metadata"]["tags"] == ["2"]


def test_one_correlation_id_for_everything_mixes_nothing_up(
    service: Service, raw: RawCaller
) -> None:
    """Some clients count from one at each start, or send always the same."""

    def call(method: str, body: bytes) -> dict[str, Any]:
        raw.send(body, method, correlation_id="1")
        result: dict[str, Any] = raw.answer()["result"]
        return result

    first, second = (call("upload_image", upload_body(picture())) for _ in range(2))
    assert first["imageId"] != second["imageId"]
    for reply in (second, first):
        deleted = call(
            "delete_image", json.dumps({"args": [reply["imageId"]], "kwargs": {}}).encode()
        )
        assert (deleted["success"], deleted["imageId"]) == (True, reply["imageId"])
        assert not any(reply["imageId"] in name for name in service.stored())
    third = call("upload_image", upload_body(picture()))
    assert service.get(f"/images/{third['imageId']}")[0].status == 200


def test_requests_without_correlation_id_are_all_different(
    service: Service, raw: RawCaller
) -> None:
    body = upload_body(picture())
    ids = set()
    for _ in range(2):
        raw.send(body, "upload_image", correlation_id=None)
        ids.add(raw.answer()["result"]["imageId"])
    assert len(ids) == 2


def test_the_same_key_in_flight_is_busy(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    held, data = Held(monkeypatch), picture()

    def upload() -> dict[str, Any]:
        with service.rpc() as rpc:
            reply: dict[str, Any] = rpc.upload_image(file=data, filename="a", idempotency_key="b")
            return reply

    first = eventlet.spawn(upload)
    wait_until(lambda: held.begun)
    reply = upload()
    assert (reply["error"]["code"], reply["error"]["retryable"]) == ("busy", True)
    held.let_go()
    assert first.wait()["success"]
    assert upload() == first.wait()

"""What other services are told of images, over a real broker."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import kombu
import pytest
from nameko.standalone.events import get_event_exchange

from scripts.broker import Broker
from tests.component.events import TYPES, Ear, ear, once
from tests.component.harness import Service, wait_until
from tests.component.pictures import picture
from tests.component.sight import Lines, read

DATA = picture("png", (40, 30))


@pytest.fixture
def heard(broker_uri: str) -> Iterator[Ear]:
    with ear(broker_uri) as made:
        yield made


def test_every_change_is_told_with_the_metadata_of_then(
    make_service: Callable[..., Service], heard: Ear
) -> None:
    service = make_service(trash_retention_days=1)
    with service.rpc() as rpc:
        reply = rpc.upload_image(DATA, "a.png", tags=["x"])
        image_id = reply["imageId"]
        updated = rpc.update_image(image_id, filename="b.png")
        rpc.delete_image(image_id)
        rpc.restore_image(image_id)
        rpc.delete_image(image_id, permanent=True)
    events = heard.hear(5)
    assert [event["eventType"] for event in events] == [
        "image_uploaded", "image_updated", "image_deleted", "image_restored", "image_deleted",
    ]  # fmt: skip
    assert [event.get("permanent") for event in events] == [None, None, False, None, True]
    assert {event["imageId"] for event in events} == {image_id}
    assert events[0].items() >= reply["metadata"].items()
    assert events[0]["url"] == reply["url"]
    for event in events[1:]:
        assert event.items() >= updated["metadata"].items()
    times = [event["occurredAt"] for event in events]
    assert times == sorted(times)
    assert reply["metadata"]["createdAt"] <= times[0]


def test_messages_are_as_namekos_with_the_call_that_caused_them(
    make_service: Callable[..., Service], heard: Ear, lines: Lines
) -> None:
    service = make_service()
    service.upload(DATA)
    (event,) = heard.hear(1)
    (message,) = heard.messages
    properties = message.properties
    assert message.delivery_info["exchange"] == "image_service.events"
    assert message.delivery_info["routing_key"] == "image_uploaded"
    assert properties["content_type"] == "application/json"
    assert properties["content_encoding"] == "utf-8"
    assert properties["delivery_mode"] == 2
    assert properties["message_id"] == event["eventId"]
    assert properties["type"] == "image_uploaded"
    (line,) = lines.of(logger="image_service.access")
    assert properties["correlation_id"] == line["call_id"]
    assert message.headers["nameko.call_id_stack"] == [line["call_id"]]


def test_failures_and_repeated_requests_are_not_told(
    make_service: Callable[..., Service], heard: Ear
) -> None:
    service = make_service()
    with service.rpc() as rpc:
        assert not rpc.upload_image(b"no picture", "a.png")["success"]
        for _ in range(2):
            image_id = rpc.upload_image(DATA, "a.png", idempotency_key="k")["imageId"]
        rpc.update_image(image_id, filename="a.png")
        assert not rpc.delete_image("img_1700000000000_0123456789abcdef")["success"]
        rpc.delete_image(image_id)
    service.stop()
    told = [(event["eventType"], event["imageId"]) for event in heard.listen()]
    assert told == [("image_uploaded", image_id), ("image_deleted", image_id)]


def test_what_comes_by_http_is_told_by_the_requests_id(
    make_service: Callable[..., Service], heard: Ear
) -> None:
    service = make_service()
    image_id = service.upload(DATA)["imageId"]
    answer, _ = service.get(f"/api/images/{image_id}", {"X-Request-Id": "shop-7"}, "DELETE")
    assert answer.status == 200
    assert heard.hear(2)[1]["eventType"] == "image_deleted"
    assert heard.messages[1].properties["correlation_id"] == "shop-7"


def test_without_events_nothing_is_told_or_written(
    make_service: Callable[..., Service], heard: Ear
) -> None:
    service = make_service(events=False)
    service.upload(DATA)
    with service.rpc() as rpc:
        assert rpc.health_check()["events"] is None
    service.stop()
    assert heard.listen() == []


def test_what_waits_is_seen_and_told_in_order_when_the_broker_is_back(
    make_service: Callable[..., Service], broker: Broker, lines: Lines
) -> None:
    with ear(broker.uri) as heard:
        service = make_service(uri=broker.uri)
        first = service.upload(DATA)["imageId"]
        heard.hear(1)
        broker.stop()
        wait_until(lambda: read(service)("broker_up", lane="calls") == 0, 20)
        for tags in (["1"], ["2"], ["3"]):
            body = json.dumps({"tags": tags})
            assert change(service, first, body) == 200
        wait_until(lambda: read(service)("events_waiting") == 3)
        told = read(service)
        assert told("events_oldest_seconds") > 0
        wait_until(lambda: read(service)("event_failures_total") > 0, 20)
        assert lines.of(level="WARNING", logger="image_service.events.publisher")
        broker.start()
        events = heard.hear(4, 60)
        assert [event["tags"] for event in events] == [[], ["1"], ["2"], ["3"]]
        wait_until(lambda: read(service)("events_waiting") == 0)
        assert lines.of(message="events are told again")
        with service.rpc() as rpc:
            wait_until(lambda: service.app.broker.consuming["calls"], 20)
            assert rpc.health_check()["events"] == {"waiting": 0, "oldestSeconds": 0.0}
        service.stop()


def change(service: Service, image_id: str, body: str) -> int:
    connection = service.http()
    headers = {"Content-Type": "application/json"}
    connection.request("PATCH", f"/api/images/{image_id}", body, headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_each_images_events_are_in_order_under_eight_writers(
    make_service: Callable[..., Service], heard: Ear
) -> None:
    service = make_service(trash_retention_days=1, image_workers=2)

    def write(number: int) -> dict[str, list[str]]:
        done = {}
        with service.rpc() as rpc:
            for turn in range(3):
                image_id = rpc.upload_image(DATA, f"{number}-{turn}.png")["imageId"]
                rpc.update_image(image_id, tags=["a"])
                rpc.update_image(image_id, tags=["b"])
                rpc.delete_image(image_id)
                rpc.restore_image(image_id)
                done[image_id] = [TYPES[0], TYPES[3], TYPES[3], TYPES[1], TYPES[2]]
        return done

    expected: dict[str, list[str]] = {}
    for writer in [eventlet.spawn(write, number) for number in range(8)]:
        expected |= writer.wait()
    heard.hear(8 * 3 * 5)
    service.stop()
    told: dict[str, list[str]] = {}
    for event in once(heard.listen()):
        told.setdefault(event["imageId"], []).append(event["eventType"])
    assert told == expected
    assert len(heard.messages) == 8 * 3 * 5, "without a failure nothing is told twice"


def test_an_event_that_a_queue_refuses_is_told_before_later_ones_of_its_image(
    make_service: Callable[..., Service], heard: Ear, broker_uri: str
) -> None:
    arguments: dict[str, Any] = {"x-max-length": 1, "x-overflow": "reject-publish"}
    with kombu.Connection(broker_uri) as connection:
        full = kombu.Queue(
            "full", get_event_exchange("image_service", {}), "#", queue_arguments=arguments
        )(connection.default_channel)
        full.declare()
        kombu.Producer(connection).publish("in the way", routing_key="full")
        service = make_service()
        image_id = service.upload(DATA)["imageId"]
        with service.rpc() as rpc:
            rpc.update_image(image_id, tags=["late"])
        wait_until(lambda: read(service)("event_failures_total") >= 1)
        assert {event["eventType"] for event in heard.listen()} <= {"image_uploaded"}
        full.delete()
        assert [event["eventType"] for event in heard.hear(2)] == [
            "image_uploaded",
            "image_updated",
        ]

"""The example that follows events: as a real Nameko service beside a real image_service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu
import pytest
from nameko.containers import ServiceContainer
from nameko.standalone.rpc import ClusterRpcProxy

from tests.component import examples
from tests.component.events import Ear, ear
from tests.component.harness import CALL_TIMEOUT_S, Service, wait_until
from tests.component.pictures import picture

DATA = picture("png")
QUEUE = "evt-image_service-*--search.follow"


@pytest.fixture
def search(broker_uri: str, tmp_path: Path) -> Iterator[Callable[[], Any]]:
    """Return what runs the example, as a context manager; its queue goes in the end."""
    module = examples.load("search")
    config = {"AMQP_URI": broker_uri, "index": str(tmp_path / "search.sqlite3"), "max_workers": 1}

    @contextlib.contextmanager
    def running() -> Iterator[Any]:
        container = ServiceContainer(module.SearchService, config)
        container.start()
        with ClusterRpcProxy(config, timeout=CALL_TIMEOUT_S) as proxy:
            yield proxy.search
        container.stop()

    yield running
    with kombu.Connection(broker_uri) as connection:
        connection.default_channel.queue_delete(QUEUE)


@pytest.fixture
def heard(broker_uri: str) -> Iterator[Ear]:
    with ear(broker_uri) as made:
        yield made


def ids(found: list[dict[str, str]]) -> list[str]:
    return [each["imageId"] for each in found]


def test_it_follows_what_happens_to_images(
    make_service: Callable[..., Service], search: Callable[[], Any]
) -> None:
    service = make_service(trash_retention_days=1)
    with search() as index, service.rpc() as rpc:
        reply = rpc.upload_image(DATA, "harbour at night.png", tags=["boat"])
        image_id = reply["imageId"]
        wait_until(lambda: index.find("harbour"))
        assert index.find("boat") == [{"imageId": image_id, "url": reply["url"]}]
        rpc.update_image(image_id, tags=["ship"])
        wait_until(lambda: ids(index.find("ship")) == [image_id])
        assert index.find("boat") == []
        rpc.delete_image(image_id)
        wait_until(lambda: index.find("ship") == [])
        rpc.restore_image(image_id)
        wait_until(lambda: ids(index.find("ship")) == [image_id])


def test_what_happens_while_it_is_away_waits_in_its_queue(
    make_service: Callable[..., Service], search: Callable[[], Any]
) -> None:
    service = make_service()
    with search() as index:
        gone = service.upload(DATA, "gone.png")["imageId"]
        wait_until(lambda: index.find("gone"))
    with service.rpc() as rpc:
        kept = rpc.upload_image(DATA, "kept.png")["imageId"]
        rpc.delete_image(gone)
    service.stop()  # the queue alone knows
    with search() as index:
        wait_until(lambda: ids(index.find("kept")) == [kept])
        wait_until(lambda: index.find("gone") == [])


def test_an_event_that_comes_again_changes_nothing(
    make_service: Callable[..., Service], search: Callable[[], Any], heard: Ear, broker_uri: str
) -> None:
    service = make_service()
    with search() as index, service.rpc() as rpc:
        image_id = rpc.upload_image(DATA, "once.png")["imageId"]
        rpc.delete_image(image_id)
        uploaded, _ = heard.hear(2)
        with kombu.Connection(broker_uri) as connection:
            producer = kombu.Producer(connection, serializer="json")
            for payload in (uploaded, {**uploaded, "eventId": "x", "filename": "last.png"}):
                producer.publish(payload, "image_uploaded", exchange="image_service.events")
        wait_until(lambda: index.find("last"))
        assert index.find("once") == []

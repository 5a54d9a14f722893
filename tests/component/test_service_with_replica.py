"""The service whose listings come from a standby: old for a moment, never an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from scripts.postgres import Server, private_server
from tests.component.harness import Service, wait_until
from tests.component.pictures import noise
from tests.component.sight import read
from tests.contracts.adapters import PostgresCatalogues

MakeService = Callable[..., Service]


@pytest.fixture
def primary() -> Iterator[Server]:
    with private_server() as server:
        yield server


@pytest.fixture
def standby(primary: Server) -> Iterator[Server]:
    with private_server(primary) as server:
        yield server


@pytest.fixture
def service(make_service: MakeService, primary: Server, standby: Server) -> Iterator[Service]:
    catalogue = PostgresCatalogues(primary, is_empty=True)
    replica_url = standby.url_of(catalogue.name)
    made = make_service(catalogue_url=catalogue.url, catalogue_replica_url=replica_url)
    yield made
    made.stop()
    catalogue.stop()


def listed(service: Service) -> int:
    with service.rpc() as rpc:
        reply = rpc.list_images()
    assert reply["success"]
    return int(reply["total"])


def count_of(service: Service, server: str) -> float:
    return read(service)("catalogue_listings_total", server=server)


def test_listings_are_the_standbys_and_all_else_the_primarys(
    service: Service, standby: Server
) -> None:
    service.upload(noise(16, "png"), "a.png", tags=["sea"])
    wait_until(lambda: listed(service) == 1 and count_of(service, "standby") > 0)
    standby.run("SELECT pg_wal_replay_pause()")
    image_id = service.upload(noise(16, "png"), "b.png", tags=["sea"])["imageId"]
    with service.rpc() as rpc:
        assert rpc.list_images()["total"] == 1
        assert rpc.get_image(image_id)["imageId"] == image_id
        assert rpc.get_storage_info()["totalFiles"] == 2
    _, body = service.get("/api/tags")
    assert json.loads(body)["tags"] == [{"tag": "sea", "files": 1}]
    from_primary = count_of(service, "primary")
    standby.kill()
    assert listed(service) == 2
    assert count_of(service, "primary") == from_primary + 1
    with service.rpc() as rpc:
        assert rpc.health_check()["checks"]["catalogue"]["status"] == "ok"

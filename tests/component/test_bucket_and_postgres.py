"""Originals in a bucket and the catalogue in PostgreSQL: what several machines can share."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from image_service.storage.s3 import Bucket
from scripts.postgres import Server
from tests.component.harness import Service, wait_until
from tests.component.pictures import picture
from tests.component.variants import path
from tests.contracts.adapters import PostgresCatalogues
from tests.s3 import S3Server


@pytest.fixture
def catalogue(postgres_server: Server) -> Iterator[PostgresCatalogues]:
    made = PostgresCatalogues(postgres_server, is_empty=True)
    yield made
    made.stop()


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    return s3_server.bucket(secrets.token_hex(6))


@pytest.fixture
def make(
    make_service: Callable[..., Service],
    s3_server: S3Server,
    bucket: Bucket,
    catalogue: PostgresCatalogues,
) -> Iterator[Callable[..., Service]]:
    """Start a service, which is stopped before its database goes."""
    made: list[Service] = []

    def start(**settings: Any) -> Service:
        where = {**s3_server.settings(bucket.url.prefix), "catalogue_url": catalogue.url}
        made.append(make_service(**{**where, **settings}))
        return made[-1]

    yield start
    for each in made:
        each.stop()


def keys(bucket: Bucket) -> list[str]:
    return sorted(each.key for each in bucket.listed())


def test_a_picture_is_stored_served_trashed_restored_and_deleted(
    make: Callable[..., Service], bucket: Bucket
) -> None:
    service = make(trash_retention_days=1, sweep_interval_s=0.3)
    data = picture()
    image_id = service.upload(data)["imageId"]
    assert keys(bucket) == [f"{image_id}.png"]
    assert service.get(f"/images/{image_id}")[1] == data
    assert service.get(path(image_id, "w:20"))[0].status == 200
    with service.rpc() as rpc:
        assert rpc.delete_image(image_id)["success"]
        assert service.get(path(image_id, "w:20"))[0].status == 404
        assert rpc.restore_image(image_id)["success"]
        assert service.get(path(image_id, "w:20"))[0].status == 200
        assert rpc.delete_image(image_id, permanent=True)["success"]
    assert keys(bucket) == []
    assert service.app.store._journal.noted() == set()


def test_what_another_machine_removes_is_gone_here_at_once(
    make: Callable[..., Service], bucket: Bucket, catalogue: PostgresCatalogues
) -> None:
    service = make()
    image_id = service.upload(picture())["imageId"]
    assert service.get(path(image_id, "w:20"))[0].status == 200
    process = catalogue.start()
    process.adapter.remove(image_id)
    bucket.remove([f"{image_id}.png"])
    assert service.get(path(image_id, "w:20"))[0].status == 404
    assert service.get(f"/images/{image_id}")[0].status == 404


def test_what_a_dead_process_noted_in_the_database_is_swept(
    make: Callable[..., Service], bucket: Bucket, catalogue: PostgresCatalogues
) -> None:
    dead = catalogue.start()
    name = "img_1700000000000_0123456789abcdef.png"
    dead.database.journal(grace_s=1).begin(name)
    bucket.put(name, b"half of it")
    service = make(s3_timeout_s=1, sweep_interval_s=0.3)
    dead.kill()
    kept = service.upload(picture())["imageId"]
    wait_until(lambda: keys(bucket) == [f"{kept}.png"], 20)

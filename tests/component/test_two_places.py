"""A running service whose originals are in two places, as its clients meet it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service.storage.move import Move
from image_service.storage.s3 import Bucket
from scripts.postgres import Server
from tests.component.harness import Service, wait_until
from tests.component.pictures import picture
from tests.component.variants import path
from tests.contracts.adapters import PostgresCatalogues
from tests.s3 import FaultyLine, S3Server


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    return s3_server.bucket(secrets.token_hex(6))


@pytest.fixture
def make(
    make_service: Callable[..., Service],
    s3_server: S3Server,
    line: FaultyLine,
    bucket: Bucket,
    postgres_server: Server,
) -> Iterator[Callable[..., Service]]:
    """Start a service on a bucket, which is stopped before its database goes.

    In that are the notes of what is under way in the bucket, for which the catalogue asks.
    """
    catalogue = PostgresCatalogues(postgres_server, is_empty=True)
    made: list[Service] = []

    def start(**settings: Any) -> Service:
        where = s3_server.settings(bucket.url.prefix, endpoint_url=line.endpoint_url)
        told = {**where, "catalogue_url": catalogue.url, "s3_timeout_s": 1, "scrub_bytes_per_s": 0}
        made.append(make_service(**{**told, **settings}))
        return made[-1]

    yield start
    for each in made:
        each.stop()
    catalogue.stop()


def move_of(service: Service) -> Move:
    move: Move = service.app.store.move
    return move


def keys(bucket: Bucket) -> list[str]:
    return sorted(each.key for each in bucket.listed())


def files(service: Service) -> set[str]:
    return {each.name for each in service.upload_dir.glob("img_*")}


@pytest.mark.parametrize("steps", [(), ("begin",), ("begin", "leave")], ids=str)
def test_a_picture_is_stored_served_trashed_restored_and_deleted(
    make: Callable[..., Service], bucket: Bucket, steps: tuple[str, ...]
) -> None:
    service = make(originals_also="local", trash_retention_days=1, sweep_interval_s=0.3)
    for step in steps:
        getattr(move_of(service), step)()
    data = picture()
    image_id = service.upload(data)["imageId"]
    written = move_of(service).phase.written
    assert (files(service) != set()) == ("local" in written)
    assert (keys(bucket) != []) == (str(bucket.url) in written)
    assert service.get(f"/images/{image_id}")[1] == data
    assert service.get(path(image_id, "w:20"))[0].status == 200
    with service.rpc() as rpc:
        assert rpc.update_image(image_id, tags=["a"])["success"]
        assert rpc.delete_image(image_id)["success"]
        assert service.get(path(image_id, "w:20"))[0].status == 404
        assert rpc.restore_image(image_id)["success"]
        assert service.get(path(image_id, "w:20"))[0].status == 200
        assert service.get(f"/images/{image_id}")[1] == data
        assert rpc.delete_image(image_id, permanent=True)["success"]
        assert rpc.health_check()["status"] == "ok"
    assert keys(bucket) == []
    assert files(service) == set()
    assert service.app.store.main.under_way() == set()
    assert service.app.store.is_at_rest


def test_while_the_bucket_is_away_reads_go_on_and_uploads_may_be_tried_again(
    make: Callable[..., Service], bucket: Bucket, line: FaultyLine
) -> None:
    service = make(originals_also="local", url_redirect=True, sweep_interval_s=0.3)
    move_of(service).begin()
    data = picture()
    kept, gone = (service.upload(data)["imageId"] for _ in range(2))
    line.is_down = True
    line.cut()
    answer, body = service.get(f"/images/{kept}")
    assert (answer.status, body) == (200, data), "url_redirect waits"
    with service.rpc() as rpc:
        refused = rpc.upload_image(picture(), "a.png")
        assert refused["error"] == {"code": "storage_unavailable", "retryable": True}
        assert rpc.delete_image(gone)["success"]
    assert service.get(f"/images/{gone}")[0].status == 404
    assert files(service) == {f"{kept}.png"}
    line.mend()
    wait_until(lambda: keys(bucket) == [f"{kept}.png"], 20)
    assert service.upload(picture())["success"]


def test_back_to_the_disk(make: Callable[..., Service], bucket: Bucket, tmp_path: Path) -> None:
    service = make()
    data = picture()
    first = service.upload(data)["imageId"]
    folder = service.upload_dir
    service.stop()
    service = make(s3_originals="", originals_also=str(bucket.url), upload_dir=folder)
    second = service.upload(data)["imageId"]
    assert keys(bucket) == sorted([f"{first}.png", f"{second}.png"])
    move_of(service).begin()
    third = service.upload(data)["imageId"]
    assert files(service) == {f"{third}.png"}
    for each in (first, second, third):
        assert service.get(f"/images/{each}")[1] == data
        assert service.get(path(each, "w:20"))[0].status == 200

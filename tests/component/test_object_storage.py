"""A running service whose originals are in a real bucket, as its clients meet it."""

from __future__ import annotations

import secrets
import time
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from tests.component.harness import Service, checksum_of, wait_until
from tests.component.pictures import noise, picture
from tests.component.test_damage import AT, DATA
from tests.component.variants import opened, path, problem
from tests.s3 import FaultyLine, S3Server


@pytest.fixture
def prefix() -> str:
    return secrets.token_hex(6)


@pytest.fixture
def make(
    make_service: Callable[..., Service], s3_server: S3Server, line: FaultyLine, prefix: str
) -> Callable[..., Service]:
    """Start a service on a prefix of its own."""

    def start(**settings: Any) -> Service:
        where = s3_server.settings(prefix, endpoint_url=line.endpoint_url)
        return make_service(**{"scrub_bytes_per_s": 0, **where, **settings})

    return start


@pytest.fixture
def keys(s3_server: S3Server, prefix: str) -> Callable[[], list[str]]:
    """What is in the bucket."""
    bucket = s3_server.bucket(prefix)
    return lambda: sorted(each.key for each in bucket.listed())


def test_what_is_stored_is_in_the_bucket_and_served_from_it(
    make: Callable[..., Service], keys: Callable[[], list[str]], s3_server: S3Server, prefix: str
) -> None:
    service = make()
    data = noise(300)
    reply = service.upload(data, "näme.png", tags=["a"])
    image_id = reply["imageId"]
    assert keys() == [f"{image_id}.png"]
    assert not list(service.upload_dir.glob("img_*"))

    answer, body = service.get(f"/images/{image_id}")
    assert (answer.status, body) == (200, data)
    assert answer.headers["ETag"] == f'"{checksum_of(data).removeprefix("sha256:")}"'
    again, nothing = service.get(f"/images/{image_id}", {"If-None-Match": answer.headers["ETag"]})
    assert (again.status, nothing) == (304, b"")
    head, nothing = service.get(f"/images/{image_id}", method="HEAD")
    assert (head.headers["Content-Length"], nothing) == (str(len(data)), b"")
    part, body = service.get(f"/images/{image_id}", {"Range": "bytes=100000-100099"})
    assert (part.status, body) == (206, data[100_000:100_100])
    answer, body = service.get(path(image_id, "w:20"))
    assert opened(body).size == (20, 20)
    with service.rpc() as rpc:
        assert rpc.download_image(image_id)["file"] == data
        info = rpc.get_storage_info()
    assert info["freeBytes"] is None
    assert info["uploadsDir"].startswith(s3_server.place(prefix))
    assert info["totalBytes"] == len(data)


def test_deleted_means_gone_from_everywhere(
    make: Callable[..., Service], keys: Callable[[], list[str]]
) -> None:
    service = make()
    image_id = service.upload(picture())["imageId"]
    assert service.get(path(image_id, "w:20"))[0].status == 200
    with service.rpc() as rpc:
        assert rpc.delete_image(image_id)["success"]
        assert rpc.delete_image(image_id)["error"]["code"] == "image_not_found"
    assert service.get(f"/images/{image_id}")[0].status == 404
    assert service.get(path(image_id, "w:20"))[0].status == 404
    assert keys() == []


def test_into_the_trash_and_back(
    make: Callable[..., Service], keys: Callable[[], list[str]]
) -> None:
    service = make(trash_retention_days=1, sweep_interval_s=0.2)
    data = picture()
    image_id = service.upload(data)["imageId"]
    assert service.get(path(image_id, "w:20"))[0].status == 200
    with service.rpc() as rpc:
        assert rpc.delete_image(image_id)["success"]
        assert keys() == [f".trash/{image_id}.png", f"{image_id}.png"]
        assert service.get(f"/images/{image_id}")[0].status == 404
        assert service.get(path(image_id, "w:20"))[0].status == 404
        time.sleep(0.5)  # several sweeps leave it as it is
        assert keys() == [f".trash/{image_id}.png", f"{image_id}.png"]
        assert rpc.restore_image(image_id)["success"]
        assert service.get(f"/images/{image_id}")[1] == data
        assert keys() == [f"{image_id}.png"]
        assert rpc.delete_image(image_id, permanent=True)["success"]
    assert keys() == []


def test_what_is_refused_leaves_nothing(
    make: Callable[..., Service], keys: Callable[[], list[str]]
) -> None:
    service = make(quota_files=1)
    kept = service.upload(picture())["imageId"]
    with service.rpc() as rpc:
        over = rpc.upload_image(picture(), "b.png")
        broken = rpc.upload_image(noise(100)[:-5000], "c.png")
    assert over["error"]["code"] == "quota_exceeded"
    assert broken["error"]["code"] in ("truncated_image", "quota_exceeded")
    assert keys() == [f"{kept}.png"]


def test_a_bit_that_changed_in_the_bucket_is_never_served(
    make: Callable[..., Service], s3_server: S3Server, prefix: str
) -> None:
    service = make()
    image_id = service.upload(DATA)["imageId"]
    assert service.get(f"/images/{image_id}")[1] == DATA
    damaged = bytearray(DATA)
    damaged[AT] ^= 1
    s3_server.bucket(prefix).put(f"{image_id}.png", bytes(damaged))
    with service.rpc() as rpc:
        assert rpc.download_image(image_id)["error"]["code"] == "image_damaged"
    answer, body = service.get(f"/images/{image_id}", {"Range": f"bytes={AT}-{AT}"})
    assert answer.status == 500
    assert problem(answer, body)[1] == "image_damaged"
    answer, body = service.get(f"/images/{image_id}", {"Range": "bytes=0-99"})
    assert (answer.status, body) == (206, DATA[:100])


def test_while_the_storage_is_down_it_is_told_and_then_all_goes_on(
    make: Callable[..., Service], line: FaultyLine, keys: Callable[[], list[str]]
) -> None:
    service = make(s3_timeout_s=2, sweep_interval_s=0.3)
    data = picture()
    image_id = service.upload(data)["imageId"]
    line.is_down = True
    line.cut()
    with service.rpc() as rpc:
        failed = rpc.upload_image(picture(), "b.png")
        assert failed["error"] == {"code": "storage_unavailable", "retryable": True}
        assert "127.0.0.1" not in failed["message"]
        health = rpc.health_check()
        assert health["status"] == "unavailable"
        assert health["checks"]["storage"]["status"] == "failed"
        assert health["checks"]["catalogue"]["status"] == "ok"
        assert service.get(f"/images/{image_id}")[0].status == 503
        assert rpc.get_image(image_id)["success"], "what the catalogue knows is told"
        assert service.get("/readyz")[0].status == 503
        deletion = rpc.delete_image(image_id)
        assert deletion["success"], "its entry is gone; its bytes go when they can"
        line.mend()
        assert rpc.health_check()["status"] == "ok"
        kept = rpc.upload_image(data, "c.png")
        assert kept["success"]
    wait_until(lambda: keys() == [f"{kept['imageId']}.png"], 20, "what was left is swept")
    assert service.get(f"/images/{kept['imageId']}")[1] == data


def test_an_original_that_was_put_away_is_served_and_comes_back(
    make: Callable[..., Service], prefix: str, s3_server: S3Server
) -> None:
    service = make(s3_archive=s3_server.place(f"{prefix}-cold"))
    data = picture()
    image_id = service.upload(data)["imageId"]
    store = service.app.store
    name, digest = f"{image_id}.png", bytes.fromhex(checksum_of(data).removeprefix("sha256:"))
    assert store.put_away(name, digest)
    (archived,) = s3_server.bucket(f"{prefix}-cold").listed()
    assert archived.key.startswith(f"{name}/")
    assert service.get(f"/images/{image_id}")[1] == data
    assert not store.is_archived(name)


def test_without_an_archive_putting_away_says_what_is_missing(
    make: Callable[..., Service],
) -> None:
    service = make()
    image_id = service.upload(data := picture())["imageId"]
    digest = bytes.fromhex(checksum_of(data).removeprefix("sha256:"))
    with pytest.raises(Exception, match="s3_archive is not set"):
        service.app.store.put_away(f"{image_id}.png", digest)
    assert service.get(f"/images/{image_id}")[1] == data


def test_clients_are_sent_to_the_bucket_where_that_is_wanted(make: Callable[..., Service]) -> None:
    service = make(url_redirect=True, trash_retention_days=1)
    data = picture()
    image_id = service.upload(data)["imageId"]
    answer, body = service.get(f"/images/{image_id}")
    assert (answer.status, body) == (307, b"")
    with urllib.request.urlopen(answer.headers["Location"], timeout=5) as there:
        assert there.read() == data
        assert there.headers["Content-Type"] == "image/png"
    assert service.get(f"/images/{image_id}?download=1")[1] == data
    assert service.get(f"/images/{image_id}", method="HEAD")[0].status == 200
    with service.rpc() as rpc:
        rpc.delete_image(image_id)
    assert service.get(f"/images/{image_id}")[0].status == 404

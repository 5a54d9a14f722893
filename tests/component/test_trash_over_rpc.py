"""Delete, look, restore: the trash as callers and browsers see it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from tests.component.harness import Service, wait_until
from tests.component.pictures import noise
from tests.component.variants import path


def test_a_deleted_image_is_gone_everywhere_and_comes_back(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(trash_retention_days=30)
    data = noise(64, "png")
    image_id = service.upload(data)["imageId"]
    urls = (f"/images/{image_id}", path(image_id, "w:8"))
    assert [service.get(url)[0].status for url in urls] == [200, 200]
    with service.rpc() as rpc:
        reply = rpc.delete_image(image_id)
        until = dt.datetime.fromisoformat(reply["restorableUntil"].replace("Z", "+00:00"))
        left = until - dt.datetime.now(dt.timezone.utc)
        assert dt.timedelta(days=29.9) < left <= dt.timedelta(days=30)
        assert "trash" in reply["message"]
        assert [service.get(url)[0].status for url in urls] == [404, 404]
        assert rpc.get_image(image_id)["error"]["code"] == "image_not_found"
        assert rpc.download_image(image_id)["error"]["code"] == "image_not_found"
        assert rpc.list_images()["images"] == []
        (listed,) = rpc.list_images(trashed=True)["images"]
        assert (listed["imageId"], listed["deletedAt"][-1]) == (image_id, "Z")
        info = rpc.get_storage_info()
        assert (info["totalFiles"], info["totalBytes"]) == (0, 0)
        assert (info["trashedFiles"], info["trashedBytes"]) == (1, len(data))
        assert rpc.restore_image(image_id)["metadata"]["sizeBytes"] == len(data)
        assert rpc.list_images(trashed=True)["total"] == 0
    assert [service.get(url)[0].status for url in urls] == [200, 200]
    assert service.get(urls[0])[1] == data


def test_a_permanent_deletion_leaves_nothing(make_service: Callable[..., Service]) -> None:
    service = make_service(trash_retention_days=30)
    first, second = (service.upload(noise(16, "png"))["imageId"] for _ in range(2))
    service.get(path(first, "w:8"))
    with service.rpc() as rpc:
        assert rpc.delete_image(second)["success"]
        for image_id in (first, second):
            assert rpc.delete_image(image_id, permanent=True)["restorableUntil"] is None
        assert rpc.get_storage_info()["trashedFiles"] == 0
        assert rpc.restore_image(first)["error"]["code"] == "image_not_found"
    assert service.left_of_images() == []


def test_what_is_too_old_goes_by_itself(make_service: Callable[..., Service]) -> None:
    service = make_service(
        trash_retention_days=1e-6, retention_days={"tmp": 1e-6}, sweep_interval_s=0.2
    )
    service.upload(noise(16, "png"), tags=["tmp"])
    kept = service.upload(noise(16, "png"), tags=["keep"])["imageId"]
    wait_until(lambda: len(service.stored()) == 1)
    assert service.stored() == [f"{kept}.png"]
    with service.rpc() as rpc:
        assert [image["imageId"] for image in rpc.list_images()["images"]] == [kept]
        assert rpc.list_images(trashed=True)["total"] == 0

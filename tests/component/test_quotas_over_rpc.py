"""Quotas, as callers meet them: many at once, and each as somebody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import eventlet
from nameko.standalone.rpc import ClusterRpcProxy

from tests.component.harness import CALL_TIMEOUT_S, Service
from tests.component.pictures import noise


def call_as(service: Service, owner: str, method: str, *args: Any) -> dict[str, Any]:
    config = {"AMQP_URI": service.uri, "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}
    proxy = ClusterRpcProxy(config, context_data={"user_id": owner}, timeout=CALL_TIMEOUT_S)
    with proxy as rpc:
        reply: dict[str, Any] = getattr(rpc.image_service, method)(*args)
    return reply


def test_sixteen_uploaders_meet_a_quota_exactly(make_service: Callable[..., Service]) -> None:
    data = noise(16, "png")
    service = make_service(quota_bytes=24 * len(data) + 1)
    ended: Counter[str] = Counter()

    def upload() -> None:
        with service.rpc() as rpc:
            for _ in range(3):
                reply = rpc.upload_image(data, "a.png")
                ended[reply["error"]["code"] if "error" in reply else "stored"] += 1

    uploaders = [eventlet.spawn(upload) for _ in range(16)]
    for uploader in uploaders:
        uploader.wait()
    assert ended == {"stored": 24, "quota_exceeded": 24}
    with service.rpc() as rpc:
        info = rpc.get_storage_info()
        assert (info["totalBytes"], info["quotaBytes"]) == (24 * len(data), 24 * len(data) + 1)
        assert len(service.stored()) == 24
        refused = rpc.upload_image(data, "a.png")
        assert refused["error"] == {
            "code": "quota_exceeded",
            "retryable": False,
            "setting": "quota_bytes",
            "limit": 24 * len(data) + 1,
            "used": 24 * len(data),
            "asked": len(data),
        }
        rpc.delete_image(rpc.list_images(limit=1)["images"][0]["imageId"])
        assert rpc.upload_image(data, "a.png")["success"]


def test_an_owner_is_who_the_context_data_name(make_service: Callable[..., Service]) -> None:
    service = make_service(owner_key="user_id", owner_quota_files=1)
    data = noise(16, "png")
    first = call_as(service, "ada", "upload_image", data, "a.png")
    assert first["metadata"]["owner"] == "ada"
    refused = call_as(service, "ada", "upload_image", data, "a.png")
    assert refused["error"]["setting"] == "owner_quota_files"
    assert call_as(service, "bob", "upload_image", data, "a.png")["success"]
    assert service.upload(data)["metadata"]["owner"] is None
    assert call_as(service, "ada", "get_storage_info")["owner"] == {
        "owner": "ada",
        "totalFiles": 1,
        "totalBytes": len(data),
        "quotaBytes": None,
        "quotaFiles": 1,
    }
    with service.rpc() as rpc:
        assert rpc.get_storage_info()["owner"] is None


def test_room_on_the_disk_is_left(make_service: Callable[..., Service]) -> None:
    service = make_service(min_free_bytes=2**59)
    with service.rpc() as rpc:
        refused = rpc.upload_image(noise(16, "png"), "a.png")
        assert (refused["error"]["code"], refused["error"]["retryable"]) == ("storage_full", True)
        assert rpc.health_check()["success"]
    assert service.stored() == []

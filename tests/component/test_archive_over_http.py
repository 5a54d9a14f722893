"""An original that was moved to another disk, as clients of a running service meet it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.component.harness import Service, checksum_of
from tests.component.pictures import noise
from tests.component.variants import opened, path, problem


def test_clients_see_no_difference_and_bring_it_back(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service(archive_dir=str(tmp_path / "cold"))
    data = noise(100, "png")
    image_id = service.upload(data)["imageId"]
    name, store = f"{image_id}.png", service.app.store
    for ask in ("/images/{}", path("{}", "w:20")):
        assert store.put_away(name, bytes.fromhex(checksum_of(data).removeprefix("sha256:")))
        assert list((tmp_path / "cold").rglob("img_*"))
        answer, body = service.get(ask.format(image_id))
        assert answer.status == 200
        assert body == data if "images" in ask else opened(body).size == (20, 20)
        assert not store.is_archived(name)
        assert not list((tmp_path / "cold").rglob("img_*"))


def test_while_the_disk_is_not_there_it_is_told_and_comes_back(
    make_service: Callable[..., Service], tmp_path: Path
) -> None:
    service = make_service(archive_dir=str(tmp_path / "cold"))
    data = noise(100, "png")
    image_id = service.upload(data)["imageId"]
    digest = bytes.fromhex(checksum_of(data).removeprefix("sha256:"))
    assert service.app.store.put_away(f"{image_id}.png", digest)
    (tmp_path / "cold").rename(tmp_path / "unmounted")
    status, code, detail = problem(*service.get(f"/images/{image_id}"))
    assert (status, code) == (503, "storage_unavailable")
    assert "mount" in detail
    (tmp_path / "unmounted").rename(tmp_path / "cold")
    assert service.get(f"/images/{image_id}")[1] == data

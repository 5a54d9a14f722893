"""Two machines on one store that have their variants in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

from tests.component.harness import Service, wait_until
from tests.component.pictures import picture
from tests.component.variants import opened, path
from tests.s3 import S3Server


def test_a_variant_is_made_once_for_all_machines_and_goes_with_its_image(
    make_service: Callable[..., Service], s3_server: S3Server, tmp_path: Path
) -> None:
    prefix = secrets.token_hex(6)
    where = s3_server.settings(f"{prefix}/originals")
    where["s3_variants"] = s3_server.place(f"{prefix}/variants")
    bucket = s3_server.bucket(f"{prefix}/variants")

    def keys() -> list[str]:
        return sorted(each.key for each in bucket.listed())

    uploads = tmp_path / "uploads"
    one = make_service(**where, upload_dir=str(uploads), cache_dir=str(tmp_path / "one"))
    image_id = one.upload(picture("jpg", (640, 480)), "a.jpg")["imageId"]
    answer, body = one.get(path(image_id, "w:200"))
    assert opened(body).size == (200, 150)
    wait_until(lambda: len(keys()) >= 1)
    assert {key.partition("/")[0] for key in keys()} == {image_id}
    one.stop()

    other = make_service(**where, upload_dir=str(uploads), cache_dir=str(tmp_path / "other"))
    before = keys()
    again, same = other.get(path(image_id, "w:200"))
    assert (again.status, same) == (200, body)
    assert again.headers["ETag"] == answer.headers["ETag"]
    assert keys() == before
    with other.rpc() as rpc:
        assert rpc.delete_image(image_id)["success"]
    assert keys() == []

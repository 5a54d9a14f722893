"""update_image as callers and browsers see it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.component.harness import Service
from tests.component.pictures import noise


@pytest.fixture
def image_id(service: Service) -> str:
    data = noise(8)
    made: str = service.upload(data, "a.png", tags=["x"], attributes={"k": "v"})["imageId"]
    return made


def test_what_is_told_is_changed_and_what_is_not_stays(rpc: Any, image_id: str) -> None:
    before = rpc.get_image(image_id)
    reply = rpc.update_image(image_id, filename="b ü.png")
    assert reply == {**before, "metadata": {**before["metadata"], "filename": "b ü.png"}}
    assert rpc.update_image(image_id, tags=["y", "z"])["metadata"]["tags"] == ["y", "z"]
    reply = rpc.update_image(image_id=f"{image_id}.png", attributes={})
    assert reply["metadata"]["attributes"] == {}
    assert reply["metadata"]["filename"] == "b ü.png"
    assert rpc.update_image(image_id) == rpc.get_image(image_id) == reply
    assert [i["imageId"] for i in rpc.list_images(tag="z")["images"]] == [image_id]
    assert rpc.list_images(tag="x")["images"] == []


def test_a_download_has_the_new_filename(service: Service, rpc: Any, image_id: str) -> None:
    rpc.update_image(image_id, filename="neu.png")
    answer, _ = service.get(f"/images/{image_id}")
    assert 'filename="neu.png"' in answer.headers["Content-Disposition"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"filename": "a.jpg"}, "type_mismatch"),
        ({"filename": " "}, "invalid_filename"),
        ({"filename": {}}, "invalid_filename"),
        ({"tags": "x"}, "invalid_argument"),
        ({"attributes": {"a": 1}}, "invalid_argument"),
    ],
)
def test_what_an_upload_refuses_is_refused(
    rpc: Any, image_id: str, arguments: dict[str, Any], code: str
) -> None:
    before = rpc.get_image(image_id)
    reply = rpc.update_image(image_id, **arguments)
    assert (reply["success"], reply["error"]["code"], reply["imageId"]) == (False, code, "")
    assert rpc.get_image(image_id) == before


def test_what_is_not_there_cannot_be_updated(rpc: Any, image_id: str) -> None:
    rpc.delete_image(image_id)
    assert rpc.update_image(image_id, tags=[])["error"]["code"] == "image_not_found"
    assert rpc.update_image("../x", tags=[])["error"]["code"] == "invalid_image_id"

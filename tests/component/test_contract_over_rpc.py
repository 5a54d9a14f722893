"""The six methods as callers rely on them: every field, its type and its value."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
from nameko.exceptions import IncorrectSignature

from image_service import __version__
from image_service.domain.image import human_size
from tests.component.harness import Service, checksum_of
from tests.component.pictures import PILLOW, animation, picture, turned

ID = re.compile(r"img_\d{13}_[a-z0-9]{16,32}")
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
UNKNOWN_ID = "img_1700000000000_0123456789abcdef"


def assert_failed(reply: dict[str, Any], code: str, *, retryable: bool = False) -> None:
    assert reply["success"] is False
    assert reply["error"]["code"] == code
    assert reply["error"]["retryable"] is retryable
    assert isinstance(reply["message"], str)
    assert len(reply["message"]) > 10
    assert "/" not in reply["message"].replace("data:", "")  # no paths
    assert "Traceback" not in reply["message"]


def test_upload_answers_every_field(service: Service, rpc: Any) -> None:
    data, before_ms = picture("jpg", (64, 48)), time.time_ns() // 1_000_000
    reply = rpc.upload_image(
        file=data, filename="Sommer 2024.JPEG", tags=["a", "b"], attributes={"who": "me"}
    )
    image_id = reply["imageId"]
    assert ID.fullmatch(image_id)
    assert before_ms <= int(image_id.split("_")[1]) <= time.time_ns() // 1_000_000
    created = reply["metadata"]["createdAt"]
    assert RFC3339.fullmatch(created)
    assert dt.datetime.fromisoformat(created[:-1] + "+00:00").timestamp() * 1000 == pytest.approx(
        int(image_id.split("_")[1]), abs=1
    )
    expected = {
        "success": True,
        "imageId": image_id,
        "filename": "Sommer 2024.JPEG",
        "url": f"http://localhost:{service.port}/images/{image_id}",
        "message": "Image stored.",
    }
    assert {key: reply[key] for key in expected} == expected
    metadata = {
        "size": human_size(len(data)),
        "format": "jpeg",
        "dimensions": "64x48",
        "filename": "Sommer 2024.JPEG",
        "sizeBytes": len(data),
        "width": 64,
        "height": 48,
        "contentType": "image/jpeg",
        "createdAt": created,
        "checksum": checksum_of(data),
        "animated": False,
        "frames": 1,
        "orientation": 1,
        "hasAlpha": False,
        "colorSpace": "RGB",
        "tags": ["a", "b"],
        "attributes": {"who": "me"},
    }
    assert {key: reply["metadata"][key] for key in metadata} == metadata
    assert service.originals.read(f"{image_id}.jpg") == data


def test_get_image_answers_what_the_upload_answered(rpc: Any) -> None:
    sent = rpc.upload_image(file=picture(), filename="a.png", tags=["t"], attributes={"k": ""})
    reply = rpc.get_image(sent["imageId"])
    assert reply["success"] is True
    assert (reply["imageId"], reply["url"]) == (sent["imageId"], sent["url"])
    assert reply["metadata"] == sent["metadata"]
    assert rpc.get_image(image_id=sent["imageId"]) == reply


@pytest.mark.parametrize("extension", PILLOW)
def test_every_format_is_kept_under_its_sniffed_extension(
    service: Service, rpc: Any, extension: str
) -> None:
    data = picture(extension)
    reply = rpc.upload_image(file=data, filename="no extension")
    assert reply["success"], reply
    assert reply["metadata"]["format"] == PILLOW[extension].lower()
    assert reply["metadata"]["contentType"] == f"image/{PILLOW[extension].lower()}"
    assert service.originals.read(f"{reply['imageId']}.{extension}") == data


def test_dimensions_are_those_after_exif_orientation(rpc: Any) -> None:
    metadata = rpc.upload_image(file=turned(), filename="t.jpg")["metadata"]
    assert (metadata["dimensions"], metadata["width"], metadata["height"]) == ("20x60", 20, 60)
    assert metadata["orientation"] == 6


def test_animation_and_alpha_are_told(rpc: Any) -> None:
    moving = rpc.upload_image(file=animation(3), filename="m.gif")["metadata"]
    assert (moving["animated"], moving["frames"]) == (True, 3)
    clear = rpc.upload_image(file=picture(mode="RGBA"), filename="c.png")["metadata"]
    assert clear["hasAlpha"] is True


@pytest.mark.parametrize(
    "filename",
    ["фото 😀.png", "a" * 251 + ".png", "../../etc/passwd.png", "C:\\x\\y.PNG", "holiday.2024",
     'quo"te;.png', "e\u0301.png"],
)  # fmt: skip
def test_the_original_filename_is_kept_as_it_was(rpc: Any, filename: str) -> None:
    reply = rpc.upload_image(file=picture(), filename=filename)
    assert reply["success"], reply
    assert reply["filename"] == filename
    assert rpc.get_image(reply["imageId"])["metadata"]["filename"] == filename


def test_id_plus_extension_is_accepted_and_a_wrong_one_is_not_found(rpc: Any) -> None:
    image_id = rpc.upload_image(file=picture(), filename="a.png")["imageId"]
    assert rpc.get_image(f"{image_id}.png")["imageId"] == image_id
    assert_failed(rpc.get_image(f"{image_id}.jpg"), "image_not_found")
    assert rpc.delete_image(f"{image_id}.png")["imageId"] == image_id


def test_delete_answers_every_field_and_the_image_is_gone(service: Service, rpc: Any) -> None:
    image_id = rpc.upload_image(file=picture(), filename="a.png")["imageId"]
    before = rpc.get_storage_info()["totalFiles"]
    reply = rpc.delete_image(image_id)
    assert (reply["success"], reply["imageId"]) == (True, image_id)
    assert isinstance(reply["message"], str)
    assert_failed(rpc.get_image(image_id), "image_not_found")
    assert_failed(rpc.delete_image(image_id), "image_not_found")
    assert image_id not in {i["imageId"] for i in rpc.list_images()["images"]}
    assert service.get(f"/images/{image_id}")[0].status == 404
    assert rpc.get_storage_info()["totalFiles"] == before - 1
    assert not [name for name in service.stored() if image_id in name]


def test_permanent_deletion_is_accepted_and_must_be_a_flag(rpc: Any) -> None:
    image_id = rpc.upload_image(file=picture(), filename="a.png")["imageId"]
    assert_failed(rpc.delete_image(image_id, permanent="yes"), "invalid_argument")
    assert rpc.delete_image(image_id, permanent=True)["success"] is True


def test_storage_info_answers_every_field(service: Service, rpc: Any) -> None:
    before = rpc.get_storage_info()
    data = picture("webp")
    rpc.upload_image(file=data, filename="a.webp")
    info = rpc.get_storage_info()
    assert info["success"] is True
    assert info["totalFiles"] == before["totalFiles"] + 1
    assert info["totalBytes"] == before["totalBytes"] + len(data)
    assert info["totalSize"] == human_size(info["totalBytes"])
    assert info["uploadsDir"].endswith("uploads")
    assert (type(info["freeBytes"]) is int) is service.originals.has_an_end
    assert info["freeBytes"] is None or info["freeBytes"] > 0
    assert (info["quotaBytes"], info["quotaFiles"]) == (None, None)
    assert (info["trashedFiles"], info["trashedBytes"], info["cacheBytes"]) == (0, 0, 0)
    was = before["byFormat"].get("webp", {"files": 0, "bytes": 0})
    assert info["byFormat"]["webp"] == {
        "files": was["files"] + 1, "bytes": was["bytes"] + len(data),
    }  # fmt: skip
    assert sum(one["bytes"] for one in info["byFormat"].values()) == info["totalBytes"]


def test_health_answers_every_field(rpc: Any) -> None:
    reply = rpc.health_check()
    assert (reply["success"], reply["status"]) == (True, "ok")
    assert (reply["service"], reply["version"]) == ("image_service", __version__)
    assert RFC3339.fullmatch(reply["timestamp"])
    assert reply["uptimeSeconds"] > 0
    assert set(reply["checks"]) >= {"storage", "catalogue", "broker", "workers"}
    assert all(check["status"] == "ok" for check in reply["checks"].values())


BLANK = {
    "upload_image": {"imageId": "", "filename": "", "url": "", "metadata": None},
    "get_image": {
        "imageId": "", "url": "", "metadata": {"size": "", "format": "", "dimensions": ""},
    },
    "delete_image": {"imageId": ""},
    "list_images": {"images": [], "total": 0, "nextCursor": None},
}  # fmt: skip


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("upload_image", {"file": b"", "filename": "a.png"}, "empty_file"),
        ("get_image", {"image_id": UNKNOWN_ID}, "image_not_found"),
        ("get_image", {"image_id": "../x"}, "invalid_image_id"),
        ("get_image", {"image_id": None}, "invalid_image_id"),
        ("get_image", {"image_id": 5}, "invalid_image_id"),
        ("get_image", {"image_id": ["x"]}, "invalid_image_id"),
        ("delete_image", {"image_id": UNKNOWN_ID}, "image_not_found"),
        ("delete_image", {"image_id": ""}, "invalid_image_id"),
        ("list_images", {"limit": 0}, "invalid_argument"),
    ],
)
def test_failures_carry_typed_blanks(rpc: Any, method: str, arguments: Any, code: str) -> None:
    reply = getattr(rpc, method)(**arguments)
    assert_failed(reply, code)
    assert {key: reply[key] for key in BLANK[method]} == BLANK[method]


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("upload_image", {"file": b"x"}),
        ("upload_image", {"filename": "a.png"}),
        ("upload_image", {"file": b"x", "filename": "a.png", "colour": "red"}),
        ("get_image", {}),
        ("get_image", {"id": UNKNOWN_ID}),
        ("delete_image", {}),
        ("list_images", {"page": 1}),
        ("get_storage_info", {"verbose": True}),
        ("health_check", {"deep": True}),
    ],
)
def test_missing_and_unknown_arguments_stay_incorrect_signature(
    rpc: Any, method: str, arguments: Any
) -> None:
    with pytest.raises(IncorrectSignature):
        getattr(rpc, method)(**arguments)


def test_optional_arguments_are_keyword_only(rpc: Any) -> None:
    with pytest.raises(IncorrectSignature):
        rpc.upload_image(picture(), "a.png", ["tag"])

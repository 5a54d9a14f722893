"""What callers get: the exact fields of every reply, on success and on failure."""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
from typing import Any

import pytest

from image_service.domain.description import Description
from image_service.domain.fingerprint import Fingerprint
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts
from image_service.domain.listing import parse_list_query
from image_service.domain.outcomes import Match, Usage
from image_service.domain.ports import FormatTotals, Page
from image_service.errors import ImageNotFound, ImageTooLarge
from image_service.health import CheckResult, HealthReport
from image_service.rpc import replies
from image_service.rpc.answers import answers, failure_of
from image_service.testing import NOON_MS

ID = "img_1767268800000_abcdefghij0123456789"
URL = f"http://localhost:3001/images/{ID}"
IMAGE = Image(
    id=ID,
    filename="Ä b.JPG",
    size_bytes=101_847,
    sha256=bytes(32),
    created_ms=NOON_MS,
    facts=PictureFacts(Format.JPEG, 2725, 2225, orientation=6),
    tags=("a", "b"),
    attributes={"k": "v"},
    description=Description(
        exif={"FNumber": 2.8},
        location={"latitude": 52.5, "longitude": 13.4},
        title="T",
        description="D",
        creator=["C"],
        keywords=["K"],
        rights="R",
        comment="O",
        dpi=[72, 72],
        icc_profile="Display P3",
        bit_depth=8,
    ),
    fingerprint=Fingerprint("#0a0b0c", b"12345", 0xABC),
    removed=("xmp",),
    sent_sha256=b"\xff" * 32,
    duplicate_of=ID[:-1] + "8",
)
MAKE = replies.Replies("http://localhost:3001")
METADATA = {
    "size": "99.46 KB",
    "format": "jpeg",
    "dimensions": "2725x2225",
    "filename": "Ä b.JPG",
    "sizeBytes": 101_847,
    "width": 2725,
    "height": 2225,
    "contentType": "image/jpeg",
    "createdAt": "2026-01-01T12:00:00.000Z",
    "checksum": "sha256:" + "0" * 64,
    "animated": False,
    "frames": 1,
    "orientation": 6,
    "hasAlpha": False,
    "colorSpace": "RGB",
    "sentChecksum": "sha256:" + "f" * 64,
    "removedMetadata": ["xmp"],
    "durationMs": None,
    "loopCount": None,
    "iccProfile": "Display P3",
    "bitDepth": 8,
    "dpi": [72, 72],
    "exif": {"FNumber": 2.8},
    "location": {"latitude": 52.5, "longitude": 13.4},
    "title": "T",
    "description": "D",
    "creator": ["C"],
    "keywords": ["K"],
    "rights": "R",
    "comment": "O",
    "dominantColor": "#0a0b0c",
    "thumbhash": "MTIzNDU=",
    "perceptualHash": "0000000000000abc",
    "tags": ["a", "b"],
    "attributes": {"k": "v"},
}


def holds(reply: dict[str, Any], expected: dict[str, Any]) -> None:
    """Further fields may be added to replies, those expected may not change."""
    assert {key: reply.get(key, "(missing)") for key in expected} == expected
    assert json.loads(json.dumps(reply, allow_nan=False)) == reply


def test_an_uploaded_image() -> None:
    reply = MAKE.uploaded(IMAGE)
    expected = {"success": True, "imageId": ID, "filename": "Ä b.JPG", "url": URL}
    holds(reply, {**expected, "duplicateOf": ID[:-1] + "8"})
    assert reply["message"]
    holds(reply["metadata"], METADATA)


def test_what_is_stored_as_sent_has_one_checksum() -> None:
    told = replies.metadata(dataclasses.replace(IMAGE, sent_sha256=None))
    assert told["sentChecksum"] == told["checksum"] == METADATA["checksum"]


def test_an_image_of_before_there_were_fingerprints() -> None:
    told = replies.metadata(dataclasses.replace(IMAGE, fingerprint=None))
    names = ("dominantColor", "thumbhash", "perceptualHash")
    assert [told[name] for name in names] == [None, None, None]


def test_look_alikes() -> None:
    other = dataclasses.replace(
        IMAGE, id=ID[:-1] + "7", fingerprint=Fingerprint("#000000", b"12345", 0xABD)
    )
    reply = MAKE.similar(ID, [Match.of(IMAGE, other)])
    holds(reply, {"success": True, "imageId": ID})
    holds(reply["images"][0], {"imageId": other.id, "distance": 1, "identical": True})
    assert reply["images"][0]["url"].endswith(other.id)


def test_an_image() -> None:
    holds(MAKE.image(IMAGE), {"success": True, "imageId": ID, "url": URL})
    holds(MAKE.image(IMAGE)["metadata"], METADATA)


def test_a_deletion() -> None:
    holds(replies.deleted(IMAGE, None), {"success": True, "imageId": ID})
    assert replies.deleted(IMAGE, None)["message"]


def test_a_page_and_how_it_goes_on() -> None:
    query = parse_list_query(limit=1)
    reply = MAKE.page(query, Page((IMAGE,), True, 7, False))
    expected = {"success": True, "total": 7, "totalIsExact": False}
    holds(reply, expected)
    assert query.continued(reply["nextCursor"]).after == (NOON_MS, ID)
    listed = {
        "imageId": ID,
        "filename": "Ä b.JPG",
        "size": "99.46 KB",
        "format": "jpeg",
        "url": URL,
        "sizeBytes": 101_847,
        "width": 2725,
        "height": 2225,
        "createdAt": "2026-01-01T12:00:00.000Z",
        "thumbhash": "MTIzNDU=",
        "tags": ["a", "b"],
    }
    holds(reply["images"][0], listed)


@pytest.mark.parametrize("images", [(), (IMAGE,)])
def test_the_last_page_has_no_next_cursor(images: tuple[Image, ...]) -> None:
    reply = MAKE.page(parse_list_query(), Page(images, False, len(images), True))
    assert reply["nextCursor"] is None
    assert len(reply["images"]) == len(images)


def test_storage_info() -> None:
    by_format = {Format.JPEG: FormatTotals(2, 3000), Format.PNG: FormatTotals(0, 0)}
    expected = {
        "success": True,
        "totalFiles": 2,
        "totalSize": "2.93 KB",
        "uploadsDir": "uploads",
        "totalBytes": 3000,
        "freeBytes": 5,
        "quotaBytes": None,
        "quotaFiles": None,
        "trashedFiles": 0,
        "trashedBytes": 0,
        "cacheBytes": 0,
        "byFormat": {"jpeg": {"files": 2, "bytes": 3000}},
    }
    holds(replies.storage_info(Usage(by_format, 5), "uploads"), expected)


@pytest.mark.parametrize(
    ("failed", "status", "is_success"),
    [([], "ok", True), (["workers"], "degraded", True), (["broker"], "degraded", True),
     (["storage"], "unavailable", False), (["catalogue", "workers"], "unavailable", False)],
)  # fmt: skip
def test_health(failed: list[str], status: str, is_success: bool) -> None:
    checks = {
        name: CheckResult("failed", "why") if name in failed else CheckResult("ok")
        for name in ("storage", "catalogue", "broker", "workers")
    }
    reply = replies.health(
        HealthReport(checks), service="image_service", version="1", now_ms=NOON_MS, uptime_s=1.23456
    )
    expected = {
        "success": is_success,
        "status": status,
        "service": "image_service",
        "version": "1",
        "timestamp": "2026-01-01T12:00:00.000Z",
        "uptimeSeconds": 1.235,
    }
    holds(reply, expected)
    for name, check in reply["checks"].items():
        wanted = {"status": "failed", "message": "why"} if name in failed else {"status": "ok"}
        assert check == wanted


BLANKS: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (replies.BLANK_UPLOAD, MAKE.uploaded(IMAGE)),
    (replies.BLANK_IMAGE, MAKE.image(IMAGE)),
    (replies.BLANK_DELETE, replies.deleted(IMAGE, None)),
    (replies.BLANK_LIST, MAKE.page(parse_list_query(), Page((), False, 0, True))),
    (replies.BLANK_STORAGE, replies.storage_info(Usage({}, 0), "uploads")),
]


@pytest.mark.parametrize(("blank", "success"), BLANKS, ids=lambda v: "-".join(v)[:40])
def test_a_failure_has_the_typed_fields_of_the_success(
    blank: dict[str, Any], success: dict[str, Any]
) -> None:
    assert blank["success"] is False
    assert {*blank, "message"} >= success.keys() - {"message"}
    for key, value in blank.items():
        assert value in ("", None, 0, [], {}, "0 B", True) or key == "metadata", key


class Service:
    """A service with one method."""

    @answers({"success": False, "imageId": ""})
    def get(self, outcome: Any, *, option: int = 0) -> dict[str, Any]:
        """Return or raise outcome."""
        if isinstance(outcome, BaseException):
            raise outcome
        return {"success": True, "imageId": outcome}


def test_a_success_is_answered_as_it_is() -> None:
    assert Service().get(ID, option=1) == {"success": True, "imageId": ID}


def test_our_errors_become_replies() -> None:
    reply = Service().get(ImageTooLarge("max_upload_bytes", 1, 2))
    assert reply["message"] == str(ImageTooLarge("max_upload_bytes", 1, 2))
    assert {key: reply[key] for key in ("success", "imageId", "error")} == {
        "success": False,
        "imageId": "",
        "error": {
            "code": "image_too_large",
            "retryable": False,
            "setting": "max_upload_bytes",
            "limit": 1,
            "actual": 2,
        },
    }
    assert failure_of(Service.get, ImageNotFound(ID)) == Service().get(ImageNotFound(ID))


def test_any_other_error_is_logged_and_answered_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR):
        reply = Service().get(RuntimeError("secret in /etc/passwd"))
    assert reply["error"] == {"code": "internal_error", "retryable": True}
    assert "secret" not in json.dumps(reply)
    assert "passwd" in caplog.text


@pytest.mark.parametrize("error", [SystemExit(), KeyboardInterrupt(), GeneratorExit()])
def test_what_ends_a_process_is_not_held_up(error: BaseException) -> None:
    with pytest.raises(type(error)):
        Service().get(error)


def test_replies_never_share_what_could_be_changed() -> None:
    Service().get(ImageNotFound(ID))["error"]["code"] = "changed"
    assert Service().get(ImageNotFound(ID))["error"]["code"] == "image_not_found"


def test_nameko_sees_the_methods_own_arguments() -> None:
    parameters = inspect.signature(Service().get).parameters
    assert list(parameters) == ["outcome", "option"]
    assert Service.get.__name__ == "get"

"""What an upload may be, in which forms it may come, and how each wrong one is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgpack
import pytest
import requests

from image_service.testing import heic
from tests.component.harness import JSON, MSGPACK, RawCaller, Service, checksum_of
from tests.component.pictures import PILLOW, animation, header_only_png, noise, picture
from tests.component.test_contract_over_rpc import assert_failed

PHOTO = picture("jpg", (80, 60))


def node_buffer(data: bytes) -> dict[str, Any]:
    return {"type": "Buffer", "data": list(data)}


FORMS = {
    "bytes": lambda data: data,
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64url": lambda data: base64.urlsafe_b64encode(data).decode().rstrip("="),
    "base64 in lines": lambda data: base64.encodebytes(data).decode(),
    "data url": lambda data: "data:image/png;base64," + base64.b64encode(data).decode(),
    "node buffer": node_buffer,
}


@pytest.mark.parametrize("serializer", ["msgpack", "json"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_the_bytes_arrives_exact(
    service: Service, form: str, serializer: str
) -> None:
    for data in (picture(), noise(170)):  # below and above what is decoded in the service itself
        with service.rpc(serializer=serializer) as rpc:
            reply = rpc.upload_image(file=FORMS[form](data), filename="a.png")
        assert reply["success"], reply
        assert reply["metadata"]["checksum"] == checksum_of(data)
        assert service.originals.read(f"{reply['imageId']}.png") == data


@pytest.mark.parametrize("size_px", [10, 170])
def test_a_node_buffer_comes_without_any_python_client(
    service: Service, raw: RawCaller, size_px: int
) -> None:
    data = noise(size_px)
    body = {"args": [], "kwargs": {"file": node_buffer(data), "filename": "из Node.png"}}
    correlation_id = raw.send(json.dumps(body).encode(), "upload_image")
    message = raw.receive()
    assert message.properties["correlation_id"] == correlation_id
    assert message.properties["content_type"] == JSON
    reply = json.loads(message.body)
    assert reply["error"] is None
    assert reply["result"]["success"] is True
    assert reply["result"]["filename"] == "из Node.png"
    assert service.originals.read(f"{reply['result']['imageId']}.png") == data


def test_msgpack_and_json_callers_get_the_same_reply(service: Service, raw: RawCaller) -> None:
    image_id = service.upload(picture())["imageId"]
    call = {"args": [image_id], "kwargs": {}}
    raw.send(json.dumps(call).encode(), "get_image")
    in_json = raw.answer()
    raw.send(msgpack.packb(call), "get_image", content_type=MSGPACK)
    message = raw.receive()
    assert message.properties["content_type"] == MSGPACK
    assert msgpack.unpackb(message.body) == in_json


def test_content_type_may_carry_parameters_and_capitals(service: Service, raw: RawCaller) -> None:
    body = json.dumps({"args": [], "kwargs": {}}).encode()
    raw.send(body, content_type="Application/JSON; charset=utf-8")
    assert raw.answer()["result"]["success"] is True


ARGUMENTS = {"file": PHOTO, "filename": "a.jpg"}


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("invalid_filename", {"filename": ""}),
        ("invalid_filename", {"filename": "  "}),
        ("invalid_filename", {"filename": None}),
        ("invalid_filename", {"filename": 7}),
        ("invalid_filename", {"filename": "a\nb.jpg"}),
        ("invalid_filename", {"filename": "a\0.jpg"}),
        ("invalid_filename", {"filename": "x" * 256}),
        ("invalid_argument", {"file": None}),
        ("invalid_argument", {"file": 5}),
        ("invalid_argument", {"file": [1, 2]}),
        ("invalid_argument", {"file": {"type": "Buffer", "data": "no"}}),
        ("invalid_argument", {"file": {"type": "Buffer", "data": [256]}}),
        ("invalid_argument", {"file": {"type": "Buffer", "data": [-1]}}),
        ("invalid_argument", {"file": {"type": "Buffer", "data": ["1"]}}),
        ("invalid_argument", {"file": "not base64 at all!"}),
        ("invalid_argument", {"file": "data:image/png,plain"}),
        ("invalid_argument", {"tags": "one"}),
        ("invalid_argument", {"tags": [""]}),
        ("invalid_argument", {"tags": [5]}),
        ("invalid_argument", {"tags": ["x"] * 65}),
        ("invalid_argument", {"attributes": ["a"]}),
        ("invalid_argument", {"attributes": {"a": 5}}),
        ("invalid_argument", {"attributes": {"a": {"b": "c"}}}),
        ("invalid_argument", {"checksum": "md5:00"}),
        ("invalid_argument", {"checksum": 5}),
        ("invalid_argument", {"idempotency_key": ""}),
        ("invalid_argument", {"idempotency_key": 5}),
        ("empty_file", {"file": b""}),
        ("empty_file", {"file": ""}),
        ("empty_file", {"file": {"type": "Buffer", "data": []}}),
        ("unsupported_format", {"file": b"hello world", "filename": "a.txt"}),
        ("unsupported_format", {"file": b"<svg xmlns='http://www.w3.org/2000/svg'/>"}),
        ("unsupported_format", {"file": b"%PDF-1.7"}),
        ("type_mismatch", {"filename": "a.png"}),
        ("type_mismatch", {"filename": "a.heic"}),
        ("truncated_image", {"file": PHOTO[:-40]}),
        ("corrupt_image", {"file": b"\xff\xd8\xff" + b"\0" * 100}),
        ("too_many_pixels", {"file": header_only_png(30_000, 20), "filename": "a.png"}),
        ("too_many_pixels", {"file": header_only_png(9_000, 9_000), "filename": "a.png"}),
        ("too_many_frames", {"file": animation(501), "filename": "a.gif"}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_its_code_and_leaves_nothing(
    service: Service, rpc: Any, code: str, change: dict[str, Any]
) -> None:
    before = service.stored()
    reply = rpc.upload_image(**{**ARGUMENTS, **change})
    assert_failed(reply, code)
    assert (reply["imageId"], reply["url"], reply["metadata"]) == ("", "", None)
    assert service.stored() == before


def test_a_wrong_checksum_is_refused_and_may_be_retried(service: Service, rpc: Any) -> None:
    before = service.stored()
    reply = rpc.upload_image(**ARGUMENTS, checksum=checksum_of(b"other"))
    assert_failed(reply, "checksum_mismatch", retryable=True)
    assert reply["error"]["expected"] == checksum_of(b"other")
    assert reply["error"]["actual"] == checksum_of(PHOTO)
    assert service.stored() == before
    assert rpc.upload_image(**ARGUMENTS, checksum=checksum_of(PHOTO).upper().replace(
        "SHA256", "sha256"))["success"]  # fmt: skip


def test_arguments_are_checked_before_the_file(rpc: Any) -> None:
    assert_failed(rpc.upload_image(file=b"", filename="a.jpg", tags="x"), "invalid_argument")
    assert_failed(rpc.upload_image(file=b"", filename=""), "invalid_filename")


@pytest.mark.parametrize(
    ("extension", "filename"),
    [("jpg", "A.JPE"), ("jpg", "a.jfif"), ("png", "a.apng"), ("tiff", "a.TIF"), ("bmp", "a.dib")],
)
def test_spellings_of_one_extension_are_one(rpc: Any, extension: str, filename: str) -> None:
    assert rpc.upload_image(file=picture(extension), filename=filename)["success"]


def test_every_format_is_stored_without_an_extension(rpc: Any) -> None:
    for extension in PILLOW:
        assert rpc.upload_image(file=picture(extension), filename="plain")["success"]


def test_heic_is_stored_and_served_as_such(service: Service, rpc: Any) -> None:
    data = heic((64, 48), orientation=6)
    reply = rpc.upload_image(file=data, filename="IMG_1.HEIC")
    assert (reply["metadata"]["format"], reply["metadata"]["dimensions"]) == ("heic", "48x64")
    assert reply["metadata"]["perceptualHash"]
    answer = requests.get(reply["url"], timeout=10)
    assert (answer.content, answer.headers["Content-Type"]) == (data, "image/heic")
    assert rpc.list_images(format="heic")["total"] >= 1


def test_the_same_key_answers_the_first_reply(service: Service, rpc: Any) -> None:
    first = rpc.upload_image(**ARGUMENTS, idempotency_key="key-1")
    before = service.stored()
    again = rpc.upload_image(**{**ARGUMENTS, "filename": "other.jpg"}, idempotency_key="key-1")
    assert again == first
    assert service.stored() == before


def test_the_same_key_with_other_bytes_is_refused(rpc: Any) -> None:
    assert rpc.upload_image(**ARGUMENTS, idempotency_key="key-2")["success"]
    reply = rpc.upload_image(file=picture("jpg"), filename="a.jpg", idempotency_key="key-2")
    assert_failed(reply, "invalid_argument")


def test_a_failure_is_not_remembered_under_its_key(rpc: Any) -> None:
    reply = rpc.upload_image(file=PHOTO[:-40], filename="a.jpg", idempotency_key="key-3")
    assert_failed(reply, "truncated_image")
    assert rpc.upload_image(**ARGUMENTS, idempotency_key="key-3")["success"]

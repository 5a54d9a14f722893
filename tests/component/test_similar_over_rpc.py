"""Duplicates and look-alikes, over the wire."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image

from tests.component.harness import Service
from tests.component.test_contract_over_rpc import assert_failed
from tests.unit.test_fingerprint import scene


def encoded(picture: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def test_copies_of_a_picture_are_found_and_duplicates_told(service: Service) -> None:
    original = encoded(scene(seed=77), "JPEG", quality=90)
    with service.rpc() as rpc:
        first = rpc.upload_image(original, "a.jpg")
        again = rpc.upload_image(original, "b.jpg")
        smaller = rpc.upload_image(encoded(scene(seed=77).resize((160, 120)), "PNG"), "c.png")
        other = rpc.upload_image(encoded(scene(seed=78), "JPEG"), "d.jpg")
        assert [reply["duplicateOf"] for reply in (first, again, smaller, other)] == [
            None, first["imageId"], None, None,
        ]  # fmt: skip
        reply = rpc.find_similar(first["imageId"])
        assert reply["success"]
        assert reply["imageId"] == first["imageId"]
        found = [(each["imageId"], each["identical"]) for each in reply["images"]]
        assert found == [(again["imageId"], True), (smaller["imageId"], False)]
        assert reply["images"][0]["distance"] == 0 <= reply["images"][1]["distance"] <= 8
        assert reply["images"][1]["url"].endswith(smaller["imageId"])
        with_extension = rpc.find_similar(first["imageId"] + ".jpg", max_distance=0, limit=1)
        assert [each["imageId"] for each in with_extension["images"]] == [again["imageId"]]
        assert with_extension["imageId"] == first["imageId"]
        rpc.delete_image(again["imageId"])
        left = rpc.find_similar(first["imageId"])["images"]
        assert [each["imageId"] for each in left] == [smaller["imageId"]]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"max_distance": 11}, "invalid_argument"),
        ({"max_distance": -1}, "invalid_argument"),
        ({"max_distance": True}, "invalid_argument"),
        ({"limit": 0}, "invalid_argument"),
        ({"limit": "5"}, "invalid_argument"),
        ({}, "image_not_found"),
        ({"image_id": "../x"}, "invalid_image_id"),
    ],
    ids=str,
)
def test_bad_questions_are_refused(service: Service, arguments: dict[str, Any], code: str) -> None:
    asked = {"image_id": "img_1700000000000_0123456789abcdef", **arguments}
    with service.rpc() as rpc:
        reply = rpc.find_similar(**asked)
    assert_failed(reply, code)
    assert reply["images"] == []

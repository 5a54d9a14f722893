"""Which bytes are there already, over the wire."""

from __future__ import annotations

from typing import Any

import pytest

from image_service.testing import png
from tests.component.harness import Service, checksum_of
from tests.component.test_contract_over_rpc import assert_failed

NOBODYS = "sha256:" + "0" * 64


def test_stored_bytes_are_told_by_their_checksum(service: Service) -> None:
    data = png((31, 17))
    with service.rpc() as rpc:
        first = rpc.upload_image(data, "a.png")["imageId"]
        again = rpc.upload_image(data, "b.png")["imageId"]
        asked = [checksum_of(data).replace("a", "A").replace("shA", "sha"), NOBODYS]
        reply = rpc.find_images(asked)
        assert reply == {"success": True, "imageIds": {checksum_of(data): min(first, again)}}
        rpc.delete_image(min(first, again))
        assert rpc.find_images(asked)["imageIds"] == {checksum_of(data): max(first, again)}
        rpc.delete_image(max(first, again))
        assert rpc.find_images(asked)["imageIds"] == {}


@pytest.mark.parametrize(
    "checksums", [[], "sha256:", ["md5:1"], [5], None, [NOBODYS] * 1001], ids=repr
)
def test_bad_questions_are_refused(service: Service, checksums: Any) -> None:
    with service.rpc() as rpc:
        reply = rpc.find_images(checksums)
    assert_failed(reply, "invalid_argument")
    assert reply["imageIds"] == {}
    assert reply["error"]["argument"] == "checksums"

"""What is stripped from pictures before they are stored, over the wire."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import pytest
from PIL import Image

from tests.component.harness import checksum_of

NEEDLE = b"Somebody's camera"


def photo(seed: int = 0) -> bytes:
    """Return a JPEG that tells where it was taken, by what, and that it lies on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = NEEDLE.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 30.0, 0.0), 3: "E", 4: (13.0, 24.0, 0.0)})
    buffer = io.BytesIO()
    picture = Image.effect_mandelbrot((64, 48), (-2 - seed, -1.5, 1, 1.5), 100)
    picture.save(buffer, "JPEG", exif=exif, comment=b"a comment")
    return buffer.getvalue()


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.tobytes()


@pytest.mark.parametrize(
    ("mode", "removed", "place", "make", "comment"),
    [
        ("none", [], {"latitude": 52.5, "longitude": 13.4}, NEEDLE.decode(), "a comment"),
        ("location", ["gps"], None, NEEDLE.decode(), "a comment"),
        ("all", ["comment", "exif", "gps"], None, None, None),
    ],
)
def test_what_is_removed_is_told_and_nowhere_to_be_found(
    make_service: Any, mode: str, removed: list[str], place: Any, make: Any, comment: Any
) -> None:
    service = make_service(strip_metadata=mode)
    sent = photo()
    reply = service.upload(sent, "a.jpg", checksum=checksum_of(sent), idempotency_key="k")
    told = reply["metadata"]
    assert told["removedMetadata"] == removed
    assert (told["location"], told["exif"].get("Make"), told["comment"]) == (place, make, comment)
    assert (told["dimensions"], told["orientation"]) == ("48x64", 6)
    answer, served = service.get(f"/images/{reply['imageId']}")
    assert answer.status == 200
    assert checksum_of(served) == told["checksum"]
    assert answer.headers["ETag"] == f'"{hashlib.sha256(served).hexdigest()}"'
    assert told["sentChecksum"] == checksum_of(sent)
    assert (told["checksum"] == told["sentChecksum"]) == (mode == "none")
    assert len(served) == told["sizeBytes"]
    assert pixels(served) == pixels(sent)
    assert (NEEDLE in served) == (make is not None)
    with service.rpc() as rpc:
        assert rpc.get_image(reply["imageId"])["metadata"] == told
        again = rpc.upload_image(sent, "a.jpg", idempotency_key="k")
        assert again["imageId"] == reply["imageId"]
        copy = rpc.upload_image(served, "b.jpg")
        assert copy["duplicateOf"] == reply["imageId"], "by what is stored"
        assert rpc.get_storage_info()["totalBytes"] == 2 * len(served)


def test_a_picture_with_nothing_to_remove_is_stored_as_it_was_sent(make_service: Any) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6)).save(buffer, "PNG")
    service = make_service(strip_metadata="all")
    told = service.upload(buffer.getvalue())["metadata"]
    assert told["removedMetadata"] == []
    assert told["checksum"] == told["sentChecksum"] == checksum_of(buffer.getvalue())


def test_a_file_is_found_by_what_was_sent_and_by_what_is_stored(
    make_service: Any,
) -> None:
    service = make_service(strip_metadata="all")
    data = photo()
    image = service.upload(data, "a.jpg")
    stored, sent = (image["metadata"][name] for name in ("checksum", "sentChecksum"))
    assert stored != sent == checksum_of(data)
    with service.rpc() as rpc:
        found = rpc.find_images([sent, stored])["imageIds"]
    assert found == dict.fromkeys((sent, stored), image["imageId"])

"""Bytes that changed where they are kept: never served, by no way of reading, and found."""

from __future__ import annotations

import http.client
import io
import random
import time
from collections.abc import Callable

import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from image_service.domain.blocks import BLOCK_BYTES
from image_service.testing import png
from tests.component.harness import Service, wait_until
from tests.component.variants import path, problem
from tests.originals import Originals


def large_picture() -> bytes:
    """Return a PNG of three blocks and a bit."""
    side = 520
    buffer = io.BytesIO()
    Image.frombytes("RGB", (side, side), random.randbytes(3 * side * side)).save(
        buffer, "PNG", compress_level=0
    )
    return buffer.getvalue()


DATA = large_picture()
AT = BLOCK_BYTES + 1000
"""In the second block."""


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(sweep_interval_s=3600, scrub_bytes_per_s=2**30)


@pytest.fixture
def damaged(service: Service) -> str:
    """An image with one bit flipped."""
    assert 3 * BLOCK_BYTES < len(DATA) < 4 * BLOCK_BYTES
    image_id = service.upload(DATA)["imageId"]
    assert service.get(f"/images/{image_id}")[1] == DATA
    flip(service.originals, f"{image_id}.png", AT)
    return image_id


def flip(originals: Originals, name: str, at: int) -> None:
    data = bytearray(originals.read(name))
    data[at] ^= 1
    originals.write(name, bytes(data))


def get_range(service: Service, image_id: str, start: int, stop: int) -> tuple[int, bytes]:
    headers = {"Range": f"bytes={start}-{stop - 1}"}
    answer, body = service.get(f"/images/{image_id}", headers)
    return answer.status, body


def test_the_rest_is_served_and_the_damaged_block_never(service: Service, damaged: str) -> None:
    assert get_range(service, damaged, 0, BLOCK_BYTES) == (206, DATA[:BLOCK_BYTES])
    behind = 2 * BLOCK_BYTES
    assert get_range(service, damaged, behind, len(DATA)) == (206, DATA[behind:])
    for start, stop in ((AT, AT + 1), (BLOCK_BYTES, BLOCK_BYTES + 1), (AT + 50, len(DATA))):
        status, body = get_range(service, damaged, start, stop)
        assert status == 500
        assert b"image_damaged" in body
    with pytest.raises(http.client.IncompleteRead) as cut:
        service.get(f"/images/{damaged}")
    assert DATA.startswith(cut.value.partial)
    assert len(cut.value.partial) <= BLOCK_BYTES
    with pytest.raises(http.client.IncompleteRead) as cut:
        get_range(service, damaged, 100, len(DATA))
    assert DATA[100:BLOCK_BYTES].startswith(cut.value.partial)


def test_calls_and_variants_are_told(service: Service, damaged: str) -> None:
    with service.rpc() as rpc:
        assert rpc.download_image(damaged)["error"]["code"] == "image_damaged"
        part = rpc.download_image(damaged, offset=0, length=1000)
        assert part["file"] == DATA[:1000]
        part = rpc.download_image(damaged, offset=AT, length=1)
        assert (part["file"], part["error"]["code"]) == (b"", "image_damaged")
        assert rpc.get_image(damaged)["success"], "what is known of it is still known"
    answer, body = service.get(path(damaged, "w:20"))
    assert problem(answer, body)[:2] == (500, "image_damaged")


def test_the_scrub_finds_it_and_health_tells(service: Service, damaged: str) -> None:
    sound = service.upload(DATA)["imageId"]
    with service.rpc() as rpc:
        assert rpc.health_check()["integrity"] is None
        service.app.scrub.step()
        health = wait_until(lambda: rpc.health_check()["integrity"])
    assert (health["images"], health["damaged"], health["missing"]) == (2, 1, 0)
    assert health["imageIds"] == [damaged]
    answer, body = service.get(f"/images/{damaged}")
    assert problem(answer, body)[:2] == (500, "image_damaged")
    assert f".damaged/{damaged}.png" in service.stored()
    assert service.get(f"/images/{sound}")[1] == DATA


def test_metrics_tell_what_is_stored_and_how_it_was_verified(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(scrub_bytes_per_s=10**9, sweep_interval_s=0.2, quota_bytes=10**9)
    images = [service.upload(png((8, 6), seed=n), "a.png")["imageId"] for n in range(3)]
    name = f"{images[0]}.png"
    service.originals.write(name, service.originals.read(name)[:-1] + b"x")

    def metrics() -> dict[tuple[str, ...], float]:
        answer, body = service.get("/metrics")
        assert (answer.status, answer.headers["Content-Type"]) == (
            200,
            "text/plain; version=0.0.4; charset=utf-8",
        )
        families = text_string_to_metric_families(body.decode())
        return {
            (sample.name.removeprefix("image_service_"), *sample.labels.values()): sample.value
            for family in families
            for sample in family.samples
        }

    wait_until(lambda: metrics().get(("verified_images", "damaged")) == 1)
    told = metrics()
    with service.rpc() as rpc:
        info = rpc.get_storage_info()
    assert told["images",] == info["totalFiles"] == 3
    assert told["bytes",] == info["totalBytes"]
    assert told["quota_bytes",] == 10**9
    assert told["verified_images", "sound"] == 2
    assert told["verified_images", "missing"] == 0
    assert time.time() - 60 < told["verified_timestamp_seconds",] < time.time() + 1
    assert told["variant_lookups_total", "hit"] == 0

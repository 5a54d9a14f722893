"""A disk that is full to the last byte: reads and deletions go on, uploads are told."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service.errors import StorageFull
from image_service.testing import png
from tests.component.harness import delete_queues
from tests.e2e.processes import Site
from tests.e2e.several import services, two, until
from tests.e2e.shop import Shop

DISK_BYTES = 32 * 1024 * 1024
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS")
PATHS = ("/", "/images/none", "/img/none", "/api/images", "/api/none", "/openapi.json", "/nowhere")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own, where a Site in tmp_path has its images."""
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("needs root on Linux")
    folder = tmp_path / "uploads"
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_up(disk: Path) -> None:
    """Leave no byte."""
    for size in (1024 * 1024, 4096, 1):
        with (disk / f"filler-{size}").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


def test_a_full_disk_can_be_emptied(disk: Path) -> None:
    shop = Shop(disk / "shop")
    first, second, third = (shop.manager.add(png(seed=n), "a.png") for n in range(3))
    fill_up(disk)
    with pytest.raises(StorageFull):
        shop.manager.add(png((640, 640)), "b.png")
    assert shop.manager.open(first.id)[1].read()
    shop.manager.remove(first.id)
    shop.manager.remove(second.id, permanent=True)
    assert shop.manager.restore(first.id) == first
    shop.manager.remove(third.id, permanent=True)
    for filler in disk.glob("filler-*"):
        filler.unlink()
    shop.manager.sweep()
    assert (shop.uploads / ".state" / "reserve").stat().st_size == 4 * 1024 * 1024
    assert shop.manager.add(png(seed=9), "c.png").id
    assert shop.verify()[0] == 0
    shop.catalogues.stop()


def test_several_processes_live_on_and_are_replaced(disk: Path, broker_uri: str) -> None:
    delete_queues(broker_uri)
    site = Site(disk.parent, broker_uri)
    with two(site, IMAGE_SERVICE_MIN_FREE_BYTES="0") as supervisor, site.rpc() as rpc:
        reply = rpc.upload_image(png(), "a.png")
        assert reply["success"], reply
        before = services(supervisor.pid)
        # Whoever has something to put right in the catalogue gives it up, and uploads find room.
        (disk / ".state" / "reserve").unlink()
        fill_up(disk)
        for method, path in itertools.product(METHODS, PATHS):
            asked = urllib.request.Request(site.base_url + path, method=method)
            with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(asked):
                pass
        assert site.status("/metrics") == 200
        assert rpc.upload_image(png((640, 640)), "b.png")["success"] is False
        assert services(supervisor.pid) == before
        before[1].kill()
        until(lambda: "the metrics that this process tells are its own alone" in site.words())
        assert len(set(services(supervisor.pid)) - {before[1]}) == 2
        assert site.status(f"/images/{reply['imageId']}") == 200
        assert site.status("/metrics") == 200
        for filler in disk.glob("filler-*"):
            filler.unlink()
        until(lambda: rpc.upload_image(png((640, 640)), "b.png")["success"])

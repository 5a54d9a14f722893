"""The disk of the originals goes away or fails under a running service, and comes back."""

from __future__ import annotations

import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from image_service.testing import png
from tests.e2e.processes import Site
from tests.e2e.test_full_disk import disk as disk
from tests.e2e.test_killed_before_the_reply import rpc
from tests.e2e.test_power_loss import disk as ext4
from tests.e2e.test_power_loss import mounted

ext4_disk = ext4


def soon(tell: Callable[[], Any], what: str) -> Any:
    """Return what is told once it is something. A service looks at its disk when it is asked."""
    deadline = time.monotonic() + 20
    while not (told := tell()):
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
    return told


def moved(disk: Path, target: Path) -> None:
    subprocess.run(["mount", "--move", str(disk), str(target)], check=True)


def test_away_and_back_nothing_is_lost(disk: Path, tmp_path: Path, broker_uri: str) -> None:
    site = Site(tmp_path / "site", broker_uri)
    data = png((40, 30), seed=1)
    where = {
        "IMAGE_SERVICE_UPLOAD_DIR": str(disk / "uploads"),
        "IMAGE_SERVICE_MIN_FREE_BYTES": "0",
    }
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    with site.running(**where), rpc(site) as service:
        image_id = service.upload_image(data, "a.png")["imageId"]
        assert image_id
        moved(disk, elsewhere)
        try:
            reply = service.get_image(image_id)
            assert reply["error"]["code"] in ("storage_unavailable", "image_not_found"), reply
            assert site.status(f"/images/{image_id}") in (404, 503)
        finally:
            moved(elsewhere, disk)
        soon(
            lambda: service.get_image(image_id)["success"] and site.status("/readyz") == 200,
            "it does not find its disk again",
        )
        with urllib.request.urlopen(f"{site.base_url}/images/{image_id}", timeout=10) as answer:
            assert answer.read() == data
        assert service.upload_image(data, "b.png")["success"]
        assert service.list_images()["total"] == 2


def test_a_file_system_that_went_read_only_is_told_and_left_behind(
    ext4_disk: Path, tmp_path: Path, broker_uri: str
) -> None:
    """As Linux does with one whose disk failed; then it is checked and mounted again."""
    site = Site(tmp_path / "site", broker_uri)
    data = png((40, 30), seed=1)
    folder = tmp_path / "mounted"
    where = {
        "IMAGE_SERVICE_UPLOAD_DIR": str(folder / "uploads"),
        "IMAGE_SERVICE_MIN_FREE_BYTES": "0",
    }
    mended = tmp_path / "mended"
    with mounted(ext4_disk, folder), site.running(**where), rpc(site) as service:
        image_id = service.upload_image(data, "a.png")["imageId"]
        assert image_id
        subprocess.run(["mount", "-o", "remount,abort", str(folder)], check=True)
        for reply in (service.upload_image(data, "b.png"), service.delete_image(image_id)):
            assert reply["error"] == {"code": "storage_unavailable", "retryable": True}, reply
        assert service.get_image(image_id)["success"]
        with urllib.request.urlopen(f"{site.base_url}/images/{image_id}", timeout=10) as answer:
            assert answer.read() == data
        assert service.health_check()["status"] == "unavailable"
        assert site.status("/readyz") == 503
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        shutil.copy(ext4_disk, mended)
        subprocess.run(["mount", "-o", "loop", str(mended), str(folder)], check=True)
        soon(
            lambda: (
                service.upload_image(data, "b.png")["success"] and site.status("/readyz") == 200
            ),
            "it does not find its disk again",
        )
        assert service.delete_image(image_id)["success"]
        names = [image["filename"] for image in service.list_images()["images"]]
        assert names == ["b.png"]

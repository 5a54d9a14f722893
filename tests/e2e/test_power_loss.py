"""What a power cut leaves of the disk is enough: every acknowledged upload, no deleted image.

The store lies on an ext4 file system in a file. A copy of that file, made while the service runs,
holds what had been synced and nothing else: mounted, it is the disk after the power came back.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.component.harness import delete_queues
from tests.e2e.processes import Site
from tests.e2e.test_serve import fetch

DISK_BYTES = 64 << 20
UPLOADS, DELETED_EVERY = 40, 4


@contextlib.contextmanager
def mounted(disk: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir()
    command = ["mount", "-o", "loop,commit=300", disk, folder]  # nothing is synced by itself
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("file systems may not be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    if os.geteuid() or not shutil.which("mkfs.ext4"):
        pytest.skip("needs root and mkfs.ext4")
    path = tmp_path / "disk"
    with path.open("wb") as file:
        file.truncate(DISK_BYTES)
    subprocess.run(["mkfs.ext4", "-q", path], check=True, capture_output=True)
    return path


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (60, 40), random.randbytes(60 * 40 * 3)).save(buffer, "PNG")
    return buffer.getvalue()


def work(rpc: Any) -> dict[str, tuple[str, str]]:
    """Upload and delete; return of each image that is left its digest and url path."""
    kept = {}
    for number in range(UPLOADS):
        data = picture()
        reply = rpc.upload_image(data, f"{number}.png", tags=["kept"])
        assert reply["success"], reply
        digest = hashlib.sha256(data).hexdigest()
        kept[reply["imageId"]] = digest, "/images/" + reply["imageId"]
        if number % DELETED_EVERY == 0:
            assert rpc.delete_image(reply["imageId"])["success"]
            del kept[reply["imageId"]]
    return kept


def test_what_was_acknowledged_survives_a_power_cut(
    disk: Path, tmp_path: Path, broker_uri: str
) -> None:
    delete_queues(broker_uri)
    before, after = Site(tmp_path / "before", broker_uri), Site(tmp_path / "after", broker_uri)
    with mounted(disk, tmp_path / "living") as folder:
        environment = {
            "IMAGE_SERVICE_UPLOAD_DIR": str(folder / "uploads"),
            "IMAGE_SERVICE_MIN_FREE_BYTES": "0",  # the disk is small
        }
        with before.running(**environment), before.rpc() as rpc:
            kept = work(rpc)
            cut = tmp_path / "cut"
            shutil.copy(disk, cut)
    with mounted(cut, tmp_path / "again") as folder:
        uploads = folder / "uploads"
        with (
            after.running(IMAGE_SERVICE_UPLOAD_DIR=str(uploads), IMAGE_SERVICE_MIN_FREE_BYTES="0"),
            after.rpc() as rpc,
        ):
            listed = {image["imageId"] for image in rpc.list_images()["images"]}
            assert listed == set(kept)
            assert rpc.get_storage_info()["totalFiles"] == len(kept)
            for digest, path in kept.values():
                assert hashlib.sha256(fetch(after.base_url + path)).hexdigest() == digest
            stored = {path.stem for path in uploads.iterdir() if path.is_file()}
            assert stored == set(kept), "each has its final name again, and nothing else is there"

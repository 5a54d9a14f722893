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
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from image_service.backup_format import walk
from image_service.maintenance import Parts, opened
from image_service.serve import load
from tests.component.harness import delete_queues
from tests.e2e.processes import Site
from tests.e2e.test_serve import fetch

DISK_BYTES = 64 << 20
UPLOADS, DELETED_EVERY = 40, 4
CUTS, LONGEST_PAUSE_S = 100, 0.2


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


class Caller(threading.Thread):
    """Uploads and deletes without pause. kept: digests by id, going: of these ids a deletion has
    begun, gone: has been answered."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site
        self._is_over = threading.Event()
        self.kept: dict[str, str] = {}
        self.going: set[str] = set()
        self.gone: set[str] = set()
        self.refused: list[Any] = []

    def run(self) -> None:
        with self._site.rpc() as rpc:
            while not self._is_over.is_set():
                data = picture()
                reply = rpc.upload_image(data, "a.png", tags=["kept"])
                if not reply["success"]:
                    self.refused.append(reply)
                    return
                image_id = reply["imageId"]
                self.kept[image_id] = hashlib.sha256(data).hexdigest()
                if len(self.kept) % DELETED_EVERY:
                    continue
                self.going.add(image_id)
                if not rpc.delete_image(image_id)["success"]:
                    self.refused.append(image_id)
                    return
                self.gone.add(image_id)

    def stop(self) -> None:
        self._is_over.set()
        self.join()


def left_of(parts: Parts) -> dict[str, str]:
    """Put a store in order, as a start does; return the digests of its images by id."""
    parts.store.sweep(parts.catalogue.known, parts.catalogue.trashed)
    found = {}
    for image in walk(parts.catalogue):
        with parts.store.open(image.blob_name) as file:
            found[image.id] = hashlib.sha256(file.read()).hexdigest()
            assert found[image.id] == image.sha256.hex(), image.blob_name
    assert {name.partition(".")[0] for name in parts.store.names()} == set(found)
    return found


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_hundred_cuts_at_any_moment(disk: Path, tmp_path: Path, broker_uri: str) -> None:
    delete_queues(broker_uri)
    site, after = Site(tmp_path / "site", broker_uri), Site(tmp_path / "after", broker_uri)
    cut = tmp_path / "cut"
    with mounted(disk, tmp_path / "living") as folder:
        where = {
            "IMAGE_SERVICE_UPLOAD_DIR": str(folder / "uploads"),
            "IMAGE_SERVICE_MIN_FREE_BYTES": "0",
        }
        with site.running(**where) as process:
            caller = Caller(site)
            caller.start()
            for number in range(CUTS):
                time.sleep(random.uniform(0, LONGEST_PAUSE_S))
                answered, gone = dict(caller.kept), set(caller.gone)
                os.kill(process.pid, signal.SIGSTOP)  # the disk is copied as it is at a moment
                shutil.copy(disk, cut)
                os.kill(process.pid, signal.SIGCONT)
                time.sleep(0.05)
                going = set(caller.going)
                with mounted(cut, tmp_path / f"again{number}") as copy:
                    after.config.write_text(f"upload_dir: {copy / 'uploads'}\n")
                    with opened(load(after.config)[1]) as parts:
                        found = left_of(parts)
                    assert not list((copy / "uploads" / ".tmp").iterdir())
                lost = {i for i, digest in answered.items() if found.get(i) != digest} - going
                assert not lost, f"cut {number}"
                assert not gone & set(found), f"cut {number}"
            caller.stop()
            assert not caller.refused
            assert len(caller.kept) > CUTS

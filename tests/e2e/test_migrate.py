"""Originals move from a disk to a bucket and back, under load, with real processes.

The short story runs in `make test`, the long one in `make soak`.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service.storage.s3 import Bucket
from tests.component.harness import delete_queues
from tests.e2e.moving_load import Load, digest_of
from tests.e2e.processes import Site, stop
from tests.e2e.several import until
from tests.s3 import S3Server

SOAK_IMAGES, SOAK_SIDE_PX, SOAK_REST_S = 10_000, 180, 20.0
PROGRAM = (str(Path(sys.executable).with_name("image-service")), "migrate")


class Move:
    """A site whose originals move."""

    def __init__(self, site: Site, s3_server: S3Server, **environment: str) -> None:
        self.site = site
        prefix = secrets.token_hex(6)
        self.place = s3_server.place(prefix)
        self.bucket: Bucket = s3_server.bucket(prefix)
        told = s3_server.environment(prefix)
        del told["IMAGE_SERVICE_S3_ORIGINALS"]
        site.environment.update(told)
        site.environment.update(
            IMAGE_SERVICE_SERVICE_PROCESSES="2",
            IMAGE_SERVICE_SWEEP_INTERVAL_S="1",
            IMAGE_SERVICE_TRASH_RETENTION_DAYS="1",
            IMAGE_SERVICE_RENDER_WORKERS="2",
            IMAGE_SERVICE_IMAGE_WORKERS="2",
            IMAGE_SERVICE_MEZZANINES="never",
            **environment,
        )

    def configure(self, main: str, also: str = "") -> None:
        """Write where originals are into config.yaml."""
        text = self.site.config.read_text()
        for key, value in (("s3_originals", main), ("originals_also", also)):
            text = re.sub(rf"(?m)^{key}:.*$", f"{key}: {value}", text)
        self.site.config.write_text(text)

    def renew(self, process: subprocess.Popen[bytes]) -> None:
        before = self.site.words().count("by 2 new processes")
        process.send_signal(signal.SIGHUP)
        until(lambda: self.site.words().count("by 2 new processes") > before, timeout_s=90)

    def begin(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*PROGRAM, *options, "--json", "--config", str(self.site.config)],
            cwd=self.site.folder,
            env=self.site.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str) -> dict[str, Any]:
        out, error = (process := self.begin(*options)).communicate(timeout=600)
        assert process.returncode == 0, f"{out}\n{error}"
        told: dict[str, Any] = json.loads(out)["originals"]
        return told

    def kill_in_the_middle(self, number: int, target: str) -> None:
        """Begin, and end it by a signal when ten more were copied."""
        there = self.copied if target else self.on_disk
        wanted = len(there()) + 10
        process = self.begin("--max-rate", "0.1")
        until(lambda: process.poll() is not None or len(there()) >= wanted)
        assert process.poll() is None, process.communicate()
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode != 0

    def copied(self) -> set[str]:
        return {each.key for each in self.bucket.listed("") if each.key.startswith("img_")}

    def on_disk(self) -> set[str]:
        """The names of images' files below upload_dir."""
        return {
            path.name
            for path in self.site.uploads.rglob("*img_*")
            if path.is_file() and not {".cache", ".state"} & {*path.parts}
        }

    def verified(self) -> dict[str, Any]:
        done = subprocess.run(
            [PROGRAM[0], "verify", "--json", "--config", str(self.site.config)],
            cwd=self.site.folder,
            env=self.site.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        told: dict[str, Any] = json.loads(done.stdout)
        return told


@pytest.fixture
def site(broker_uri: str, tmp_path: Path) -> Site:
    delete_queues(broker_uri)
    return Site(tmp_path / "site", broker_uri)


@contextlib.contextmanager
def serving(move: Move) -> Iterator[subprocess.Popen[bytes]]:
    with move.site.running() as process:
        until(lambda: "served by 2 processes" in move.site.words())
        yield process


def listed(rpc: Any, *, trashed: bool) -> set[str]:
    found: set[str] = set()
    cursor = None
    while True:
        page = rpc.list_images(cursor=cursor, trashed=trashed)
        found |= {image["imageId"] for image in page["images"]}
        cursor = page["nextCursor"]
        if not cursor:
            return found


def assert_all_is_in(there: Callable[[], set[str]], move: Move, load: Load) -> set[str]:
    """Every acknowledged image is in one place with its bytes, no deleted one is; return names."""
    known = load.known
    assert load.failures == []
    with move.site.rpc() as rpc:
        assert listed(rpc, trashed=False) == set(known.living)
        assert listed(rpc, trashed=True) == set(known.trashed)
    connection = http.client.HTTPConnection("localhost", move.site.port, timeout=30)
    for image_id, wanted in known.living.items():
        connection.request("GET", f"/images/{image_id}")
        assert digest_of(connection.getresponse().read()) == wanted
    names = {f"{image_id}.png" for image_id in (*known.living, *known.trashed)}
    until(lambda: there() == names)
    return names


def assert_is_clean(move: Move, names: set[str]) -> None:
    found = move.verified()
    assert (found["isClean"], found["images"], found["counts"]) == (True, len(names), {})
    assert "Traceback" not in move.site.words()


def test_originals_go_to_a_bucket_under_load_and_nothing_fails(
    site: Site, s3_server: S3Server
) -> None:
    move = Move(site, s3_server)
    with serving(move) as process:
        load = Load(site, uploaders=1, readers=2, pause_s=0.1)
        load.fill(80)
        with load:
            move.configure(move.place, "local")
            move.renew(process)
            assert move.copied() == set(), "processes with the old settings would not see it"
            move.kill_in_the_middle(signal.SIGKILL, move.place)
            move.kill_in_the_middle(signal.SIGINT, move.place)
            before = move.copied()
            told = move.run("--remove-old")
            assert (told["isComplete"], told["wrong"], told["left"]) == (True, [], [])
            assert told["copied"] <= told["images"] - len(before), "none is copied twice"
            move.configure(move.place)
            move.renew(process)
            uploads = load.uploads
            until(lambda: load.uploads > uploads + 5)
        names = assert_all_is_in(move.copied, move, load)
        assert move.on_disk() == set()
        assert stop(process) == 0
    assert_is_clean(move, names)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_ten_thousand_images_go_to_a_bucket_and_back(site: Site, s3_server: S3Server) -> None:
    """What it costs meanwhile is printed."""
    move = Move(site, s3_server)
    with serving(move) as process:
        load = Load(site, uploaders=1, readers=6, side_px=SOAK_SIDE_PX, pause_s=0.1)
        load.fill(SOAK_IMAGES)
        with load:
            load.goes_on("with nothing else going on", SOAK_REST_S)
            for main, also in ((move.place, "local"), ("", move.place)):
                way = f"{also} to {main or 'local'}"
                move.configure(main, also)
                with load.measured(f"{way}: while the settings are renewed"):
                    move.renew(process)
                for number in (signal.SIGKILL, signal.SIGINT):
                    move.kill_in_the_middle(number, main)
                with load.measured(f"{way}: while they are copied") as phase:
                    told = move.run()
                phase.tell(told["copied"], told["copiedBytes"])
                with load.measured(f"{way}: while the old ones are removed") as phase:
                    told = move.run("--remove-old")
                phase.tell(told["removed"], told["removedBytes"])
                assert (told["isComplete"], told["wrong"], told["left"]) == (True, [], [])
                move.configure(main)
                move.renew(process)
                load.goes_on(f"{way}: afterwards", SOAK_REST_S)
        names = assert_all_is_in(move.on_disk, move, load)
        assert move.copied() == set()
        assert stop(process) == 0
    assert_is_clean(move, names)
    print(f"{load.uploads} uploads, {len(load.latencies_s)} reads, {len(load.failures)} failures")

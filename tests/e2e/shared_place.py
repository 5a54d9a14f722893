"""A store in a bucket and a database that a process is killed at, as Place is one in files."""

from __future__ import annotations

import contextlib
import itertools
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from image_service.backends import Backends
from image_service.config import read_settings
from image_service.domain.bucket_url import BucketUrl
from image_service.domain.image import Image
from image_service.serve import load
from image_service.storage.s3 import Access, Bucket
from scripts.paths import ROOT
from scripts.postgres import Server
from tests.component.harness import wait_until
from tests.e2e.crash_ground import SWEEP_TIMEOUT_S, noted_in
from tests.e2e.shop import Commands, manager_of
from tests.e2e.test_killed_at_each_call import WORKS, Place
from tests.e2e.tracing import traced

PROGRAM = """
import sys
from pathlib import Path
from image_service.testing import png
from tests.e2e.shared_place import SharedShop
folder, living, trashed, archived, target = sys.argv[1:]
shop = SharedShop(Path(folder))
print("ready", flush=True)
input()
{work}
print("done", flush=True)
"""


class SharedShop(Commands):
    """A store of a bucket and a database, opened as the service opens it."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "config.yaml"
        self.settings = load(self.config)[1]
        self._backends = Backends(self.settings)
        self._backends.prepare()
        self.store = self._backends.store
        self.manager = manager_of(self.store, self._backends.catalogue)

    def stop(self) -> None:
        self._backends.close()


class SharedPlace(Place):
    """A bucket and a database with an image, one in the trash and one in the archive.

    Calls are counted from the work's beginning on, for each thread by itself.
    """

    CALLS = ("sendto", "sendmsg", "write", "writev", "fsync", "unlink", "rename")
    SOME = tuple(itertools.product(("sendto", "writev"), (1, 2, 3)))

    def __init__(self, folder: Path, server: Server, settings: Mapping[str, Any]) -> None:
        """Args: settings: of a store that is new."""
        self._folder = folder
        self._server = server
        self._settings = {**settings, "s3_timeout_s": 1, "lease_ttl_s": 3}
        access = Access.of(read_settings(settings, folder))
        self._all = Bucket(BucketUrl(BucketUrl.parse(settings["s3_originals"]).bucket, ""), access)
        self._copies = itertools.count()
        self._write_config(folder / "before", "before", settings["catalogue_url"])
        shop = SharedShop(folder / "before")
        self._fill(shop)
        shop.stop()

    def _prefix(self, name: str) -> str:
        return f"{BucketUrl.parse(self._settings['s3_originals']).prefix}/{name}"

    def _write_config(self, folder: Path, name: str, catalogue_url: str) -> None:
        folder.mkdir(exist_ok=True)
        bucket = f"{self._settings['s3_originals']}/{name}"
        told = {
            **self._settings,
            "s3_originals": f"{bucket}/originals",
            "s3_archive": f"{bucket}/archive",
            "catalogue_url": catalogue_url,
            "upload_dir": str(folder / "uploads"),
            "trash_retention_days": 1,
        }
        (folder / "config.yaml").write_text(json.dumps(told))  # which is YAML, too

    def _copied(self) -> Path:
        """Copy all there was before the kills; return the folder of the copy."""
        name = f"killed_{next(self._copies)}"
        folder, before = self._folder / name, self._settings["catalogue_url"].rpartition("/")[2]
        shutil.copytree(self._folder / "before", folder)
        self._server.run(f"CREATE DATABASE {before}_{name} TEMPLATE {before}")
        self._write_config(folder, name, self._url(folder))
        old, new = self._prefix("before"), self._prefix(name)
        for listed in list(self._all.listed(old)):
            self._all.copy(listed.key, new + listed.key.removeprefix(old))
        return folder

    def _url(self, folder: Path) -> str:
        return f"{self._settings['catalogue_url']}_{folder.name}"

    def calls(self, work: str, call: str) -> range:
        """See Place.calls."""
        log = self._folder / "log"
        folder, printed = self._traced(work, ["-o", str(log), "-e", f"trace={call}"])
        assert "done" in printed, work
        self._drop(folder)
        lines = (line.split() for line in log.read_text().splitlines())
        by_thread = Counter(thread for thread, what, *_ in lines if what.startswith(f"{call}("))
        return range(1, max(by_thread.values(), default=0) + 1)

    def kill(self, work: str, call: str, number: int) -> tuple[Path, bool]:
        """See Place.kill."""
        inject = f"inject={call}:signal=KILL:when={number}"
        folder, printed = self._traced(work, ["-o", "/dev/null", "-e", inject])
        return folder, "done" in printed

    def _traced(self, work: str, options: list[str]) -> tuple[Path, str]:
        """Do a work on a copy, traced from its beginning; return its folder and what it printed."""
        folder = self._copied()
        arguments = [str(folder), self.living, self.trashed, self.archived]
        words = [sys.executable, "-c", PROGRAM.format(work=WORKS[work]), *arguments]
        with subprocess.Popen(
            [*words, str(folder / "backups")],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
            with traced(process.pid, options):
                printed, _ = process.communicate("go\n", timeout=60)
        return folder, printed

    @contextlib.contextmanager
    def opened(self, folder: Path) -> Iterator[SharedShop]:
        """See Place.opened."""
        # As if its time were over: nobody waits for that here.
        over = "UPDATE leases SET expires_ms = 0 WHERE dead_ms IS NULL"
        self._server.run(over, self._url(folder).rpartition("/")[2])
        shop = SharedShop(folder)

        def is_swept() -> bool:
            shop.manager.sweep()
            return not noted_in(self._url(folder))

        wait_until(is_swept, SWEEP_TIMEOUT_S, "what the dead process noted is never cleared up")
        yield shop
        shop.stop()
        self._drop(folder)

    def _drop(self, folder: Path) -> None:
        name = self._url(folder).rpartition("/")[2]
        self._server.run(f"DROP DATABASE {name} WITH (FORCE)")
        shutil.rmtree(folder)

    def check_places(
        self, shop: SharedShop, living: Mapping[str, Image], trash: Mapping[str, Image]
    ) -> None:
        """See Place.check_places."""
        prefix = self._prefix(shop.config.parent.name)
        keys = {listed.key.removeprefix(f"{prefix}/") for listed in self._all.listed(prefix)}
        by_folder: dict[str, set[str]] = {}
        for key in keys:
            place, _, name = key.rpartition("/")
            if place.startswith("archive/"):  # each has a folder there, with a key for each time
                place, name = place.split("/")
            by_folder.setdefault(place, set()).add(name)
        names = {image.blob_name for image in (*living.values(), *trash.values())}
        put_away = by_folder.pop("originals/.archived", set())
        # What was brought back stays there for a while.
        assert put_away <= by_folder.pop("archive", set()) <= names
        assert by_folder.pop("originals") | put_away == names
        in_trash = {image.blob_name for image in trash.values()}
        assert by_folder.pop("originals/.trash", set()) == in_trash
        assert by_folder.pop("originals/.labels", set()) <= names
        assert by_folder == {}
        # One that was on its way there is looked at more closely for a while.
        assert in_trash <= {name for name in names if not shop.store.is_settled(name)}

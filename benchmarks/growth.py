"""Whether anything grows while clients do all there is to do, for half an hour.

python -m benchmarks.growth [--minutes N] [--photos DIR]      30 minutes

Six clients upload, look up, list, render in every format, read in part, give up waiting, send
hostile files and delete. Memory, descriptors and threads of the service and its workers are
looked at all the time; in the end all images are deleted, and no file may be left of them.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import random
import socket
import statistics
import sys
import time
import urllib.error
import urllib.request
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil

from benchmarks import hostile, pictures
from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.rig import running
from benchmarks.stats import Spread
from benchmarks.workloads import SERVICE, connected

CLIENTS = 6
KEPT_IMAGES = 40
GROWTH_BAR_PERCENT = 10.0
_LOOK_EVERY_S = 2.0
_TIMEOUT_S = 120
_END_TIMEOUT_S = 300
# The first fifth warms up: caches fill, and each worker sees its largest picture.
_PARTS = 5
OPTIONS = (
    "rs:fit:512:512@jpg", "rs:fill:400:400/g:sm@webp", "w:800/bl:2@jpg", "w:300/wm:0@png",
    "w:256@avif", "rs:fill:300:200/rot:90@jpg", "w:1000/aq:dssim:0.01@jpg", "w:64@gif",
)  # fmt: skip
_HOSTILE_SHARE, _LARGE_SHARE, _LEFT_SHARE = 0.05, 0.01, 0.05


@dataclass
class Looks:
    """What was seen of the service and its workers, each time it was looked at."""

    rss_mb: list[float] = field(default_factory=list)
    service_mb: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    threads: list[int] = field(default_factory=list)

    def look(self, root: psutil.Process) -> None:
        """Look once."""
        total = 0
        for process in root.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        own = root.memory_info().rss
        self.rss_mb.append((total + own) / 2**20)
        self.service_mb.append(own / 2**20)
        self.descriptors.append(root.num_fds())
        self.threads.append(root.num_threads())


class Client:
    """One that does this and that, with images that only it knows; it runs in its own process."""

    def __init__(self, uri: str, url: str, number: int, photos: Sequence[Path]) -> None:
        """Args: photos: the last one is sent rarely."""
        self._uri, self._url = uri, url
        self._chance = random.Random(number)
        *self._photos, self._large = [path.read_bytes() for path in photos]
        self._hostile = [path.read_bytes() for path in hostile.written()]
        self._number = itertools.count(number * 10_000_000)
        self._ids: deque[str] = deque()
        self.done: Counter[str] = Counter()
        self.wrong: Counter[str] = Counter()

    def run(self, until_s: float) -> None:
        """Work until then, by the clock of the machine, and delete what is left."""
        with connected(self._uri) as rpc:
            service = rpc.image_service
            while time.monotonic() < until_s:
                self._round(service)
            while self._ids:
                service.delete_image(self._ids.popleft())

    def _round(self, service: Any) -> None:
        chance = self._chance.random()
        if chance < _HOSTILE_SHARE:
            reply = service.upload_image(self._chance.choice(self._hostile), "file")
            if reply["success"]:
                self._ids.append(reply["imageId"])
            self.done["hostile upload"] += 1
        else:
            photo = self._large if chance > 1 - _LARGE_SHARE else self._chance.choice(self._photos)
            self._check("upload", service.upload_image(self._unlike_others(photo), "photo.jpg"))
        for _ in range(4):
            self._render()
        some = self._chance.choice(self._ids) if self._ids else ""
        if some:
            self._check("get_image", service.get_image(some))
            self._check("find_similar", service.find_similar(some))
            self._fetch("original", f"/images/{some}", {"Range": "bytes=1000-90000"})
        self._check("list_images", service.list_images(limit=50))
        self._check("health_check", service.health_check())
        self._check("get_storage_info", service.get_storage_info())
        while len(self._ids) > KEPT_IMAGES // CLIENTS:
            self._check("delete", service.delete_image(self._ids.popleft()))

    def _unlike_others(self, photo: bytes) -> bytes:
        """Return a JPEG with a comment of its own: it is stored, and deduplicated with no other."""
        comment = str(next(self._number)).encode()
        return photo[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment + photo[2:]

    def _render(self) -> None:
        if not self._ids:
            return
        options, _, extension = self._chance.choice(OPTIONS).partition("@")
        if self._chance.random() < 0.5:
            options += f"/pd:0:0:0:{next(self._number) % 50}"
        path = f"/img/insecure/{options}/plain/{self._chance.choice(self._ids)}@{extension}"
        if self._chance.random() < _LEFT_SHARE:
            self._leave(path)
        else:
            self._fetch(f"variant {extension}", path)

    def _fetch(self, what: str, path: str, headers: dict[str, str] | None = None) -> None:
        request = urllib.request.Request(self._url + path, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                answer.read()
            self.done[what] += 1
        except urllib.error.HTTPError as exc:
            self.wrong[f"{what}: {exc.code}"] += 1

    def _leave(self, path: str) -> None:
        """Ask for a variant and go away."""
        where = urlsplit(self._url)
        with socket.create_connection((where.hostname or "", where.port or 80)) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            time.sleep(self._chance.random() * 0.02)
        self.done["left"] += 1

    def _check(self, what: str, reply: dict[str, Any]) -> None:
        if not reply["success"]:
            self.wrong[f"{what}: {reply['error']['code']}"] += 1
            return
        self.done[what] += 1
        if what == "upload":
            self._ids.append(reply["imageId"])


def be_client(
    uri: str, url: str, number: int, photos: Sequence[Path], until_s: float
) -> tuple[Counter[str], Counter[str]]:
    """Work until then; return how often what was done, and what was refused."""
    client = Client(uri, url, number, photos)
    client.run(until_s)
    return client.done, client.wrong


def grown_percent(values: Sequence[float]) -> float:
    """Return by how much the median of the last fifth is above that of the second."""
    part = len(values) // _PARTS
    early, late = statistics.median(values[part : 2 * part]), statistics.median(values[-part:])
    return 100 * (late / early - 1)


def files_left(uploads: Path) -> list[str]:
    """Return the files of images that are there though none should be."""
    return [
        path.relative_to(uploads).as_posix()
        for path in uploads.rglob("*")
        if path.is_file()
        and ".state" not in path.parts  # the service's own
        and ".sqlite3" not in path.name
        and path.parent.name != "locks"
    ]


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=1, limit_s=0)
    pictures.add_photos_option(parser)
    parser.add_argument("--minutes", type=float, default=30, help="default 30")
    options = parser.parse_args()
    medium, large = pictures.photos_of(options.photos)
    photos = (*pictures.drawn(pictures.SMALL), *medium, *large, pictures.tiled(large[0]))
    looks = Looks()
    context = multiprocessing.get_context("spawn")
    with running(callers=1) as rig, context.Pool(CLIENTS) as pool:
        until_s = time.monotonic() + options.minutes * 60
        work = pool.starmap_async(
            be_client, [(rig.uri, rig.url, number, photos, until_s) for number in range(CLIENTS)]
        )
        process = psutil.Process(rig.servers[SERVICE])
        while time.monotonic() < until_s:
            looks.look(process)
            time.sleep(_LOOK_EVERY_S)
        told = work.get(timeout=_END_TIMEOUT_S)
        left = files_left(rig.scratch / "uploads")
    done: Counter[str] = sum((counts for counts, _ in told), Counter())
    wrong: Counter[str] = sum((counts for _, counts in told), Counter())
    print("\n" + table(("done", "times"), [[name, f"{n:,}"] for name, n in sorted(done.items())]))
    print("\n" + table(("refused", "times"), [[name, f"{n:,}"] for name, n in wrong.items()]))
    measured = {
        "RSS of all processes": looks.rss_mb,
        "RSS of the service process": looks.service_mb,
        "descriptors of the service process": [float(n) for n in looks.descriptors],
        "threads of the service process": [float(n) for n in looks.threads],
    }
    bars = [
        Bar(f"{name}: growth, %", Spread.exactly(grown_percent(values)), GROWTH_BAR_PERCENT)
        for name, values in measured.items()
    ]
    bars.append(Bar("files left once all is deleted", Spread.exactly(float(len(left))), 0))
    figures = {"done": done, "refused": wrong, "looks": measured, "left": left}
    return finish("growth", bars, figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

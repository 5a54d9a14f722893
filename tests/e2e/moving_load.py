"""Callers that upload, read, change, trash, restore and delete while originals move."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.component.pictures import noise
from tests.e2e.processes import Site

PAUSE_S = 0.02


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Known:
    """What callers were told: of each image its digest, and which were deleted or in the trash."""

    living: dict[str, str] = field(default_factory=dict)
    trashed: dict[str, str] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    # Being deleted or trashed just now: readers may see either.
    changing: set[str] = field(default_factory=set)

    def pick(self, chance: random.Random) -> str | None:
        """Return a living image that nobody is at."""
        names = [name for name in self.living if name not in self.changing]
        return chance.choice(names) if names else None

    @contextlib.contextmanager
    def change(self, image_id: str) -> Iterator[None]:
        """Have readers keep away from an image."""
        self.changing.add(image_id)
        yield
        self.changing.discard(image_id)


@dataclass
class Phase:
    """A time in which something went on."""

    name: str
    began_s: float
    took_s: float = 0.0

    def tell(self, images: int, size_bytes: int) -> None:
        """Tell how fast it went on."""
        print(
            f"{self.name}: {images} images, {images / self.took_s:.0f} a second, "
            f"{size_bytes / 2**20 / self.took_s:.1f} MiB/s"
        )


class Load:
    """Callers at work until the `with` block ends.

    failures: what should not have been; latencies_s: of each read by HTTP that was answered.
    """

    def __init__(
        self,
        site: Site,
        *,
        uploaders: int = 2,
        readers: int = 3,
        side_px: int = 40,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._site = site
        self._side_px, self._pause_s = side_px, pause_s
        self.known = Known()
        self.failures: list[str] = []
        self.latencies_s: list[float] = []
        self.uploads = 0
        self._is_over = threading.Event()
        work = [self._upload] * uploaders + [self._read] * readers
        work += [self._read_by_rpc, self._change]
        self._threads = [threading.Thread(target=self._kept, args=(each,)) for each in work]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.daemon = True
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join(timeout=60)
            assert not each.is_alive()

    def fill(self, count: int, callers: int = 8) -> None:
        """Upload so many, with nothing else going on."""
        left = list(range(count))

        def work() -> None:
            with self._site.rpc(timeout=60) as rpc:
                while left:
                    left.pop()
                    self._upload_one(rpc)

        threads = [threading.Thread(target=work) for _ in range(callers)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

    @contextlib.contextmanager
    def measured(self, name: str) -> Iterator[Phase]:
        """Tell what reads were like meanwhile."""
        phase = Phase(name, time.monotonic())
        uploads, began = self.uploads, len(self.latencies_s)
        yield phase
        phase.took_s = time.monotonic() - phase.began_s
        found = sorted(self.latencies_s[began:])
        assert found
        median, late = (found[len(found) * share // 100] * 1000 for share in (50, 99))
        print(
            f"{name}: {phase.took_s:.1f} s, {len(found)} reads of {median:.0f} ms (99 %: "
            f"{late:.0f}), {self.uploads - uploads} uploads, {len(self.failures)} failures so far"
        )

    def goes_on(self, name: str, for_s: float) -> None:
        """Let so much time pass, measured."""
        with self.measured(name):
            time.sleep(for_s)

    def _kept(self, work: Callable[[random.Random], None]) -> None:
        try:
            work(random.Random())
        except Exception as exc:  # noqa: BLE001 - whatever it is, a call was lost
            self.failures.append(f"{work.__name__} ended: {exc!r}")

    def _upload(self, _: random.Random) -> None:
        with self._site.rpc(timeout=60) as rpc:
            while not self._is_over.is_set():
                self._upload_one(rpc)
                self._is_over.wait(self._pause_s)

    def _upload_one(self, rpc: Any) -> None:
        data = noise(self._side_px)
        reply = rpc.upload_image(data, "a.png", tags=["new"])
        if reply["success"]:
            self.known.living[reply["imageId"]] = digest_of(data)
            self.uploads += 1
        else:
            self.failures.append(f"upload: {reply['message']}")

    def _read(self, chance: random.Random) -> None:
        connection = http.client.HTTPConnection("localhost", self._site.port, timeout=30)
        while not self._is_over.is_set():
            image_id = self.known.pick(chance)
            if image_id:
                self._read_one(connection, image_id)
            self._is_over.wait(self._pause_s)

    def _read_one(self, connection: http.client.HTTPConnection, image_id: str) -> None:
        wanted, began_s = self.known.living[image_id], time.monotonic()
        try:
            connection.request("GET", f"/images/{image_id}")
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as exc:
            # A process that ends closes what is idle; a browser asks again.
            connection.close()
            if not isinstance(exc, (http.client.RemoteDisconnected, ConnectionResetError)):
                self.failures.append(f"GET {image_id}: {exc!r}")
            return
        self.latencies_s.append(time.monotonic() - began_s)
        if answer.status != 200 or digest_of(data) != wanted:
            if self._may_be_gone(image_id):
                return
            self.failures.append(f"GET {image_id}: {answer.status}, {data[:200]!r}")

    def _may_be_gone(self, image_id: str) -> bool:
        return image_id in self.known.changing or image_id not in self.known.living

    def _read_by_rpc(self, chance: random.Random) -> None:
        with self._site.rpc(timeout=60) as rpc:
            while not self._is_over.is_set():
                image_id = self.known.pick(chance)
                if image_id:
                    wanted = self.known.living[image_id]
                    reply = rpc.download_image(image_id)
                    is_right = reply["success"] and digest_of(reply["file"]) == wanted
                    if not (is_right or self._may_be_gone(image_id)):
                        self.failures.append(f"download {image_id}: {reply['message']}")
                self._is_over.wait(self._pause_s)

    def _change(self, chance: random.Random) -> None:
        known, works = self.known, [self._delete, self._trash, self._restore, self._rename]
        with self._site.rpc(timeout=60) as rpc:
            while not self._is_over.is_set():
                image_id = known.pick(chance)
                if image_id:
                    with known.change(image_id):
                        chance.choice(works)(rpc, image_id)
                self._is_over.wait(2 * self._pause_s)

    def _delete(self, rpc: Any, image_id: str) -> None:
        self._told(rpc.delete_image(image_id, permanent=True))
        del self.known.living[image_id]
        self.known.gone.add(image_id)
        if (status := self._site.status(f"/images/{image_id}")) != 404:
            self.failures.append(f"deleted, and answered {status}: {image_id}")

    def _trash(self, rpc: Any, image_id: str) -> None:
        self._told(rpc.delete_image(image_id))
        self.known.trashed[image_id] = self.known.living.pop(image_id)
        if (status := self._site.status(f"/images/{image_id}")) != 404:
            self.failures.append(f"in the trash, and answered {status}: {image_id}")

    def _restore(self, rpc: Any, _: str) -> None:
        for image_id in list(self.known.trashed)[:1]:
            self._told(rpc.restore_image(image_id))
            self.known.living[image_id] = self.known.trashed.pop(image_id)

    def _rename(self, rpc: Any, image_id: str) -> None:
        self._told(rpc.update_image(image_id, tags=["renamed"]))

    def _told(self, reply: dict[str, Any]) -> None:
        if not reply["success"]:
            self.failures.append(str(reply["message"]))

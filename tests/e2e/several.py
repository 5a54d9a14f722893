"""A service of two processes below a supervisor, and callers that keep it busy."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil

from tests.component.pictures import noise
from tests.e2e.processes import Site

TWO = {"IMAGE_SERVICE_SERVICE_PROCESSES": "2"}


def until(condition: Callable[[], Any], timeout_s: float = 30) -> Any:
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)
    return value


def services(supervisor_pid: int) -> list[psutil.Process]:
    """The processes that serve, oldest first."""
    return sorted(psutil.Process(supervisor_pid).children(), key=lambda each: each.create_time())


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


@contextlib.contextmanager
def two(site: Site, **environment: str) -> Iterator[Any]:
    """A supervisor whose two processes serve."""
    with site.running(**TWO, **environment) as process:
        until(lambda: "served by 2 processes" in site.words())
        yield process


class Load:
    """Callers that upload, and clients that ask for what was uploaded on kept connections."""

    def __init__(
        self, site: Site, uploaders: int = 3, readers: int = 4, *, pause_s: float = 0.0
    ) -> None:
        """Args: pause_s: between the calls of each of them."""
        self._site = site
        self._pause_s = pause_s
        self.stored: list[str] = []
        """Ids of images that are asked for, too."""
        self.replies: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.failures: list[str] = []
        self.cut: list[str] = []
        self._is_over = threading.Event()
        work = [self._upload] * uploaders + [self._read] * readers
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        until(lambda: len(self.replies) > 20 and len(self.answers) > 50)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join(timeout=40)
            assert not each.is_alive()

    def goes_on(self) -> None:
        """Return when something more was answered."""
        before = len(self.replies), len(self.answers)
        until(lambda: len(self.replies) > before[0] + 20 and len(self.answers) > before[1] + 50)

    def _upload(self) -> None:
        with self._site.rpc(timeout=30) as rpc:
            while not self._is_over.is_set():
                try:
                    reply = rpc.upload_image(noise(50), "a.png")
                    self.replies.append(reply)
                    if not reply["success"]:
                        self.failures.append(str(reply))
                except Exception as exc:  # noqa: BLE001 - whatever it is, a call was lost
                    self.failures.append(repr(exc))
                self._is_over.wait(self._pause_s)

    def _some_image(self) -> str | None:
        """Return the newest, or any other."""
        if self.stored and random.random() < 0.5:
            return random.choice(self.stored)
        replies = self.replies
        newest = replies[-1:] if random.random() < 0.5 else random.sample(replies, bool(replies))
        return newest[0].get("imageId") if newest else None

    def _read(self) -> None:
        connection = http.client.HTTPConnection("localhost", self._site.port, timeout=20)
        while not self._is_over.is_set():
            stored = self._some_image()
            try:
                connection.request("GET", f"/images/{stored}" if stored else "/healthz")
                answer = connection.getresponse()
                answer.read()
                self.answers.append(answer.status)
                if answer.status != 200:
                    self.failures.append(f"{answer.status} for {stored}")
            except (OSError, http.client.HTTPException) as exc:
                self.cut.append(repr(exc))
                connection.close()
            self._is_over.wait(max(0.02, self._pause_s))


def listed(rpc: Any) -> set[str]:
    found: set[str] = set()
    cursor = None
    while True:
        page = rpc.list_images(cursor=cursor)
        found |= {image["imageId"] for image in page["images"]}
        cursor = page.get("nextCursor")
        if not cursor:
            return found

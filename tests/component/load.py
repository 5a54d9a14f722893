"""Callers that go on while a broker fails them, and remember all that they were told."""

from __future__ import annotations

import itertools
import random
import time
from collections import Counter
from typing import Any

import eventlet

from image_service.client import ImageClient
from image_service.errors import ImageServiceError
from tests.component.harness import wait_until
from tests.component.pictures import noise, picture

LARGE = noise(300)
"""A picture whose reply is too large for a frame."""


class Load:
    """Uploaders, each with a client of its own, and readers of a large picture."""

    def __init__(
        self, uris: list[str], *, uploaders: int = 3, readers: int = 1, timeout_s: float = 10
    ) -> None:
        """Args: uris: where the clients connect, in turn."""
        self.acknowledged: dict[str, str] = {}
        self.attempted: list[str] = []
        self.failures: list[ImageServiceError] = []
        self.answered_s: list[float] = []
        self.read_s: list[float] = []
        self._timeout_s = timeout_s
        self._is_over = False
        self._numbers = itertools.count()
        self._run = f"{random.getrandbits(32):08x}"
        where = itertools.cycle(uris)
        self._work = [(self._upload, next(where)) for _ in range(uploaders)]
        self._work += [(self._read, next(where)) for _ in range(readers)]
        self._threads: list[Any] = []

    def __enter__(self) -> Load:
        self._threads = [eventlet.spawn(work, uri) for work, uri in self._work]
        self.goes_on(timeout_s=30)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.wait()

    def goes_on(self, uploads: int = 10, timeout_s: float = 60) -> None:
        """Return when so many more uploads, and a read, are answered."""
        before = len(self.answered_s), len(self.read_s)
        has_readers = any(work == self._read for work, _ in self._work)
        wait_until(
            lambda: (
                len(self.answered_s) >= before[0] + uploads
                and (len(self.read_s) > before[1] or not has_readers)
            ),
            timeout_s=timeout_s,
            what=f"no more answers; failures: {self.failures}",
        )

    def silence_s(self, since_s: float) -> float:
        """Return the longest time without an upload's answer after a moment of time.monotonic()."""
        times = [since_s, *(each for each in self.answered_s if each > since_s)]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)

    def read_silence_s(self, since_s: float) -> float:
        """Return the same of large answers."""
        times = [since_s, *(each for each in self.read_s if each > since_s)]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)

    def assert_nothing_is_lost_or_doubled(self, images: ImageClient) -> None:
        """All that was acknowledged is there under the id that was told, and nothing twice."""
        there: dict[str, str] = {}
        counts: Counter[str] = Counter()
        for image in images.iterate():
            if image.filename.startswith(self._run):
                there[image.filename] = image.id
                counts[image.filename] += 1
        assert {name: there.get(name) for name in self.acknowledged} == self.acknowledged
        assert [name for name, count in counts.items() if count > 1] == []
        assert set(there) <= set(self.attempted)
        assert [each for each in self.failures if not each.retryable] == []

    def _upload(self, uri: str) -> None:
        with ImageClient(uri, timeout_s=self._timeout_s) as images:
            while not self._is_over:
                name = f"{self._run}-{next(self._numbers)}.png"
                self.attempted.append(name)
                try:
                    self.acknowledged[name] = images.upload(picture(), name).id
                except ImageServiceError as exc:
                    self.failures.append(exc)
                else:
                    self.answered_s.append(time.monotonic())

    def _read(self, uri: str) -> None:
        with ImageClient(uri, timeout_s=self._timeout_s) as images:
            image_id = ""
            while not self._is_over:
                try:
                    image_id = image_id or images.upload(LARGE, "large.png").id
                    assert images.read(image_id) == LARGE
                except ImageServiceError as exc:
                    self.failures.append(exc)
                else:
                    self.read_s.append(time.monotonic())
                eventlet.sleep(0.02)

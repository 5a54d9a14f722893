"""What the callers of a campaign know of the images they have stored."""

from __future__ import annotations

import hashlib
import random
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.e2e.crash_pictures import pictures

DRAWN = 12
GONE_KEPT = 200
_START_OF_IMAGE_BYTES = 2


@dataclass
class Stored:
    """An image that was acknowledged.

    tag: the number that its last update gave it. removal_s: when its removal was first asked for.
    """

    id: str
    filename: str
    tag: int = 0
    removal_s: float | None = None


class Shelf:
    """The images, for any number of threads; who changes one has it alone."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._lock = threading.Lock()
        self._idle: list[Stored] = []
        self._gone: deque[Stored] = deque(maxlen=GONE_KEPT)

    def put(self, image: Stored) -> None:
        """Add one, or give it back."""
        with self._lock:
            self._idle.append(image)

    def take(self) -> Stored | None:
        """Have one for oneself, to change it; others may read it."""
        with self._lock:
            if not self._idle:
                return None
            place = self._chance.randrange(len(self._idle))
            self._idle[place], self._idle[-1] = self._idle[-1], self._idle[place]
            return self._idle.pop()

    def look(self) -> Stored | None:
        """Return one to be read. None: there is none."""
        with self._lock:
            return self._chance.choice(self._idle) if self._idle else None

    def removed(self, image: Stored) -> None:
        """Take note that one's removal was acknowledged."""
        with self._lock:
            self._gone.append(image)

    def gone(self) -> Stored | None:
        """Return one whose removal was acknowledged."""
        with self._lock:
            return self._chance.choice(self._gone) if self._gone else None


def is_being_removed(image: Stored) -> bool:
    """Tell whether somebody may have removed it by now."""
    return image.removal_s is not None and image.removal_s <= time.monotonic()


def new_pictures(seed: str) -> Iterator[tuple[str, bytes]]:
    """Yield filename and bytes of JPEGs, each with a comment of its own; the name is their SHA-256.

    A few are drawn; to draw each would be more work than to store it.
    """
    drawn: list[bytes] = []
    for name, data in pictures(seed):
        if Path(name).suffix == ".jpg":
            drawn.append(data)
        if len(drawn) == DRAWN:
            break
    number = 0
    while True:
        number += 1
        comment = f"{seed}/{number}".encode()
        segment = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        start = drawn[number % DRAWN]
        data = start[:_START_OF_IMAGE_BYTES] + segment + start[_START_OF_IMAGE_BYTES:]
        yield f"{hashlib.sha256(data).hexdigest()}.jpg", data

"""Where the processes of one machine count together how often somebody asks: a small SQLite file.

What is in it may be lost at any time, so it is never synced: a count takes some 40 µs.
"""

from __future__ import annotations

import contextlib
import math
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import eventlet
from limits.storage import Storage
from limits.storage.base import SlidingWindowCounterSupport, TimestampedSlidingWindow

_SCHEMA = """
CREATE TABLE IF NOT EXISTS counts
    (key TEXT PRIMARY KEY, count INTEGER NOT NULL, expires_s REAL NOT NULL) WITHOUT ROWID
"""
_ADD = """
INSERT INTO counts VALUES (?1, ?2, ?3) ON CONFLICT (key) DO UPDATE SET
    count = CASE WHEN expires_s > ?4 THEN count ELSE 0 END + ?2,
    expires_s = CASE WHEN expires_s > ?4 THEN expires_s ELSE ?3 END
"""
_FORGET_ONE_IN = 1000
_PATIENCE_S, _PAUSE_S = 0.2, 0.002


class SharedCounts(Storage, SlidingWindowCounterSupport, TimestampedSlidingWindow):
    """A storage of `limits` that several processes use at once. For green threads of one thread."""

    STORAGE_SCHEME: ClassVar[list[str]] = ["image-service-file"]  # type: ignore[misc]

    def __init__(self, path: Path) -> None:
        """Raises: sqlite3.Error where the file cannot be used."""
        super().__init__(wrap_exceptions=True)
        # Waiting of its own would hold up the hub: see _patiently.
        self._db = sqlite3.connect(path, timeout=0, isolation_level=None)
        for each in ("PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF", _SCHEMA):
            self._patiently(each)

    @property
    def base_exceptions(self) -> type[Exception]:
        """See Storage."""
        return sqlite3.Error

    def acquire_sliding_window_entry(
        self, key: str, limit: int, expiry: int, amount: int = 1
    ) -> bool:
        """See SlidingWindowCounterSupport."""
        with self._written():
            before, left_s, now, _ = self.get_sliding_window(key, expiry)
            if math.floor(before * left_s / expiry + now) + amount > limit:
                return False
            self.incr(self.sliding_window_keys(key, expiry, time.time())[1], 2 * expiry, amount)
        return True

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """See SlidingWindowCounterSupport."""
        now_s = time.time()
        before, now = map(self.get, self.sliding_window_keys(key, expiry, now_s))
        left_s = (1 - (now_s / expiry) % 1) * expiry
        return before, left_s if before else 0.0, now, left_s + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """See SlidingWindowCounterSupport."""
        for each in self.sliding_window_keys(key, expiry, time.time()):
            self.clear(each)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """See Storage."""
        now_s = time.time()
        self._db.execute(_ADD, (key, amount, now_s + expiry, now_s))
        if random.randrange(_FORGET_ONE_IN) == 0:  # noqa: S311 - no secret
            self._db.execute("DELETE FROM counts WHERE expires_s < ?", (now_s,))
        return self.get(key)

    def get(self, key: str) -> int:
        """See Storage."""
        return int(self._row(key)[0])

    def get_expiry(self, key: str) -> float:
        """See Storage."""
        return float(self._row(key)[1])

    def check(self) -> bool:
        """See Storage."""
        return bool(self._db.execute("SELECT count(*) FROM counts").fetchone())

    def reset(self) -> int | None:
        """See Storage."""
        return self._db.execute("DELETE FROM counts").rowcount

    def clear(self, key: str) -> None:
        """See Storage."""
        self._db.execute("DELETE FROM counts WHERE key = ?", (key,))

    def _row(self, key: str) -> tuple[int, float]:
        find = "SELECT count, expires_s FROM counts WHERE key = ? AND expires_s > ?"
        found: tuple[int, float] | None = self._db.execute(find, (key, time.time())).fetchone()
        return found or (0, time.time())

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        """A transaction; nothing in it switches green threads. Raises: sqlite3.Error."""
        self._patiently("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            self._db.execute("COMMIT")

    def _patiently(self, statement: str) -> None:
        """Run what another process may be in the way of. Raises: sqlite3.Error."""
        deadline_s = time.monotonic() + _PATIENCE_S
        while True:
            try:
                self._db.execute(statement)
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline_s:
                    raise
                eventlet.sleep(_PAUSE_S)

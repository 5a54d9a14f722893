"""Which variants are kept, how large each is and when it was used last: a small SQLite file.

Never synced: without it the variants are thrown away and made again.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from ..native import threading

_TIMEOUT_S = 1.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS variants (
    image_id TEXT NOT NULL, name TEXT NOT NULL, bytes INTEGER NOT NULL, used_ms INTEGER NOT NULL,
    PRIMARY KEY (image_id, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_use ON variants (used_ms);
CREATE TABLE IF NOT EXISTS totals (files INTEGER NOT NULL, bytes INTEGER NOT NULL);
INSERT INTO totals SELECT 0, 0 WHERE NOT EXISTS (SELECT * FROM totals);
CREATE TRIGGER IF NOT EXISTS added AFTER INSERT ON variants BEGIN
    UPDATE totals SET files = files + 1, bytes = bytes + NEW.bytes;
END;
CREATE TRIGGER IF NOT EXISTS removed AFTER DELETE ON variants BEGIN
    UPDATE totals SET files = files - 1, bytes = bytes - OLD.bytes;
END;
"""

Name = tuple[str, str]
"""An image's id and the name of one of its variants."""


class VariantIndex:
    """The index in one file, for all threads and processes of a machine.

    Its methods raise sqlite3.Error.
    """

    def __init__(self, path: Path) -> None:
        """Open it; it is made where it is missing, its folder is not."""
        self._lock = threading.Lock()
        self._path = path
        self._connection = sqlite3.connect(
            path, timeout=_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = OFF")
        self._connection.executescript(_SCHEMA)
        self._file = path.stat()

    def add(self, name: Name, size_bytes: int, used_ms: int) -> None:
        """Note a variant; one of the same name is replaced."""
        with self._lock, self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            # Not REPLACE: that deletes without telling the trigger.
            connection.execute("DELETE FROM variants WHERE image_id = ? AND name = ?", name)
            connection.execute(
                "INSERT INTO variants VALUES (?, ?, ?, ?)", (*name, size_bytes, used_ms)
            )

    def use(self, names: Iterable[tuple[Name, int]]) -> None:
        """Note when variants were used, each with its Unix milliseconds."""
        rows = [(used_ms, *name) for name, used_ms in names]
        statement = "UPDATE variants SET used_ms = max(used_ms, ?) WHERE image_id = ? AND name = ?"
        with self._lock, self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(statement, rows)

    def forget(self, names: Iterable[Name]) -> None:
        """Forget variants."""
        with self._lock, self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("DELETE FROM variants WHERE image_id = ? AND name = ?", names)

    def forget_unused(self, name: Name, used_ms: int) -> bool:
        """Forget a variant unless it was used or made again since; return whether it was."""
        statement = "DELETE FROM variants WHERE image_id = ? AND name = ? AND used_ms = ?"
        with self._lock:
            return self._connection.execute(statement, (*name, used_ms)).rowcount > 0

    def forget_image(self, image_id: str) -> None:
        """Forget all variants of an image."""
        with self._lock:
            self._connection.execute("DELETE FROM variants WHERE image_id = ?", (image_id,))

    def oldest(self, count: int) -> list[tuple[Name, int, int]]:
        """Return the variants used longest ago, each with its bytes and when that was."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT image_id, name, bytes, used_ms FROM variants ORDER BY used_ms LIMIT ?",
                (count,),
            ).fetchall()
        return [
            ((image_id, name), size_bytes, used_ms) for image_id, name, size_bytes, used_ms in rows
        ]

    def totals(self) -> tuple[int, int]:
        """Return how many variants there are, and their bytes."""
        with self._lock:
            files, size_bytes = self._connection.execute("SELECT * FROM totals").fetchone()
        return files, size_bytes

    def image_ids(self, after: str, count: int) -> list[str]:
        """Return the next ids of images that have variants, in their order."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT DISTINCT image_id FROM variants WHERE image_id > ? ORDER BY 1 LIMIT ?",
                (after, count),
            ).fetchall()
        return [image_id for (image_id,) in rows]

    @property
    def is_there(self) -> bool:
        """Whether the file at its path is still the one that is open."""
        try:
            return os.path.samestat(self._path.stat(), self._file)
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

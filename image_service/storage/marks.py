"""Marks of this machine on blobs that are kept elsewhere: empty files, looked at without waiting.

What they say can be found out by asking the storage, too, but not on the hub.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from enum import Enum
from pathlib import Path

from .files import translated


class Mark(str, Enum):
    """What a blob may be. GONE: removed, or about to be, or in quarantine."""

    GONE = "gone"
    TRASHED = "trashed"
    ARCHIVED = "archived"


class Marks:
    """The marks of all processes of a machine. Names must have been checked."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, mark: Mark, name: str) -> bool:
        """Tell whether a blob has a mark."""
        return os.path.lexists(self._path(mark, name))

    def add(self, mark: Mark, name: str) -> None:
        """Mark a blob, or mark it anew."""
        path = self._path(mark, name)
        with translated():
            try:
                path.touch()
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()

    def remove(self, mark: Mark, name: str) -> None:
        """Take a mark from a blob; one that has none is no error."""
        with translated():
            self._path(mark, name).unlink(missing_ok=True)

    def names(self, mark: Mark) -> set[str]:
        """Return the names of the blobs that have a mark."""
        try:
            return set(os.listdir(self._folder / mark.value))
        except FileNotFoundError:
            return set()

    def replace(self, mark: Mark, names: Collection[str], grace_s: float) -> None:
        """Have just these blobs marked, but for marks that are newer than so many seconds."""
        there = self.names(mark)
        for name in set(names) - there:
            self.add(mark, name)
        self.expire(mark, there - set(names), grace_s)

    def expire(self, mark: Mark, names: Collection[str], after_s: float) -> None:
        """Take marks that are older than so many seconds from some blobs."""
        before_s = time.time() - after_s
        with translated():
            for name in names:
                path = self._path(mark, name)
                try:
                    if path.stat().st_mtime < before_s:
                        path.unlink()
                except FileNotFoundError:
                    continue

    def _path(self, mark: Mark, name: str) -> Path:
        return self._folder / mark.value / name

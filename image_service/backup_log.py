"""When the last backup was made, noted where the service can read it."""

from __future__ import annotations

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any


class BackupLog:
    """A file in the state directory. Its methods block."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "backup.json"

    def read(self) -> dict[str, Any] | None:
        """Return what was written last, None for nothing or what cannot be read."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def finished(self, *, images: int, size_bytes: int, left_out: int) -> None:
        """Note that a backup is complete, but for some images. Raises: OSError."""
        now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
        told = {"finishedAt": now, "images": images, "bytes": size_bytes, "leftOut": left_out}
        part = self._path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(told) + "\n", encoding="utf-8")
        part.rename(self._path)

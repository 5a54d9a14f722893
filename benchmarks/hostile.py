"""The hostile files of tests/corpus as files to upload, written once and kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

from scripts.paths import RUN_DIR
from tests.corpus.files import hostile_files

CACHE = RUN_DIR / "bench" / "hostile"
MAX_BYTES = 10 * 1024 * 1024
EVERY_DAMAGED = 10
"""Of the files that are merely damaged, one in so many: they are most of all, and much the same."""


def written() -> tuple[Path, ...]:
    """Return the files of the short list that may be uploaded, in a mixed but fixed order."""
    CACHE.mkdir(parents=True, exist_ok=True)
    paths = []
    for number, file in enumerate(file for file in hostile_files() if not file.soak):
        if file.name.startswith("damage/") and number % EVERY_DAMAGED:
            continue
        path = CACHE / hashlib.sha256(file.name.encode()).hexdigest()[:16]
        if not path.exists():
            path.write_bytes(file.data)
        if 0 < path.stat().st_size <= MAX_BYTES:
            paths.append(path)
    return tuple(sorted(paths))

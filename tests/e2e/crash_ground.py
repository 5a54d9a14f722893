"""What the processes of a crash campaign stand on, and where to look for what they left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg2

from image_service.config import read_settings
from image_service.storage.s3 import open_bucket
from tests.engines import LOCAL, SHARED, Engines, environment
from tests.originals import Folder, Objects, Originals

PATIENCE = {"sweep_interval_s": 1, "s3_timeout_s": 4, "lease_ttl_s": 5}
"""What a dead process left in a bucket is cleared up after so long: 10 s at the most."""
SWEEP_TIMEOUT_S = 15.0


@dataclass(frozen=True)
class Ground:
    """Where a campaign's store is.

    Attributes:
        folder: what its processes keep on disk is below it.
        environment: how they are started.
        kept: the originals.
        in_doubt: returns the names that are noted as provisional.
    """

    engines: Engines
    folder: Path
    environment: Mapping[str, str]
    kept: Originals
    in_doubt: Callable[[], set[str]]

    def upload_dir(self, process: str) -> Path:
        """Return that of a process: one of its own where several machines could be at it."""
        place = self.folder / process if self.engines == SHARED else self.folder
        return place / "uploads"


def ground_of(engines: Engines, folder: Path, settings: Mapping[str, Any]) -> Ground:
    """Return where settings say."""
    uploads = folder / "uploads"
    if engines.store == LOCAL:
        # What is provisional has another name there, so that nothing need be noted.
        return Ground(engines, folder, environment(settings), Folder(uploads), set)
    told = environment({**settings, **PATIENCE})
    kept = Objects(open_bucket(read_settings({**settings}, folder)))
    if url := settings.get("catalogue_url"):
        return Ground(engines, folder, told, kept, lambda: noted_in(url))
    journal = uploads / ".state" / "journal"
    return Ground(engines, folder, told, kept, lambda: {path.name for path in journal.glob("*~*")})


def noted_in(url: str) -> set[str]:
    """Return the names that a database has as provisional."""
    with contextlib.closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT name FROM provisional")
        return {name for (name,) in cursor.fetchall()}

"""What an operator does to a store, beside a service that may be running on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from .catalogue import SqlCatalogue
from .catalogue.migrate import upgrade
from .catalogue.sqlite import create_sqlite_engine
from .domain.image import Image
from .errors import StorageUnavailable
from .scrub import ScrubLog
from .settings import Settings
from .storage import LeaseBook, LocalStore
from .verify import Finding, Pace, Verification, Verifier


@dataclass(frozen=True)
class Parts:
    """A store and its catalogue, opened by this process."""

    store: LocalStore
    catalogue: SqlCatalogue


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Parts]:
    """Open the store that settings name. Raises: StorageUnavailable when there is none."""
    folder = settings.state_path
    file = folder / "catalogue.sqlite3"
    if not file.is_file():
        raise StorageUnavailable(f"there is no catalogue for upload_dir {settings.upload_dir}")
    leases = LeaseBook(folder / "leases")
    try:
        lease = leases.acquire()
    except OSError as exc:
        raise StorageUnavailable(f"its state_dir: {exc.strerror}") from exc
    engine = create_sqlite_engine(file, timeout_s=settings.catalogue_timeout_s)
    catalogue = SqlCatalogue(
        engine, prepare=lambda: upgrade(engine), holder=lease.id, is_alive=leases.is_alive
    )
    try:
        catalogue.prepare()
        yield Parts(LocalStore(settings.upload_path, leases, lease), catalogue)
    finally:
        catalogue.close()
        lease.release()


class VerifyRun:
    """One verification of everything, to be followed while it goes on."""

    def __init__(self, parts: Parts, settings: Settings, *, max_bytes_per_s: float = 0) -> None:
        """Args: max_bytes_per_s: 0 for as fast as can be."""
        self._verifier = Verifier(parts.store, parts.catalogue, Pace(max_bytes_per_s))
        self._log = ScrubLog(settings.state_path)
        totals = parts.catalogue.used()
        self.total_images, self.total_bytes = totals.files, totals.bytes
        self.done = Verification()

    def images(self, *, quick: bool) -> Iterator[Image]:
        """Look at every image and yield it, then at every file; note the result."""
        yield from self._verifier.images(self.done, quick=quick)
        self._verifier.files(self.done)
        if not quick:
            self._log.finished(self.done)

    def repair(self) -> list[Finding]:
        """See Verifier.repair."""
        return self._verifier.repair(self.done)

"""Which engines the settings choose: where originals and the catalogue of a store are."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from .catalogue import SqlCatalogue
from .catalogue.migrate import upgrade
from .catalogue.outbox import Announcer
from .catalogue.reserve import Reserve
from .catalogue.sqlite import create_sqlite_engine, create_sqlite_writer
from .domain.events import Turn
from .domain.image import image_id_of
from .settings import Settings
from .storage import FileTurn, HostLock, LeaseBook, LocalStore
from .storage.journal import LocalJournal
from .storage.s3 import S3Store, create_s3_store

CATALOGUE_FILE = "catalogue.sqlite3"
"""Where in state_dir the catalogue is."""

Store = LocalStore | S3Store
"""Where originals are."""

_NAMES_LOOKED_AT = 1000


def has_catalogue(settings: Settings) -> bool:
    """Tell whether there is a store already where settings say."""
    return (settings.state_path / CATALOGUE_FILE).is_file()


class Backends:
    """The store and the catalogue of one process, under its lease."""

    def __init__(
        self,
        settings: Settings,
        *,
        min_free_bytes: int = 0,
        committed: Callable[[float], object] = lambda _: None,
    ) -> None:
        """Args:
        min_free_bytes: room on the disk that uploads must leave.
        committed: see SqlCatalogue.
        Raises: OSError where no lease can be taken; StorageUnavailable.
        """
        self._settings = settings
        folder = settings.state_path
        self._host_lock = HostLock(folder / "host.lock")
        self._leases = LeaseBook(folder / "leases")
        self._lease = self._leases.acquire()
        self.store = self._create_store(min_free_bytes)
        self.catalogue_file = folder / CATALOGUE_FILE
        self.announcer = Announcer(_now_ms if settings.events else None)
        self.catalogue = self._create_catalogue(committed)

    def claim(self) -> None:
        """Keep other machines out. Raises: StorageUnavailable when one is at it; OSError."""
        self._host_lock.acquire()

    def prepare(self) -> None:
        """Make what is missing. Raises: StorageFull, StorageUnavailable."""
        self.store.prepare()
        self.catalogue.prepare()

    def has_lost_its_catalogue(self) -> bool:
        """Tell whether there are originals that nobody knows of, and no others."""
        return not self.catalogue.used().files and any(
            map(image_id_of, itertools.islice(self.store.names(), _NAMES_LOOKED_AT))
        )

    def turn(self, name: str) -> Turn:
        """Return the turn of this name, which one process on this catalogue has at a time."""
        return FileTurn(self._settings.state_path / f"{name}.turn")

    def close(self) -> None:
        """Let go of all of it."""
        self.catalogue.close()
        # What a native thread may still be writing is left over once this process has ended, not
        # before: the lease ends with it.
        if self.store.is_at_rest:
            self._lease.release()
            self._host_lock.release()

    def _create_store(self, min_free_bytes: int) -> Store:
        settings, leases, lease = self._settings, self._leases, self._lease
        if settings.s3_originals:
            folder = settings.state_path / "journal"
            journal = LocalJournal(folder, leases, lease, grace_s=settings.s3_timeout_s)
            return create_s3_store(settings, journal)
        return LocalStore(
            settings.upload_path,
            leases,
            lease,
            min_free_bytes=min_free_bytes,
            archive=settings.archive_path,
        )

    def _create_catalogue(self, committed: Callable[[float], object]) -> SqlCatalogue:
        file, timeout_s = self.catalogue_file, self._settings.catalogue_timeout_s
        engine = create_sqlite_engine(file, timeout_s=timeout_s)
        return SqlCatalogue(
            engine,
            prepare=functools.partial(_prepare_catalogue, file.parent, engine),
            holder=self._lease.id,
            is_alive=self._leases.is_alive,
            writer=create_sqlite_writer(file, timeout_s=timeout_s),
            reserve=Reserve(file.parent / "reserve"),
            committed=committed,
            events=self.announcer,
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _prepare_catalogue(folder: Path, engine: sa.Engine) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder / "catalogue.lock"):
        upgrade(engine)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Keep the other processes of this machine out meanwhile."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

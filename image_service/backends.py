"""Which engines the settings choose: where originals and the catalogue of a store are."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import sqlalchemy as sa

from .catalogue.copies import copy_postgres, copy_sqlite
from .catalogue.database import Database
from .catalogue.holders import KernelHolder
from .catalogue.journal import SqlJournal
from .catalogue.leases import SqlLease
from .catalogue.migrate import upgrade
from .catalogue.outbox import Announcer
from .catalogue.postgres import PostgresOptions, has_tables, open_postgres
from .catalogue.reserve import Reserve
from .catalogue.sqlite import open_sqlite
from .catalogue.turns import SqlTurn
from .clock import now_ms
from .domain.events import Turn
from .domain.image import image_id_of
from .domain.ports import Journal
from .settings import Settings
from .settings_s3 import LOCAL
from .storage import FileTurn, HostLock, Lease, LeaseBook, LocalStore
from .storage.joint_journal import JointJournal
from .storage.journal import LocalJournal
from .storage.move import Move, note_of
from .storage.pair import PairStore
from .storage.s3 import S3Store, create_s3_store

CATALOGUE_FILE = "catalogue.sqlite3"
"""Where in state_dir the catalogue is."""

Store = LocalStore | S3Store | PairStore
"""Where originals are."""

Told = Callable[[float], object]
"""Is told of each transaction that wrote, and how many seconds it took."""

_NAMES_LOOKED_AT = 1000
_TURN_TTL_S = 30.0


def has_catalogue(settings: Settings) -> bool:
    """Tell, without opening anything, whether there may be a store where settings say."""
    folder = settings.state_path
    # Of one in PostgreSQL there is a folder on this machine, once it has been used from here.
    return folder.is_dir() if settings.catalogue_url else (folder / CATALOGUE_FILE).is_file()


class Backends:
    """The store and the catalogue of one process, under its lease."""

    def __init__(
        self,
        settings: Settings,
        *,
        min_free_bytes: int = 0,
        committed: Told = lambda _: None,
        finds_images: bool = False,
    ) -> None:
        """Args:
        min_free_bytes: room on the disk that uploads must leave.
        committed: see Transactions.
        finds_images: whether images are added or dropped whose blobs it has not noted: by a
            rebuild, a repair.
        Raises: OSError where no lease can be taken; StorageUnavailable.
        """
        self._settings = settings
        folder = settings.state_path
        self._host_lock = HostLock(folder / "host.lock")
        self._leases = LeaseBook(folder / "leases")
        self._lease = self._leases.acquire(note_of(settings.places))
        self._move = Move(folder, settings.places, self._leases)
        self.catalogue_file = folder / CATALOGUE_FILE
        self.announcer = Announcer(now_ms if settings.events else None)
        self._options = postgres_options(settings)
        if self._options:
            transactions = open_postgres(self._options, committed=committed)
            lease = SqlLease(transactions, ttl_s=settings.lease_ttl_s)
            self._database = Database(transactions, lease)
        else:
            self._database = _open_sqlite(settings, self._leases, self._lease, committed)
        journal = self._shared_journal()
        self.store = self._create_store(min_free_bytes, journal)
        self.catalogue = self._database.catalogue(
            None if finds_images else journal, events=self.announcer
        )
        self.turns = self._database.turns

    def claim(self) -> None:
        """Keep other machines out, and processes that do not know where all originals are.

        Raises: StorageUnavailable; OSError.
        """
        self._host_lock.acquire()
        self._move.check()

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
        if self._options:
            return SqlTurn(self.turns, name, ttl_s=_TURN_TTL_S)
        return FileTurn(self._settings.state_path / f"{name}.turn")

    def has_catalogue(self) -> bool:
        """Tell whether there is a catalogue, prepared by anybody. Raises: StorageUnavailable."""
        return has_tables(self._options) if self._options else self.catalogue_file.is_file()

    def copy_catalogue(self, target: Path) -> None:
        """Write the catalogue, as it is at one moment, to a new SQLite file.

        Raises: StorageUnavailable; sqlite3.Error.
        """
        if self._options:
            copy_postgres(self._options, target)
        else:
            copy_sqlite(self.catalogue_file, target)

    def close(self) -> None:
        """Let go of all of it."""
        self.turns.give_up()
        self.catalogue.close()
        # What a native thread may still be writing is left over once this process has ended, not
        # before: the lease ends with it.
        if self.store.is_at_rest:
            self._lease.release()
            self._host_lock.release()

    def _shared_journal(self) -> SqlJournal | None:
        """Return the journal of a bucket and a database that several machines may be using."""
        if not (self._options and self._settings.buckets):
            return None
        return self._database.journal(grace_s=self._settings.s3_timeout_s)

    def _create_store(self, min_free_bytes: int, journal: SqlJournal | None) -> Store:
        settings = self._settings

        def place(name: str, noted_in: Journal) -> LocalStore | S3Store:
            if name != LOCAL:
                return create_s3_store(settings, noted_in, name)
            return LocalStore(
                settings.upload_path,
                self._leases,
                self._lease,
                min_free_bytes=min_free_bytes,
                archive=settings.archive_path,
            )

        noted_in = journal or self._local_journal()
        if not settings.originals_also:
            return place(settings.places[0], noted_in)
        joint = JointJournal(noted_in)
        main, second = (place(name, joint.share()) for name in settings.places)
        return PairStore(main, second, self._move, joint, notes_all=journal is not None)

    def _local_journal(self) -> LocalJournal:
        settings = self._settings
        return LocalJournal(
            settings.state_path / "journal",
            self._leases,
            self._lease,
            grace_s=settings.s3_timeout_s,
        )


def _open_sqlite(settings: Settings, leases: LeaseBook, lease: Lease, told: Told) -> Database:
    file = settings.state_path / CATALOGUE_FILE
    transactions = open_sqlite(
        file,
        timeout_s=settings.catalogue_timeout_s,
        prepare=functools.partial(_prepare_file, file.parent),
        committed=told,
    )
    holder = KernelHolder(lease.id, leases.is_alive)
    return Database(transactions, holder, Reserve(file.parent / "reserve"))


def postgres_options(settings: Settings) -> PostgresOptions | None:
    """Return how the PostgreSQL of these settings is reached, None where there is none."""
    if settings.catalogue_url is None:
        return None
    return PostgresOptions(
        settings.catalogue_url.get_secret_value(),
        pool_size=settings.catalogue_pool_size,
        connect_timeout_s=settings.catalogue_connect_timeout_s,
        timeout_s=settings.catalogue_timeout_s,
    )


def _prepare_file(folder: Path, engine: sa.Engine) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _only_one(folder / "catalogue.lock"):
        upgrade(engine)


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Keep the other processes of this machine out meanwhile."""
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

"""Which database keeps the catalogue: a SQLite file, PostgreSQL, or the one until it has moved."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from pydantic import SecretStr

from .catalogue import move_log
from .catalogue.copies import copy_postgres, copy_sqlite
from .catalogue.database import Database
from .catalogue.holders import KernelHolder
from .catalogue.leases import SqlLease, living_leases
from .catalogue.migrate import upgrade
from .catalogue.move import CatalogueMove
from .catalogue.postgres import (
    PostgresOptions,
    has_tables,
    make_search_index,
    open_postgres,
    open_standby,
    place_of,
)
from .catalogue.replica import Replica
from .catalogue.reserve import Reserve
from .catalogue.sqlite import open_sqlite
from .catalogue.switching import SwitchingHolder, SwitchingTransactions
from .catalogue.transactions import Transactions
from .catalogue.trigrams import has_trigrams
from .errors import StorageUnavailable
from .settings import Settings
from .storage import Lease, LeaseBook
from .storage.files import only_one

CATALOGUE_FILE = "catalogue.sqlite3"
"""Where in state_dir the catalogue is, unless it is in PostgreSQL."""

Told = Callable[[float], object]
"""Is told of each transaction that wrote, and how many seconds it took."""


class CatalogueDatabase:
    """The database of one process, and where it is."""

    def __init__(
        self, settings: Settings, leases: LeaseBook, lease: Lease, committed: Told
    ) -> None:
        """Args: lease: this process's among leases; committed: see Transactions."""
        self.file = settings.state_path / CATALOGUE_FILE
        self._leases = leases
        self._lease = lease
        self._postgres = postgres_options(settings)
        self._switching: SwitchingTransactions | None = None
        self._standby = standby_options(settings)
        if self._postgres is None:
            self.database = self._sqlite(_open_file(settings, committed))
        elif settings.catalogue_moving and _waits_to_move(self.file):
            self.database = self._moving(settings, self._postgres, committed)
        else:
            transactions = open_postgres(self._postgres, committed=committed)
            self.database = Database(
                transactions, SqlLease(transactions, ttl_s=settings.lease_ttl_s)
            )

    @property
    def is_moving(self) -> bool:
        """Whether it was in the file when this process began, and goes to PostgreSQL."""
        return self._switching is not None

    @property
    def is_shared(self) -> bool:
        """Whether other machines may have been using it since this process began."""
        return self._postgres is not None and not self.is_moving

    def replica(
        self, *, report: Callable[[str], object], told: Callable[[bool], object]
    ) -> Replica | None:
        """Return the standby that listings are read from, None for none. Args: see Replica."""
        if self._standby is None or not self.is_shared:
            return None
        name = place_of(self._standby.url)
        standby = open_standby(self._standby)
        return Replica(standby, self.database.transactions, name=name, report=report, told=told)

    def is_there(self) -> bool:
        """Tell whether there is a catalogue, prepared by anybody. Raises: StorageUnavailable."""
        if self._postgres and not self.is_moving:
            return has_tables(self._postgres)
        return self.file.is_file()

    def reads_names(self) -> bool:
        """Tell whether searches have no index of filenames. Raises: StorageUnavailable."""
        return self.is_shared and not self.database.transactions.read(has_trigrams)

    def index_names(self) -> str:
        """Have searches an index of filenames; return why they have none. Takes its time.

        Raises: StorageUnavailable.
        """
        return make_search_index(self._postgres) if self._postgres and self.is_shared else ""

    def copy(self, target: Path) -> None:
        """Write the catalogue, as it is at one moment, to a new SQLite file.

        Raises: StorageUnavailable; sqlite3.Error.
        """
        if self._postgres and (self._switching is None or self._switching.look()):
            copy_postgres(self._postgres, target)
        else:
            copy_sqlite(self.file, target)

    def move(self) -> CatalogueMove | None:
        """Return the move to PostgreSQL, None where nothing moves (any more)."""
        if self._switching is None:
            return None
        return CatalogueMove(self._switching.before, self._switching.after)

    def stragglers(self) -> list[str]:
        """Return the leases of processes that know nothing of the move: they began before it."""
        assert self._switching
        # A process that moves has the same lease in both.
        known = self._switching.after.read(living_leases)
        ids = self._leases.ids() - known
        return sorted(each for each in ids if self._leases.is_alive(each))

    def _sqlite(self, transactions: Transactions) -> Database:
        return Database(transactions, self._holder(), Reserve(self.file.parent / "reserve"))

    def _moving(self, settings: Settings, options: PostgresOptions, committed: Told) -> Database:
        before = _open_file(settings, committed)
        after = open_postgres(options, committed=committed)
        self._switching = SwitchingTransactions(before, after)
        lease = SqlLease(after, ttl_s=settings.lease_ttl_s, lease_id=self._lease.id)
        holder = SwitchingHolder(self._switching, self._holder(), lease)
        return Database(self._switching, holder, Reserve(self.file.parent / "reserve"))

    def _holder(self) -> KernelHolder:
        return KernelHolder(self._lease.id, self._leases.is_alive)


def postgres_options(settings: Settings) -> PostgresOptions | None:
    """Return how the PostgreSQL of these settings is reached, None where there is none."""
    return _options(settings, settings.catalogue_url)


def standby_options(settings: Settings) -> PostgresOptions | None:
    """Return how the standby of these settings is reached, None where there is none."""
    return _options(settings, settings.catalogue_replica_url)


def _options(settings: Settings, url: SecretStr | None) -> PostgresOptions | None:
    if url is None:
        return None
    return PostgresOptions(
        url.get_secret_value(),
        pool_size=settings.catalogue_pool_size,
        connect_timeout_s=settings.catalogue_connect_timeout_s,
        timeout_s=settings.catalogue_timeout_s,
    )


def _waits_to_move(file: Path) -> bool:
    try:
        return file.is_file() and not move_log.file_has_moved(file)
    except sqlite3.Error:
        return True  # what is wrong with it is told when it is opened


def _open_file(settings: Settings, told: Told) -> Transactions:
    file = settings.state_path / CATALOGUE_FILE
    prepare = functools.partial(_prepare_file, file.parent, is_moving=settings.catalogue_moving)
    return open_sqlite(
        file, timeout_s=settings.catalogue_timeout_s, prepare=prepare, committed=told
    )


def _prepare_file(folder: Path, engine: sa.Engine, *, is_moving: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with only_one(folder / "catalogue.lock"):
        upgrade(engine)
        if is_moving:
            return
        with engine.connect() as connection:
            if move_log.has_moved(connection):
                raise StorageUnavailable(
                    "its catalogue has moved to PostgreSQL: set catalogue_url (environment: "
                    "IMAGE_SERVICE_CATALOGUE_URL)"
                )
            has_log = move_log.has_log(connection)
        if has_log:  # the move was given up
            with engine.connect().execution_options(writes=True) as connection:
                move_log.end_log(connection)
                connection.commit()

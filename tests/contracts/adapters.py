"""Every adapter that the contract suites run on. A new backend is one more line here."""

from __future__ import annotations

import collections
import functools
import itertools
import os
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy as sa
from pydantic import SecretStr

from image_service.catalogue import SqlCatalogue
from image_service.catalogue.copies import copy_sqlite
from image_service.catalogue.database import Database
from image_service.catalogue.holders import KernelHolder
from image_service.catalogue.leases import SqlLease
from image_service.catalogue.migrate import upgrade
from image_service.catalogue.outbox import Announcer
from image_service.catalogue.postgres import (
    PostgresOptions,
    create_postgres_engine,
    open_postgres,
)
from image_service.catalogue.reserve import Reserve
from image_service.catalogue.sqlite import open_sqlite
from image_service.databases import CatalogueDatabase
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts, make_image_id
from image_service.domain.ports import BlobStore, Catalogue, Journal
from image_service.settings import Settings
from image_service.settings_s3 import LOCAL
from image_service.storage import Lease, LeaseBook, LocalStore
from image_service.storage.joint_journal import JointJournal
from image_service.storage.journal import LocalJournal
from image_service.storage.marks import Marks
from image_service.storage.move import Move, note_of
from image_service.storage.pair import PairStore
from image_service.storage.s3 import S3Store
from image_service.storage.s3.archive import BucketArchive
from image_service.storage.s3.readers import Readers
from image_service.testing import (
    NOON_MS,
    MemoryCatalogue,
    MemoryDisk,
    MemoryRecords,
    MemoryStore,
)
from scripts.postgres import Server
from tests.s3 import S3Server


@dataclass(frozen=True)
class Process:
    """One process' adapter. kill: ends it as kill -9 would, leaving everything as it is."""

    adapter: Any
    kill: Callable[[], None]
    database: Any = None


class MemoryStores:
    """Processes on one MemoryDisk."""

    def __init__(self, folder: Path) -> None:
        self._disk = MemoryDisk()

    def start(self) -> Process:
        store: BlobStore = MemoryStore(self._disk)
        return Process(store, store.die)  # type: ignore[attr-defined]


class LocalStores:
    """Processes on one directory."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "uploads"
        self.leases = folder / "uploads" / ".state" / "leases"
        self.archive = folder / "archive"

    def start(self) -> Process:
        leases = LeaseBook(self.leases)
        lease = leases.acquire()
        store: BlobStore = LocalStore(self.root, leases, lease, archive=self.archive)
        store.prepare()  # type: ignore[attr-defined]
        return Process(store, functools.partial(drop_lock, lease))


class S3Stores:
    """Processes of one machine on one prefix of a bucket."""

    def __init__(self, folder: Path, server: S3Server, **access: Any) -> None:
        self.folder = folder / "state"
        token = secrets.token_hex(6)
        self.bucket = server.bucket(f"{token}/originals", **access)
        self.archive = server.bucket(f"{token}/archive", **access)
        self.grace_s = 0.0

    def start(self) -> Process:
        leases = LeaseBook(self.folder / "leases")
        lease = leases.acquire()
        store: BlobStore = self.store(self.journal(leases, lease))
        store.prepare()  # type: ignore[attr-defined]
        return Process(store, functools.partial(drop_lock, lease))

    def journal(self, leases: LeaseBook, lease: Lease) -> LocalJournal:
        return LocalJournal(self.folder / "journal", leases, lease, grace_s=self.grace_s)

    def store(self, journal: Journal) -> S3Store:
        return S3Store(
            self.bucket,
            journal,
            Marks(self.folder / "s3"),
            Readers(self.folder / "s3" / "reading"),
            archive=BucketArchive(self.bucket, self.archive),
            grace_s=self.grace_s,
        )


class PairStores:
    """Processes on two places at once, in the middle of a move: both have everything."""

    to_local = False

    def __init__(self, folder: Path, server: S3Server) -> None:
        self.local, self.s3 = LocalStores(folder), S3Stores(folder, server)
        self.s3.folder = folder / "uploads" / ".state"
        self.places = (LOCAL, "s3://b/x") if self.to_local else ("s3://b/x", LOCAL)
        move = self.move_of(LeaseBook(self.local.leases))
        move.begin()
        move.arrive()

    def move_of(self, leases: LeaseBook) -> Move:
        self.s3.folder.mkdir(parents=True, exist_ok=True)
        return Move(self.s3.folder, self.places, leases)

    def start(self) -> Process:
        leases = LeaseBook(self.local.leases)
        lease = leases.acquire(note_of(self.places))
        joint = JointJournal(self.s3.journal(leases, lease))
        pair: list[Any] = [
            self.s3.store(joint.share()),
            LocalStore(self.local.root, leases, lease, archive=self.local.archive),
        ]
        main, second = reversed(pair) if self.to_local else pair
        store: BlobStore = PairStore(main, second, self.move_of(leases), joint)
        store.prepare()  # type: ignore[attr-defined]
        return Process(store, functools.partial(drop_lock, lease))


class PairStoresToLocal(PairStores):
    """The same, the other way round."""

    to_local = True


class MemoryCatalogues:
    """Processes on one set of MemoryRecords."""

    def __init__(self, folder: Path) -> None:
        self._records = MemoryRecords()

    def start(self) -> Process:
        catalogue: Catalogue = MemoryCatalogue(self._records)
        return Process(catalogue, catalogue.die)  # type: ignore[attr-defined]

    def stop(self) -> None:
        pass


class SqliteCatalogues:
    """Processes on one database file."""

    _template: ClassVar[bytes] = b""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "state"
        self.file = self.folder / "catalogue.sqlite3"
        self._started: list[SqlCatalogue] = []

    def start(self, timeout_s: float = 5.0) -> Process:
        leases = LeaseBook(self.folder / "leases")
        lease = leases.acquire()

        database = Database(
            open_sqlite(self.file, timeout_s=timeout_s, prepare=self._prepare),
            KernelHolder(lease.id, leases.is_alive),
            Reserve(self.folder / "reserve"),
        )
        catalogue = database.catalogue(events=Announcer(lambda: NOON_MS))
        catalogue.prepare()
        self._started.append(catalogue)
        return Process(catalogue, functools.partial(drop_lock, lease), database)

    def stop(self) -> None:
        for catalogue in self._started:
            catalogue.close()

    def _prepare(self, engine: sa.Engine) -> None:
        """Make the file with its tables: of a template, for all migrations take 0.1 s."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if not self.file.exists() and self._template:
            self.file.write_bytes(self._template)
        upgrade(engine)
        if not self._template:
            # Named by its process: several may be at their first one in the same folder.
            copy = self.folder / f"template-{os.getpid()}.sqlite3"
            copy_sqlite(self.file, copy)
            type(self)._template = copy.read_bytes()
            copy.unlink()


class PostgresCatalogues:
    """Processes on one database of a server; stop() drops it."""

    _template: ClassVar[dict[int, str]] = {}
    _numbers = itertools.count(1)

    def __init__(self, server: Server, *, is_empty: bool = False) -> None:
        """Args: is_empty: without tables."""
        self.server = server
        self.name = f"catalogue_{next(self._numbers)}"
        self.url = server.url_of(self.name)
        self._started: list[SqlCatalogue] = []
        # In an order that is not the bytes': nothing may depend on the database's.
        locale = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        server.run(f"CREATE DATABASE {self.name} {locale if is_empty else self._from_template()}")

    def _from_template(self) -> str:
        if self.server.port not in self._template:
            first = PostgresCatalogues(self.server, is_empty=True)
            engine = create_postgres_engine(PostgresOptions(first.url), is_bounded=False)
            upgrade(engine)
            engine.dispose()
            self._template[self.server.port] = first.name
        return f"TEMPLATE {self._template[self.server.port]}"

    def start(self, url: str = "", *, ttl_s: float = 60.0, **options: Any) -> Process:
        transactions = open_postgres(PostgresOptions(url or self.url, **options))
        lease = SqlLease(transactions, ttl_s=ttl_s)
        database = Database(transactions, lease)
        catalogue = database.catalogue(events=Announcer(lambda: NOON_MS))
        catalogue.prepare()
        self._started.append(catalogue)

        def kill() -> None:
            lease.stop_beating()
            self.server.run(f"UPDATE leases SET expires_ms = 0 WHERE id = '{lease.id}'", self.name)

        return Process(catalogue, kill, database)

    def stop(self) -> None:
        for catalogue in self._started:
            catalogue.close()
        self.server.run(f"DROP DATABASE {self.name} WITH (FORCE)")


class MovingCatalogues:
    """Processes on one database file, which moves to PostgreSQL between two transactions."""

    def __init__(self, folder: Path, server: Server, *, after: int = 4) -> None:
        """Args: after: how many transactions."""
        files = SqliteCatalogues(folder)
        files.start().kill()
        files.stop()
        self.folder = files.folder
        self.postgres = PostgresCatalogues(server)
        self._left = after
        self._started: list[SqlCatalogue] = []

    @property
    def settings(self) -> Settings:
        """Of a process that goes along."""
        return Settings(
            state_dir=self.folder,
            catalogue_url=SecretStr(self.postgres.url),
            catalogue_moving=True,
        )

    def start(self, *, is_counted: bool = True) -> Process:
        """Args: is_counted: whether its transactions are of those after which all moves."""
        leases = LeaseBook(self.folder / "leases")
        lease = leases.acquire()
        where = CatalogueDatabase(self.settings, leases, lease, lambda _: None)
        transactions = where.database.transactions
        if is_counted:
            transactions.read = self._counted(transactions.read)  # type: ignore[method-assign]
            transactions.write = self._counted(transactions.write)  # type: ignore[method-assign]
        catalogue = where.database.catalogue(events=Announcer(lambda: NOON_MS))
        catalogue.prepare()
        self._started.append(catalogue)

        def kill() -> None:
            drop_lock(lease)
            holder: Any = where.database.holder
            getattr(holder, "_after", holder).stop_beating()
            expire = f"UPDATE leases SET expires_ms = 0 WHERE id = '{holder.id}'"
            self.postgres.server.run(expire, self.postgres.name)

        return Process(catalogue, kill, where)

    def move(self) -> None:
        """Move it, as another process."""
        process = self.start(is_counted=False)
        move = process.database.move()
        collections.deque(move.copy(), maxlen=0)
        move.catch_up()
        collections.deque(move.compare(), maxlen=0)
        move.cut_over()

    def stop(self) -> None:
        for catalogue in self._started:
            catalogue.close()
        self.postgres.stop()

    def _counted(self, run: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def counting(work: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                self.move()
            return run(work)

        return counting


STORES: dict[str, Callable[..., Any]] = {
    "memory": MemoryStores,
    "local": LocalStores,
    "s3": S3Stores,
    "both-to-s3": PairStores,
    "both-to-local": PairStoresToLocal,
}
NEED_S3 = ("s3", "both-to-s3", "both-to-local")
"""The stores that need a server."""
CATALOGUES = {"memory": MemoryCatalogues, "sqlite": SqliteCatalogues}
POSTGRESQL = "postgresql"
MOVING = "moving"
"""The catalogues that need a server."""


def drop_lock(lease: Lease) -> None:
    """Do what the kernel does at a process' end: let its lock go, its file stays."""
    os.close(lease._fd)
    lease._fd = -1


_random = random.Random(7)


def drop_filename_index(connection: sa.Connection) -> None:
    """Make of a SQLite catalogue what it was before there was an index of filenames."""
    for way in ("inserted", "deleted", "lost", "restored", "renamed"):
        connection.exec_driver_sql(f"DROP TRIGGER filename_index_{way}")
    connection.exec_driver_sql("DROP TABLE filename_index")


def new_image(**changes: Any) -> Image:
    """Return an image of no picture, with an id of its own; changes as Image's fields."""
    created_ms = changes.pop("created_ms", NOON_MS)
    format_ = changes.pop("format", Format.JPEG)
    fields = {
        "id": make_image_id(created_ms, _random.randbytes(24)),
        "filename": "picture.jpg",
        "size_bytes": 1000,
        "sha256": _random.randbytes(32),
        "created_ms": created_ms,
        "facts": PictureFacts(format=format_, width=640, height=480),
    }
    return Image(**{**fields, **changes})


def new_name(extension: str = "jpg") -> str:
    """Return a blob name that is not taken."""
    return f"{make_image_id(NOON_MS, _random.randbytes(24))}.{extension}"

"""Every adapter that the contract suites run on. A new backend is one more line here."""

from __future__ import annotations

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

from image_service.catalogue import SqlCatalogue
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
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts, make_image_id
from image_service.domain.ports import BlobStore, Catalogue
from image_service.storage import Lease, LeaseBook, LocalStore
from image_service.storage.journal import LocalJournal
from image_service.storage.marks import Marks
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
from tests.s3 import SeaweedServer


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

    def __init__(self, folder: Path, server: SeaweedServer, **access: Any) -> None:
        self.folder = folder / "state"
        token = secrets.token_hex(6)
        self.bucket = server.bucket(f"{token}/originals", **access)
        self.archive = server.bucket(f"{token}/archive", **access)
        self.grace_s = 0.0

    def start(self) -> Process:
        leases = LeaseBook(self.folder / "leases")
        lease = leases.acquire()
        journal = LocalJournal(self.folder / "journal", leases, lease, grace_s=self.grace_s)
        store: BlobStore = S3Store(
            self.bucket,
            journal,
            Marks(self.folder / "s3"),
            Readers(self.folder / "s3" / "reading"),
            archive=BucketArchive(self.bucket, self.archive),
            grace_s=self.grace_s,
        )
        store.prepare()  # type: ignore[attr-defined]
        return Process(store, functools.partial(drop_lock, lease))


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

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "state"
        self.file = self.folder / "catalogue.sqlite3"
        self._started: list[SqlCatalogue] = []

    def start(self, timeout_s: float = 5.0) -> Process:
        leases = LeaseBook(self.folder / "leases")
        lease = leases.acquire()

        def prepare(engine: sa.Engine) -> None:
            self.folder.mkdir(parents=True, exist_ok=True)
            upgrade(engine)

        database = Database(
            open_sqlite(self.file, timeout_s=timeout_s, prepare=prepare),
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


STORES: dict[str, Callable[..., Any]] = {
    "memory": MemoryStores,
    "local": LocalStores,
    "s3": S3Stores,
}
CATALOGUES = {"memory": MemoryCatalogues, "sqlite": SqliteCatalogues}
POSTGRESQL = "postgresql"
"""The catalogues that need a server."""


def drop_lock(lease: Lease) -> None:
    """Do what the kernel does at a process' end: let its lock go, its file stays."""
    os.close(lease._fd)
    lease._fd = -1


_random = random.Random(7)


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

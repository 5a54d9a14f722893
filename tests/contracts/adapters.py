"""Every adapter that the contract suites run on. A new backend is one more line here."""

from __future__ import annotations

import functools
import os
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image_service.catalogue import SqlCatalogue
from image_service.catalogue.migrate import upgrade
from image_service.catalogue.outbox import Announcer
from image_service.catalogue.reserve import Reserve
from image_service.catalogue.sqlite import create_sqlite_engine, create_sqlite_writer
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts, make_image_id
from image_service.domain.ports import BlobStore, Catalogue
from image_service.storage import Lease, LeaseBook, LocalStore
from image_service.storage.journal import LocalJournal
from image_service.storage.marks import Marks
from image_service.storage.s3 import S3Store
from image_service.storage.s3.archive import BucketArchive
from image_service.testing import (
    NOON_MS,
    MemoryCatalogue,
    MemoryDisk,
    MemoryRecords,
    MemoryStore,
)
from tests.s3 import SeaweedServer


@dataclass(frozen=True)
class Process:
    """One process' adapter. kill: ends it as kill -9 would, leaving everything as it is."""

    adapter: Any
    kill: Callable[[], None]


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
        engine = create_sqlite_engine(self.file, timeout_s=timeout_s)

        def prepare() -> None:
            self.folder.mkdir(parents=True, exist_ok=True)
            upgrade(engine)

        catalogue = SqlCatalogue(
            engine,
            prepare=prepare,
            holder=lease.id,
            is_alive=leases.is_alive,
            writer=create_sqlite_writer(self.file, timeout_s=timeout_s),
            reserve=Reserve(self.folder / "reserve"),
            events=Announcer(lambda: NOON_MS),
        )
        catalogue.prepare()
        self._started.append(catalogue)
        return Process(catalogue, functools.partial(drop_lock, lease))

    def stop(self) -> None:
        for catalogue in self._started:
            catalogue.close()


STORES: dict[str, Callable[..., Any]] = {
    "memory": MemoryStores,
    "local": LocalStores,
    "s3": S3Stores,
}
CATALOGUES = {"memory": MemoryCatalogues, "sqlite": SqliteCatalogues}


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

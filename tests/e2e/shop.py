"""A store and its catalogue on disk, filled without a service, and the command line on them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from image_service.cli import main
from image_service.manager import StorageManager
from image_service.testing import FixedClock, InlineEngine, MemoryVariants, png
from scripts.paths import ROOT
from scripts.postgres import Server
from tests.contracts.adapters import (
    LocalStores,
    PostgresCatalogues,
    S3Stores,
    SqliteCatalogues,
)
from tests.s3 import S3Server


class Commands:
    """image-service on a store. config: its config.yaml."""

    config: Path

    def verify(self, *options: str) -> tuple[int, str, str]:
        return self.run("verify", "--config", str(self.config), *options)

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run image-service in this process; return its exit code and what it printed."""
        ended = CliRunner().invoke(main, words)
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return ended.exit_code, ended.stdout, ended.stderr

    def run_apart(self, *words: str) -> tuple[int, str, str]:
        """Run the program itself; return the same."""
        program = Path(sys.executable).with_name("image-service")
        ended = subprocess.run(
            [program, *words], capture_output=True, text=True, cwd=ROOT, check=False
        )
        return ended.returncode, ended.stdout, ended.stderr

    def found(self, *options: str) -> tuple[int, dict[str, Any]]:
        code, out, _ = self.verify("--json", *options)
        return code, json.loads(out)


def manager_of(store: Any, catalogue: Any) -> StorageManager:
    """Return a manager that decodes in this process."""
    return StorageManager(
        store,
        catalogue,
        InlineEngine(),
        FixedClock(),
        MemoryVariants(),
        max_upload_bytes=10**6,
        idempotency_window_s=1,
        trash_retention_days=1,
    )


class Shop(Commands):
    """A folder with a store that was filled by the manager, and no service running on it."""

    def __init__(
        self, folder: Path, server: Server | None = None, *, bucket_on: S3Server | None = None
    ) -> None:
        """Args:
        server: a PostgreSQL that keeps the catalogue; SQLite for None.
        bucket_on: has the originals in a bucket.
        """
        self.uploads = folder / "uploads"
        folder.mkdir(exist_ok=True)
        stores: Any = S3Stores(folder, bucket_on) if bucket_on else LocalStores(folder)
        self.stores = stores
        if bucket_on:  # the commands' own
            stores.folder = self.uploads / ".state"
        self.catalogues = PostgresCatalogues(server) if server else self._sqlite(folder)
        self._processes = stores.start(), self.catalogues.start()
        self.store, self.catalogue = (each.adapter for each in self._processes)
        self.manager = manager_of(self.store, self.catalogue)
        self.config = folder / "config.yaml"
        self.archive = stores.archive
        self.write_config(folder)
        if bucket_on:
            self._write_s3_config(bucket_on)
        if server:
            with self.config.open("a") as config:
                config.write(f"catalogue_url: {self.catalogues.url}\n")

    def _write_s3_config(self, server: S3Server) -> None:
        told = {
            **server.settings(self.stores.bucket.url.prefix),
            "s3_archive": str(self.stores.archive.url),
            "upload_dir": str(self.uploads),
        }
        self.config.write_text("".join(f"{key}: {value}\n" for key, value in told.items()))

    def _sqlite(self, folder: Path) -> Any:
        catalogues = SqliteCatalogues(folder)
        catalogues.folder = self.uploads / ".state"
        catalogues.file = catalogues.folder / "catalogue.sqlite3"
        catalogues.folder.mkdir(parents=True, exist_ok=True)
        return catalogues

    @staticmethod
    def write_config(folder: Path) -> None:
        text = f"upload_dir: {folder / 'uploads'}\narchive_dir: {folder / 'archive'}\n"
        (folder / "config.yaml").write_text(text)

    def fill(self, count: int) -> list[str]:
        data = [png((8, 6), seed=n) for n in range(10)]
        return [self.manager.add(data[n % 10], f"{n}.png").blob_name for n in range(count)]

    def end(self) -> None:
        """Be no process on the store any more."""
        self.catalogue.close()
        for each in self._processes:
            each.kill()


def flip_a_bit(file: Path, chance: random.Random) -> None:
    """Change one bit of a file."""
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)

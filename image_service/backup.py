"""Backups: originals by their checksum and a copy of the catalogue, in a folder of their own.

objects/{2 digits}/{sha256}       originals, each once however many images and backups have it
backups/{name}/catalogue.sqlite3
backups/{name}/backup.json        written last: without it there is no backup

What is there already is not copied again: a backup that was interrupted goes on, and the next one
costs what has changed.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

from .backup_format import (
    CATALOGUE,
    MANIFEST,
    NAME_FORMAT,
    Backup,
    BackupFailed,
    OpenCatalogue,
    Progress,
    leave_out,
    missing_among,
    read_manifest,
    translated,
    walk,
    whole,
)
from .backup_objects import Objects
from .domain.image import Blob, Image
from .domain.ports import BlobStore, Catalogue
from .storage.files import sha256_of
from .verify import Pace


class BackupFolder:
    """A folder with backups."""

    def __init__(self, folder: Path, open_catalogue: OpenCatalogue) -> None:
        self._objects = Objects(folder / "objects")
        self._backups = folder / "backups"
        self._lock = folder / ".lock"
        self._open_catalogue = open_catalogue

    def backups(self) -> list[Backup]:
        """Return the backups that are complete, the oldest first. Raises: BackupFailed."""
        return [each for each in self._manifests() if isinstance(each, Backup)]

    def broken(self) -> list[str]:
        """Return what is wrong with backups whose own description cannot be read."""
        return [each for each in self._manifests() if isinstance(each, str)]

    def _manifests(self) -> list[Backup | str]:
        with translated():
            paths = sorted(self._backups.glob(f"*/{MANIFEST}"))
            return [_described(path) for path in paths]

    @contextlib.contextmanager
    def catalogue(self, backup: Backup) -> Iterator[Catalogue]:
        """Open a backup's catalogue. Raises: BackupFailed if it is not what was written."""
        path = self._backups / backup.name / CATALOGUE
        with translated():
            if sha256_of(path).hex() != backup.catalogue_sha256:
                raise BackupFailed(f"{backup.name} is damaged: its catalogue is not what it was")
        with self._open_catalogue(path) as catalogue:
            yield catalogue

    def create(
        self,
        store: BlobStore,
        living: Catalogue,
        snapshot: Callable[[Path], None],
        pace: Pace,
        done: Progress,
        now: dt.datetime,
    ) -> Iterator[Blob]:
        """Make a backup; yield each image once it was looked at.

        An image whose original is damaged or missing is left out and noted in done; one that is
        deleted meanwhile is left out. Nothing of it counts as a backup before the end.

        Args:
            living: the catalogue; snapshot: writes a copy of it, as it is at one moment, to a path.
        Raises: BackupFailed.
        """
        with self._alone():
            name = self._new_name(now)
            part = self._backups / f".{name}.part"
            with translated():
                self._begin(part)
                snapshot(part / CATALOGUE)
                self._objects.begin()
            with self._open_catalogue(part / CATALOGUE) as catalogue:
                left_out: list[tuple[Blob, str]] = []
                for image, problem, is_new in self._objects.keep(walk(catalogue), store, pace):
                    if problem:
                        left_out.append((image, problem))
                    else:
                        done.count(image, is_new=is_new)
                    yield image
                leave_out(left_out, catalogue, living, done, self._objects.has)
            with translated():
                self._finish(part, name, now, done)

    def _begin(self, part: Path) -> None:
        """Make room for a backup, and clear up what interrupted ones left."""
        for interrupted in self._backups.glob(".*.part"):
            shutil.rmtree(interrupted)
        part.mkdir(parents=True)

    def objects(self) -> Iterator[tuple[str, bool]]:
        """Yield the name of every object, and whether its bytes are those it is named after."""
        with translated():
            for name in self._objects.names():
                yield name, sha256_of(self._objects.path(name)).hex() == name

    def missing(self, backup: Backup) -> list[str]:
        """Return the names of images whose originals a backup should have, and has not."""
        with self.catalogue(backup) as catalogue:
            return missing_among(catalogue, self._objects.names())

    def read(self, image: Blob | Image) -> bytes:
        """Return the original of an image. Raises: BackupFailed."""
        path = self._objects.path(image.sha256.hex())
        with translated():
            data = path.read_bytes() if path.exists() else b""
        return whole(data, image)

    def prune(self, keep: int) -> tuple[int, int]:
        """Remove all but the newest backups, and the objects that no backup has any more.

        Returns: how many backups went, and how many objects.
        """
        with self._alone():
            backups = self.backups()
            kept, old = backups[-keep:], backups[:-keep]
            # What stays is looked at first: if it is no good, the others are needed.
            wanted: set[str] = set()
            for backup in kept:
                with self.catalogue(backup) as catalogue:
                    wanted.update(image.sha256.hex() for image in walk(catalogue))
            with translated():
                for backup in old:
                    folder = self._backups / backup.name
                    (folder / MANIFEST).unlink()  # first: what is left then is no backup
                    shutil.rmtree(folder)
                unwanted = [name for name in self._objects.names() if name not in wanted]
                for name in unwanted:
                    self._objects.path(name).unlink()
            return len(old), len(unwanted)

    def _new_name(self, now: dt.datetime) -> str:
        name = moment = now.strftime(NAME_FORMAT)
        for number in itertools.count(2):
            if not (self._backups / name).exists():
                return name
            name = f"{moment}-{number}"
        raise AssertionError

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep others that write to this folder out meanwhile. Raises: BackupFailed."""
        with contextlib.ExitStack() as stack:
            with translated():
                self._backups.mkdir(parents=True, exist_ok=True)
                lock = stack.enter_context(self._lock.open("a"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise BackupFailed("another backup or prune is at work here") from None
            yield

    def _finish(self, part: Path, name: str, now: dt.datetime, done: Progress) -> None:
        created = now.isoformat(timespec="seconds")
        backup = done.described(name, created, sha256_of(part / CATALOGUE).hex())
        os.sync()  # once for all: the originals are on disk before the backup is one
        final = self._backups / name
        part.rename(final)
        manifest = final / f".{MANIFEST}"
        with manifest.open("w", encoding="utf-8") as file:
            json.dump(asdict(backup), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        manifest.rename(final / MANIFEST)
        os.sync()


def _described(path: Path) -> Backup | str:
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError:
        text = ""
    return read_manifest(text, path.parent.name)

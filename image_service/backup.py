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
import functools
import hashlib
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

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
)
from .domain.image import Blob, Image
from .domain.ports import BlobStore, Catalogue
from .errors import StorageUnavailable
from .verify import Pace

_CHUNK_BYTES = 1024 * 1024
_IMAGES_AT_ONCE = 500
_AT_ONCE = 4


class _Unreadable(Exception):
    """An original cannot be read."""


class BackupFolder:
    """A folder with backups."""

    def __init__(self, folder: Path, open_catalogue: OpenCatalogue) -> None:
        self._objects = folder / "objects"
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
            if digest_of(path) != backup.catalogue_sha256:
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
                there = dict(self._sizes())
            with self._open_catalogue(part / CATALOGUE) as catalogue:
                keep = functools.partial(self._keep, store=store, pace=pace, there=there)
                left_out: list[tuple[Blob, str]] = []
                for image, problem, is_new in _together(keep, walk(catalogue)):
                    if problem:
                        left_out.append((image, problem))
                    else:
                        done.count(image, is_new=is_new)
                    yield image
                is_there = functools.partial(_is_among, there=there)
                leave_out(left_out, catalogue, living, done, is_there)
            with translated():
                self._finish(part, name, now, done)

    def _begin(self, part: Path) -> None:
        """Make room for a backup, and clear up what interrupted ones left."""
        for interrupted in self._backups.glob(".*.part"):
            shutil.rmtree(interrupted)
        for folder in (part, self._objects):
            folder.mkdir(parents=True, exist_ok=True)
        for left in self._objects.glob("*.part"):
            left.unlink()

    def objects(self) -> Iterator[tuple[str, bool]]:
        """Yield the name of every object, and whether its bytes are those it is named after."""
        with translated():
            for name in self._names():
                yield name, digest_of(self._path(name)) == name

    def missing(self, backup: Backup) -> list[str]:
        """Return the names of images whose originals a backup should have, and has not."""
        with self.catalogue(backup) as catalogue:
            return missing_among(catalogue, self._names())

    def read(self, image: Blob | Image) -> bytes:
        """Return the original of an image. Raises: BackupFailed."""
        path = self._path(image.sha256.hex())
        with translated():
            data = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(data).digest() != image.sha256:
            raise BackupFailed(f"the original of {image.id} is damaged or missing in it")
        return data

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
                unwanted = [name for name in self._names() if name not in wanted]
                for name in unwanted:
                    self._path(name).unlink()
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

    def _keep(
        self, image: Blob, *, store: BlobStore, pace: Pace, there: dict[str, int]
    ) -> tuple[str, bool]:
        """Have an original among the objects.

        Returns: what is wrong with it, or "", and whether it is a new one.
        """
        name = image.sha256.hex()
        if _is_among(image, there):
            return "", False
        try:
            source = store.open(image.blob_name)
        except FileNotFoundError:
            return "missing", False
        except StorageUnavailable as exc:
            return f"unreadable ({exc.args[0]})", False
        path = self._path(name)
        # By the image's name: another of the same bytes may be copied at the same time.
        part = self._objects / f"{image.blob_name}.part"
        digest = hashlib.sha256()
        try:
            with source, part.open("wb") as target:
                for chunk in _chunks(source, image.size_bytes):
                    digest.update(chunk)
                    target.write(chunk)
                    pace.take(len(chunk))
            if digest.hexdigest() != name:
                part.unlink()
                return "damaged", False
            self._put(part, path)
        except _Unreadable as exc:
            part.unlink(missing_ok=True)
            return f"unreadable ({exc})", False
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        is_new = not _is_among(image, there)
        there[name] = image.size_bytes
        return "", is_new

    def _put(self, part: Path, path: Path) -> None:
        try:
            part.rename(path)
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            part.rename(path)

    def _finish(self, part: Path, name: str, now: dt.datetime, done: Progress) -> None:
        created = now.isoformat(timespec="seconds")
        backup = done.described(name, created, digest_of(part / CATALOGUE))
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

    def _names(self) -> Iterator[str]:
        for folder in sorted(self._objects.glob("??")):
            yield from (entry for entry in os.listdir(folder) if len(entry) == 64)

    def _sizes(self) -> Iterator[tuple[str, int]]:
        for folder in self._objects.glob("??"):
            with os.scandir(folder) as entries:
                yield from ((entry.name, entry.stat().st_size) for entry in entries)

    def _path(self, name: str) -> Path:
        return self._objects / name[:2] / name


def _chunks(source: BinaryIO, size_bytes: int) -> Iterator[bytes]:
    # A small one in one piece: it is never more than asked for, and a buffer for 1 MiB costs.
    at_once = min(_CHUNK_BYTES, size_bytes + 1)
    while True:
        try:
            chunk = source.read(at_once)
        except OSError as exc:
            raise _Unreadable(exc.strerror) from exc
        if not chunk:
            return
        yield chunk


def _together(
    keep: Callable[[Blob], tuple[str, bool]], images: Iterator[Blob]
) -> Iterator[tuple[Blob, str, bool]]:
    """Keep several originals at a time: while one is read another's checksum is made."""

    def work(image: Blob) -> tuple[Blob, str, bool]:
        with translated():
            return (image, *keep(image))

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while batch := list(itertools.islice(images, _IMAGES_AT_ONCE)):
            yield from pool.map(work, batch)


def _is_among(image: Blob, there: Mapping[str, int]) -> bool:
    # By its size, too: the power may have failed before all of it was on disk.
    return there.get(image.sha256.hex()) == image.size_bytes


def _described(path: Path) -> Backup | str:
    try:
        text = path.read_text(encoding="utf-8")
    except ValueError:
        text = ""
    return read_manifest(text, path.parent.name)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file in hex. Raises: OSError."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()

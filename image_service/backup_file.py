"""A backup as one zip file: the same names in it as in a folder of backups.

Nothing is compressed, for pictures are already. The file gets its name when all of it is on disk.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import glob
import hashlib
import json
import lzma
import os
import secrets
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
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
    whole,
)
from .domain.image import Blob, Image
from .domain.ports import BlobStore, Catalogue
from .errors import StorageUnavailable
from .verify import Pace

SUFFIX = ".zip"
_CHUNK_BYTES = 1024 * 1024
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError,
    ValueError,
)  # fmt: skip


class BackupFile:
    """A zip file with one backup, or the place for one."""

    def __init__(self, path: Path, open_catalogue: OpenCatalogue) -> None:
        self._path = path
        self._open_catalogue = open_catalogue

    def backups(self) -> list[Backup]:
        """See Backups.backups."""
        described = self._described()
        return [described] if isinstance(described, Backup) else []

    def broken(self) -> list[str]:
        """See Backups.broken."""
        described = self._described()
        return [described] if isinstance(described, str) else []

    @contextlib.contextmanager
    def catalogue(self, backup: Backup) -> Iterator[Catalogue]:
        """See Backups.catalogue."""
        with tempfile.TemporaryDirectory(suffix=".part") as scratch:
            path = Path(scratch) / CATALOGUE
            with _opened(self._path) as file, path.open("wb") as copy:
                digest = _copied(file, f"backups/{backup.name}/{CATALOGUE}", copy)
            if digest != backup.catalogue_sha256:
                raise BackupFailed(f"{backup.name} is damaged: its catalogue is not what it was")
            with self._open_catalogue(path) as catalogue:
                yield catalogue

    def objects(self) -> Iterator[tuple[str, bool]]:
        """See Backups.objects."""
        with _opened(self._path) as file:
            for name in _objects(file):
                try:
                    yield name, _copied(file, _member(name), None) == name
                except BackupFailed:
                    yield name, False

    def missing(self, backup: Backup) -> list[str]:
        """See Backups.missing."""
        with _opened(self._path) as file:
            there = list(_objects(file))
        with self.catalogue(backup) as catalogue:
            return missing_among(catalogue, there)

    def read(self, image: Blob | Image) -> bytes:
        """See Backups.read."""
        data = b""
        # A member's own checksum may be wrong, too: what it says is no more than what is read.
        with _opened(self._path) as file, contextlib.suppress(KeyError, BackupFailed), _zipped():
            data = file.read(_member(image.sha256.hex()))
        return whole(data, image)

    def create(
        self,
        store: BlobStore,
        living: Catalogue,
        snapshot: Callable[[Path], None],
        pace: Pace,
        done: Progress,
        now: dt.datetime,
    ) -> Iterator[Blob]:
        """See BackupFolder.create. Raises: BackupFailed, also where the file is there already."""
        if self._path.exists():
            raise BackupFailed(f"{self._path.name} is there already: name another file")
        part = self._new_part()
        try:
            with translated(), tempfile.TemporaryDirectory(suffix=".part") as scratch:
                copy = Path(scratch) / CATALOGUE
                snapshot(copy)
                with (
                    part.open("r+b") as held,
                    _zipped(),
                    zipfile.ZipFile(held, "w", zipfile.ZIP_STORED) as file,
                ):
                    fcntl.flock(held, fcntl.LOCK_EX)  # it is not a dead process's
                    yield from self._put_originals(file, copy, store, living, pace, done)
                    _finish(file, copy, now, done)
                _sync(part)
                self._name(part)
                _sync(self._path.parent)
        finally:
            part.unlink(missing_ok=True)

    def _new_part(self) -> Path:
        """Return a new file to write to; those that dead processes left are removed."""
        with translated():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            for left in self._path.parent.glob(f".{glob.escape(self._path.name)}.*.part"):
                with contextlib.suppress(BlockingIOError), left.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()
            part = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}.part")
            part.touch(exist_ok=False)
            return part

    def _name(self, part: Path) -> None:
        """Give a finished file its name, unless another one has got it meanwhile."""
        try:
            self._path.hardlink_to(part)
        except FileExistsError:
            raise BackupFailed(f"{self._path.name} is there already: name another file") from None
        except OSError:  # a file system without such links
            if self._path.exists():
                raise BackupFailed(f"{self._path.name} is there already") from None
            part.rename(self._path)

    def _put_originals(
        self,
        file: zipfile.ZipFile,
        copy: Path,
        store: BlobStore,
        living: Catalogue,
        pace: Pace,
        done: Progress,
    ) -> Iterator[Blob]:
        there: set[str] = set()
        left_out: list[tuple[Blob, str]] = []
        with self._open_catalogue(copy) as catalogue:
            for image in walk(catalogue):
                name = image.sha256.hex()
                problem, data = ("", b"") if name in there else _read(store, image)
                if problem:
                    left_out.append((image, problem))
                else:
                    is_new = name not in there
                    if is_new:
                        file.writestr(_member(name), data)
                        pace.take(len(data))
                        there.add(name)
                    done.count(image, is_new=is_new)
                yield image
            leave_out(left_out, catalogue, living, done, lambda each: each.sha256.hex() in there)

    def _described(self) -> Backup | str | None:
        """Return the description of the backup, what is wrong with it, or None without a file."""
        if not self._path.exists():
            return None
        with _opened(self._path) as file:
            for member in file.namelist():
                folder, _, name = member.rpartition("/")
                if name == MANIFEST:
                    text = file.read(member).decode(errors="replace")
                    return read_manifest(text, folder.rpartition("/")[2])
        return f"{self._path.name}: there is no backup in it"


def _finish(file: zipfile.ZipFile, copy: Path, now: dt.datetime, done: Progress) -> None:
    name = now.strftime(NAME_FORMAT)
    digest = hashlib.sha256(copy.read_bytes()).hexdigest()
    file.write(copy, f"backups/{name}/{CATALOGUE}")
    backup = done.described(name, now.isoformat(timespec="seconds"), digest)
    file.writestr(f"backups/{name}/{MANIFEST}", json.dumps(asdict(backup), indent=1))


def _read(store: BlobStore, image: Blob) -> tuple[str, bytes]:
    """Return what is wrong with an original, or "", and its bytes."""
    try:
        with store.open(image.blob_name) as source:
            data = source.read()
    except FileNotFoundError:
        return "missing", b""
    except StorageUnavailable as exc:
        return f"unreadable ({exc.args[0]})", b""
    except OSError as exc:
        return f"unreadable ({exc.strerror})", b""
    return ("", data) if hashlib.sha256(data).digest() == image.sha256 else ("damaged", b"")


def _member(name: str) -> str:
    return f"objects/{name[:2]}/{name}"


def _objects(file: zipfile.ZipFile) -> Iterator[str]:
    for member in file.namelist():
        if member.startswith("objects/"):
            yield member.rpartition("/")[2]


def _copied(file: zipfile.ZipFile, member: str, target: BinaryIO | None) -> str:
    """Copy a member; return its SHA-256 in hex. Raises: BackupFailed."""
    digest = hashlib.sha256()
    with _zipped():
        try:
            source = file.open(member)
        except KeyError:
            raise BackupFailed(f"{member} is missing in it") from None
        with source:
            while chunk := source.read(_CHUNK_BYTES):
                digest.update(chunk)
                if target:
                    target.write(chunk)
    return digest.hexdigest()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    with translated(), _zipped(), zipfile.ZipFile(path) as file:
        yield file


@contextlib.contextmanager
def _zipped() -> Iterator[None]:
    """Turn what reading a damaged file raises into ours."""
    try:
        yield
    except _DAMAGED as exc:
        raise BackupFailed(f"the file is damaged, or not all of one: {exc}") from exc


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)

"""What a backup is, wherever it is kept: its description, and what is in its catalogue."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Protocol

from .domain.image import Blob, Image
from .domain.ports import Catalogue

FORMAT = 1
MANIFEST, CATALOGUE = "backup.json", "catalogue.sqlite3"
NAME_FORMAT = "%Y-%m-%dT%H-%M-%SZ"
_IMAGES_AT_ONCE = 500

OpenCatalogue = Callable[[Path], AbstractContextManager[Catalogue]]
"""Opens the copy of a catalogue."""


class BackupFailed(Exception):
    """Raised when a backup cannot be made, found or read: BackupFailed(why)."""

    @property
    def why(self) -> str:
        """What is wrong, for people."""
        return str(self.args[0])


def whole(data: bytes, image: Blob | Image) -> bytes:
    """Return the bytes of an original as they were in a backup. Raises: BackupFailed."""
    if hashlib.sha256(data).digest() != image.sha256:
        raise BackupFailed(f"the original of {image.id} is damaged or missing in it")
    return data


@dataclass(frozen=True)
class Backup:
    """A finished backup. images, bytes: of the originals in it; copied_bytes: what was new."""

    name: str
    created: str
    images: int
    bytes: int
    copied_files: int
    copied_bytes: int
    catalogue_sha256: str
    format: int = FORMAT


@dataclass
class Progress:
    """What was done so far. wrong: blob names that could not be, and why."""

    images: int = 0
    bytes: int = 0
    files: int = 0
    copied_bytes: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def count(self, image: Blob, *, is_new: bool) -> None:
        """Count an image that is in the backup; is_new: its original was not there before."""
        self.images += 1
        self.bytes += image.size_bytes
        self.files += is_new
        self.copied_bytes += is_new * image.size_bytes

    def described(self, name: str, created: str, catalogue_sha256: str) -> Backup:
        """Return the description of the backup that this led to."""
        return Backup(
            name=name,
            created=created,
            images=self.images,
            bytes=self.bytes,
            copied_files=self.files,
            copied_bytes=self.copied_bytes,
            catalogue_sha256=catalogue_sha256,
        )


class Backups(Protocol):
    """Where finished backups are. Every method may raise BackupFailed."""

    def backups(self) -> list[Backup]:
        """Return the backups that are complete, the oldest first."""

    def broken(self) -> list[str]:
        """Return what is wrong with backups whose own description cannot be read."""

    def catalogue(self, backup: Backup) -> AbstractContextManager[Catalogue]:
        """Open a backup's catalogue, if it is what was written."""

    def objects(self) -> Iterator[tuple[str, bool]]:
        """Yield the name of every object, and whether its bytes are those it is named after."""

    def missing(self, backup: Backup) -> list[str]:
        """Return the names of images whose originals a backup should have, and has not."""

    def read(self, image: Blob | Image) -> bytes:
        """Return the original of an image, if it is what was stored."""


def found(backups: Backups, name: str | None) -> Backup:
    """Return a backup by its name, the newest for None. Raises: BackupFailed."""
    chosen = [each for each in backups.backups() if name in (None, each.name)]
    if not chosen:
        raise BackupFailed("there is none" + (f" named {name[:80]!r}" if name else " here"))
    return chosen[-1]


def walk(catalogue: Catalogue) -> Iterator[Blob]:
    """Yield all images of a catalogue, those in the trash, too."""
    last = ""
    while batch := catalogue.walk(last, _IMAGES_AT_ONCE):
        yield from batch
        last = batch[-1].id


def missing_among(catalogue: Catalogue, there: Iterable[str]) -> list[str]:
    """Return the names of a catalogue's images whose originals are not among some objects."""
    known = set(there)
    return [image.blob_name for image in walk(catalogue) if image.sha256.hex() not in known]


def leave_out(
    images: Iterable[tuple[Blob, str]],
    catalogue: Catalogue,
    living: Catalogue,
    done: Progress,
    is_there: Callable[[Blob], bool],
) -> None:
    """Take images without a good original from a backup's catalogue, and note them in done.

    Args: images: each with what is wrong; is_there: tells whether another had the same bytes.
    """
    for image, problem in images:
        if is_there(image):
            done.count(image, is_new=False)
            continue
        catalogue.remove(image.id)
        if living.known([image.id]):  # else it was deleted meanwhile
            done.wrong.append((image.blob_name, problem))


def read_manifest(text: str, name: str) -> Backup | str:
    """Return the description of the backup of this name, or what is wrong with it."""
    try:
        told: dict[str, Any] = json.loads(text)
        kinds = {spec.name: int if spec.type == "int" else str for spec in fields(Backup)}
        read: dict[str, Any] = {key: kinds[key](value) for key, value in told.items()}
        backup = Backup(**read)
    except (ValueError, TypeError, KeyError, AttributeError):
        return f"{name}: its description is damaged"
    if backup.format != FORMAT or backup.name != name:
        return f"{name}: it was made by another version of this program, or renamed"
    return backup


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the operating system's and the copy's errors into ours."""
    try:
        yield
    except OSError as exc:
        raise BackupFailed(f"{exc.strerror or type(exc).__name__}") from exc
    except sqlite3.Error as exc:
        raise BackupFailed(f"its catalogue: {exc}") from exc

"""The originals of a folder of backups: each once, named after its SHA-256.

objects/{2 digits}/{sha256}
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

from .backup_format import translated
from .domain.image import Blob
from .domain.ports import BlobStore
from .errors import StorageUnavailable
from .storage.files import write_all
from .verify import Pace

_PART = ".part"
_DIGITS = 64
_CHUNK_BYTES = 1024 * 1024
_IMAGES_AT_ONCE = 500
_AT_ONCE = 2


class _Unreadable(Exception):
    """An original cannot be read."""


class Objects:
    """A folder of originals. Its methods raise OSError, where nothing else is said."""

    # A thread takes so many in a row: handing them over one by one costs as much as copying them.
    _in_a_row = 16

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sizes: dict[str, int] = {}

    def begin(self) -> None:
        """Look at what is there, and clear up what interrupted backups left."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._sizes = {}
        for folder in self._folder.glob("??"):
            with os.scandir(folder) as entries:
                sizes = {entry.name: entry.stat().st_size for entry in entries}
            for name in [name for name in sizes if name.endswith(_PART)]:
                (folder / name).unlink()
                del sizes[name]
            self._sizes.update(sizes)

    def has(self, image: Blob) -> bool:
        """Tell whether the original of an image is there, since begin()."""
        # By its size, too: the power may have failed before all of it was on disk.
        return self._sizes.get(image.sha256.hex()) == image.size_bytes

    def keep(
        self, images: Iterator[Blob], store: BlobStore, pace: Pace
    ) -> Iterator[tuple[Blob, str, bool]]:
        """Have the originals of images here, several at a time.

        Yields: each image, what is wrong with its original or "", and whether it is a new one.
        Raises: BackupFailed.
        """

        is_over = False

        def work(some: list[Blob]) -> list[tuple[Blob, str, bool]]:
            with translated():
                wanted = itertools.takewhile(lambda _: not is_over, some)
                return [(image, *self._keep(image, store, pace)) for image in wanted]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                while batch := list(itertools.islice(images, _IMAGES_AT_ONCE)):
                    lacking = [image for image in batch if not self.has(image)]
                    if len(lacking) < len(batch):
                        yield from ((image, "", False) for image in batch if self.has(image))
                    rows = range(0, len(lacking), self._in_a_row)
                    some = (lacking[row : row + self._in_a_row] for row in rows)
                    for kept in pool.map(work, some):
                        yield from kept
            finally:
                is_over = True  # or who stops a slow one waits for the rest of its rows

    def names(self) -> Iterator[str]:
        """Yield the names of all that are there, in order."""
        for folder in sorted(self._folder.glob("??")):
            yield from (entry for entry in os.listdir(folder) if len(entry) == _DIGITS)

    def path(self, name: str) -> Path:
        """Return where the object of a name is."""
        return self._folder / name[:2] / name

    def _keep(self, image: Blob, store: BlobStore, pace: Pace) -> tuple[str, bool]:
        """Have an original here.

        Returns: what is wrong with it, or "", and whether it is a new one.
        """
        try:
            source = store.open(image.blob_name)
        except FileNotFoundError:
            return "missing", False
        except StorageUnavailable as exc:
            return f"unreadable ({exc.args[0]})", False
        name = image.sha256.hex()
        path = self.path(name)
        # By the image's name: another of the same bytes may be copied at the same time. Where it
        # is going to be: in one folder for all, threads would wait for each other.
        part = path.with_name(f"{image.blob_name}{_PART}")
        digest = hashlib.sha256()
        try:
            with source, _created(part) as target:
                for chunk in _chunks(source, image.size_bytes):
                    digest.update(chunk)
                    write_all(target, chunk)
                    pace.take(len(chunk))
            if digest.hexdigest() != name:
                part.unlink()
                return "damaged", False
            part.rename(path)
        except _Unreadable as exc:
            part.unlink(missing_ok=True)
            return f"unreadable ({exc})", False
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        is_new = not self.has(image)
        self._sizes[name] = image.size_bytes
        return "", is_new


@contextlib.contextmanager
def _created(path: Path) -> Iterator[int]:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    try:
        fd = os.open(path, flags, 0o644)
    except FileNotFoundError:
        path.parent.mkdir(exist_ok=True)
        fd = os.open(path, flags, 0o644)
    try:
        yield fd
    finally:
        os.close(fd)


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

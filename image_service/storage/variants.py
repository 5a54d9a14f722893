"""Variants on a local file system: a cache that survives restarts and may be deleted any time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from ..clock import now_ms as _now_ms
from ..domain.image import parse_image_ref
from ..domain.variant_ports import KeptVariant, VariantUsage
from ..errors import StorageUnavailable
from ..native import threading
from .variant_index import Name, VariantIndex

_LOCKS = 256
_EVICTED_AT_ONCE = 200
_IDS_AT_ONCE = 500
# Down to so much of the limit, so that not every new variant has to look for an old one.
_KEPT_SHARE = 0.95
_LOCK_POLL_S = 0.01
_INDEX = "index.sqlite3"
_FOLDERS = ("locks", "parts")


class LocalVariants:
    """A VariantStore in one folder, for all processes of a machine."""

    def __init__(self, root: Path, *, max_bytes: int, max_wait_s: float = 30.0) -> None:
        """Args:
        max_bytes: how much is kept; 0 for nothing.
        max_wait_s: how long making one variant may keep others that want the same waiting.
        """
        self._max_wait_s = max_wait_s
        self._root = root
        self._max_bytes = max_bytes
        self._index: VariantIndex | None = None
        self._opening = threading.Lock()
        self._used: dict[Name, int] = {}

    def prepare(self) -> None:
        """Make what is missing. Raises: StorageUnavailable."""
        with self._indexed() as index:
            index.totals()

    def close(self) -> None:
        """Note what was used and close the index."""
        with contextlib.suppress(StorageUnavailable):
            self._note_used()
        with self._opening:
            self._close_index()

    @property
    def keeps_any(self) -> bool:
        """Whether there is room for variants at all."""
        return self._max_bytes > 0

    def open(self, image_id: str, name: str) -> KeptVariant | None:
        """See VariantStore.open."""
        path = self._path(image_id, name)
        try:
            file = path.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as exc:
            raise _unavailable(exc) from exc
        self._used[image_id, name] = _now_ms()
        made_s = int(os.fstat(file.fileno()).st_mtime)
        return KeptVariant(file, made_s, path.relative_to(self._root).as_posix())

    def has(self, image_id: str, name: str) -> bool:
        """See VariantStore.has."""
        if not self._path(image_id, name).exists():
            return False
        self._used[image_id, name] = _now_ms()
        return True

    def fetch(self, image_id: str, name: str) -> bool:
        """See VariantStore.fetch: there is nowhere else."""
        return self.has(image_id, name)

    def put(self, image_id: str, name: str, data: bytes, *, made_s: int) -> None:
        """See VariantStore.put."""
        if len(data) > self._max_bytes:
            return
        with self._indexed() as index:
            # Noted first: what is noted and not there is forgotten in time, the other way round it
            # would take room for ever.
            index.add((image_id, name), len(data), _now_ms())
            try:
                self._write(self._path(image_id, name), data, made_s)
            except OSError:
                index.forget([(image_id, name)])
                raise
            self._evict(index)

    @contextlib.contextmanager
    def only_one(self, image_id: str, name: str) -> Iterator[None]:
        """See VariantStore.only_one. Of all variants one in 256 shares its lock."""
        number = zlib.crc32(f"{image_id}/{name}".encode()) % _LOCKS
        try:
            self._opened()
            path = self._root / "locks" / f"{number:02x}"
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        except (OSError, StorageUnavailable):
            yield  # made twice is better than not at all
            return
        try:
            self._wait_for(fd)
            yield
        finally:
            os.close(fd)

    def _wait_for(self, fd: int) -> None:
        """Wait for a lock, but no longer than whoever has it may take: it may have been stopped."""
        deadline_s = time.monotonic() + self._max_wait_s
        while time.monotonic() < deadline_s:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(_LOCK_POLL_S)
            else:
                return

    def purge(self, image_id: str) -> None:
        """See VariantStore.purge."""
        with self._indexed() as index:
            shutil.rmtree(self._folder(image_id), ignore_errors=True)
            index.forget_image(image_id)

    def usage(self) -> VariantUsage:
        """See VariantStore.usage."""
        with self._indexed() as index:
            files, size_bytes = index.totals()
            return VariantUsage(files, size_bytes, max(0, self._max_bytes - size_bytes))

    def sweep(self, known: Callable[[Collection[str]], set[str]]) -> None:
        """See VariantStore.sweep."""
        self._note_used()
        with self._indexed() as index:
            self._evict(index)
            after = ""
            while ids := index.image_ids(after, _IDS_AT_ONCE):
                for image_id in set(ids) - known(ids):
                    self.purge(image_id)
                after = ids[-1]

    def _note_used(self) -> None:
        used, self._used = self._used, {}
        if used:
            with self._indexed() as index:
                index.use(used.items())

    def _evict(self, index: VariantIndex) -> None:
        _, size_bytes = index.totals()
        if size_bytes <= self._max_bytes:
            return
        self._note_used()
        while size_bytes > self._max_bytes * _KEPT_SHARE:
            oldest = index.oldest(_EVICTED_AT_ONCE)
            if not oldest:
                return
            for name, variant_bytes, used_ms in oldest:
                if size_bytes <= self._max_bytes * _KEPT_SHARE:
                    break
                # Forgotten first, and only as it was seen: another process may have made it anew.
                if index.forget_unused(name, used_ms):
                    self._path(*name).unlink(missing_ok=True)
                    self._remove_if_empty(self._folder(name[0]))
                size_bytes -= variant_bytes

    def _remove_if_empty(self, folder: Path) -> None:
        with contextlib.suppress(OSError):
            folder.rmdir()

    def _write(self, path: Path, data: bytes, made_s: int) -> None:
        part = self._root / "parts" / secrets.token_hex(8)
        try:
            part.write_bytes(data)
            os.utime(part, (made_s, made_s))
            path.parent.mkdir(parents=True, exist_ok=True)
            part.rename(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def _indexed(self) -> Iterator[VariantIndex]:
        """Yield the index; a damaged one is thrown away, with what it knew.

        Raises: StorageUnavailable.
        """
        with _translated():
            try:
                yield self._opened()
            except sqlite3.OperationalError:
                raise  # locked, or a full disk: it may be well again
            except sqlite3.DatabaseError:
                self._discard_index()
                raise

    def _opened(self) -> VariantIndex:
        """Return the index of the folder that is there now; it may have been deleted."""
        with self._opening:
            if self._index and self._index.is_there:
                return self._index
            self._close_index()
            with _translated():
                try:
                    self._index = self._made_index()
                except sqlite3.OperationalError:
                    raise
                except sqlite3.DatabaseError:  # no database at all
                    self._remove_index()
                    self._index = self._made_index()
            return self._index

    def _made_index(self) -> VariantIndex:
        path = self._root / _INDEX
        if not path.exists():
            self._clear()
        for folder in _FOLDERS:
            (self._root / folder).mkdir(parents=True, exist_ok=True)
        return VariantIndex(path)

    def _discard_index(self) -> None:
        with self._opening:
            self._close_index()
            self._remove_index()

    def _close_index(self) -> None:
        if self._index:
            with contextlib.suppress(sqlite3.Error):
                self._index.close()
        self._index = None

    def _remove_index(self) -> None:
        for path in self._root.glob(f"{_INDEX}*"):
            path.unlink(missing_ok=True)

    def _clear(self) -> None:
        """Remove variants that no index knows: nothing would ever remove them."""
        with contextlib.suppress(FileNotFoundError):
            for entry in list(self._root.iterdir()):
                if entry.is_dir() and entry.name not in _FOLDERS:
                    shutil.rmtree(entry, ignore_errors=True)

    def _folder(self, image_id: str) -> Path:
        # The only way an id becomes a path here.
        return self._root / image_id[-2:] / parse_image_ref(image_id).id

    def _path(self, image_id: str, name: str) -> Path:
        if not name.isalnum() or not name.isascii():
            raise ValueError("not the name of a variant")
        return self._folder(image_id) / name


def _unavailable(exc: Exception) -> StorageUnavailable:
    what = exc.strerror if isinstance(exc, OSError) else "its index failed"
    return StorageUnavailable(f"variants: {what}")


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn the operating system's and the index's errors into ours, which name no paths."""
    try:
        yield
    except (OSError, sqlite3.Error) as exc:
        raise _unavailable(exc) from exc

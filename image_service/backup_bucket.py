"""Backups in object storage: the same names as in a folder of backups.

.work/{token}    while a backup or a prune is at work: which of them, renewed every few minutes
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import itertools
import json
import operator
import secrets
import tempfile
import time
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
from .errors import StorageFull, StorageUnavailable
from .storage.s3 import Bucket
from .verify import Pace

_OBJECTS, _BACKUPS, _WORK = "objects/", "backups/", ".work/"
_DIGITS = 64
_RENEWED_S = 300.0
_FORGOTTEN = dt.timedelta(hours=1)
# Sooner than others forget it: clocks differ, and what was asked for last takes its time.
_SILENT_FOR_S = 3300.0


class BucketObjects(Objects):
    """The originals of backups in a bucket."""

    # Or whoever has a slow line would not say for long that he is at work.
    _in_a_row = 1

    def __init__(self, bucket: Bucket) -> None:
        super().__init__(Path())
        self._bucket = bucket

    def begin(self) -> None:
        """See Objects.begin. What is in a bucket is whole."""
        listed = self._bucket.listed(_OBJECTS)
        self._sizes = {each.key.rpartition("/")[2]: each.size_bytes for each in listed}

    def names(self) -> Iterator[str]:
        """See Objects.names."""
        found = (each.key.rpartition("/")[2] for each in self._bucket.listed(_OBJECTS))
        return (name for name in found if len(name) == _DIGITS)

    def _keep(self, image: Blob, store: BlobStore, pace: Pace) -> tuple[str, bool]:
        """See Objects._keep."""
        try:
            with store.open(image.blob_name) as source:
                data = source.read()
        except FileNotFoundError:
            return "missing", False
        except StorageUnavailable as exc:
            return f"unreadable ({exc.args[0]})", False
        except OSError as exc:
            return f"unreadable ({exc.strerror})", False
        name, is_new = image.sha256.hex(), not self.has(image)
        if hashlib.sha256(data).digest() != image.sha256:
            return "damaged", False
        with _failing():
            self._bucket.put_new(key_of(name), data, image.sha256, {})
        pace.take(len(data))
        self._sizes[name] = len(data)
        return "", is_new


class BackupBucket:
    """A bucket, or a prefix of one, with backups."""

    def __init__(self, bucket: Bucket, open_catalogue: OpenCatalogue) -> None:
        self._bucket = bucket
        self._objects = BucketObjects(bucket)
        self._open_catalogue = open_catalogue

    def backups(self) -> list[Backup]:
        """See Backups.backups."""
        return [each for each in self._manifests() if isinstance(each, Backup)]

    def broken(self) -> list[str]:
        """See Backups.broken."""
        return [each for each in self._manifests() if isinstance(each, str)]

    @contextlib.contextmanager
    def catalogue(self, backup: Backup) -> Iterator[Catalogue]:
        """See Backups.catalogue."""
        data = self._read(f"{_BACKUPS}{backup.name}/{CATALOGUE}")
        if hashlib.sha256(data).hexdigest() != backup.catalogue_sha256:
            raise BackupFailed(f"{backup.name} is damaged: its catalogue is not what it was")
        with translated(), tempfile.TemporaryDirectory(suffix=".part") as scratch:
            path = Path(scratch) / CATALOGUE
            path.write_bytes(data)
            with self._open_catalogue(path) as catalogue:
                yield catalogue

    def objects(self) -> Iterator[tuple[str, bool]]:
        """See Backups.objects."""
        with _failing():
            for name in self._objects.names():
                yield name, hashlib.sha256(self._read(key_of(name))).hexdigest() == name

    def missing(self, backup: Backup) -> list[str]:
        """See Backups.missing."""
        with _failing(), self.catalogue(backup) as catalogue:
            return missing_among(catalogue, self._objects.names())

    def read(self, image: Blob | Image) -> bytes:
        """See Backups.read."""
        data = self._read(key_of(image.sha256.hex()))
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
        """See BackupFolder.create."""
        with (
            _failing(),
            translated(),
            tempfile.TemporaryDirectory(suffix=".part") as scratch,
        ):
            copy = Path(scratch) / CATALOGUE
            # Before it is at work: it takes its time, in which others would not hear of it.
            snapshot(copy)
            with self._at_work("backup", beside="backup") as renew:
                name = self._new_name(now)
                self._objects.begin()
                with self._open_catalogue(copy) as catalogue:
                    left_out: list[tuple[Blob, str]] = []
                    for image, problem, is_new in self._objects.keep(walk(catalogue), store, pace):
                        if problem:
                            left_out.append((image, problem))
                        else:
                            done.count(image, is_new=is_new)
                        renew()
                        yield image
                    leave_out(left_out, catalogue, living, done, self._objects.has)
                self._finish(copy.read_bytes(), name, now, done, renew)

    def prune(self, keep: int) -> tuple[int, int]:
        """See BackupFolder.prune."""
        with _failing(), self._at_work("prune", beside="") as renew:
            backups = self.backups()
            kept, old = backups[-keep:], backups[:-keep]
            wanted: set[str] = set()
            for backup in kept:
                renew()
                with self.catalogue(backup) as catalogue:
                    wanted.update(image.sha256.hex() for image in walk(catalogue))
            for backup in old:
                renew()
                folder = f"{_BACKUPS}{backup.name}/"
                self._bucket.remove([folder + MANIFEST])  # what is left then is no backup
                self._bucket.remove([folder + CATALOGUE])
            unwanted: list[str] = []
            for name in self._objects.names():
                renew()
                if name not in wanted:
                    unwanted.append(name)
            for name in unwanted:
                renew()
                self._bucket.remove([key_of(name)])
            return len(old), len(unwanted)

    @contextlib.contextmanager
    def _at_work(self, what: str, *, beside: str) -> Iterator[Callable[[], None]]:
        """Say what is being done here; yield what says so again.

        That raises BackupFailed where nothing was said for so long that others may have gone to
        work: a machine that was asleep, say.
        Args: beside: what others may do at the same time.
        Raises: BackupFailed where others do something else.
        """
        key = f"{_WORK}{secrets.token_hex(8)}-{what}"
        said: tuple[float, ...] = ()

        def renew() -> None:
            nonlocal said
            # The time of day may be set back; that since the start stands still where a virtual
            # machine does. The monotonic clock does so while any machine sleeps.
            now = time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
            silent_for_s = max(map(operator.sub, now, said)) if said else 0.0
            if silent_for_s > _SILENT_FOR_S:
                raise BackupFailed(
                    f"this {what} stood still for an hour, in which others may have gone to work: "
                    "begin it anew, what was copied stays"
                )
            if not said or silent_for_s >= _RENEWED_S:
                self._bucket.put(key, b"")
                said = now

        renew()
        try:
            # Afterwards: of two that begin together one sees the other at least.
            since = dt.datetime.now(dt.timezone.utc) - _FORGOTTEN
            for other in self._bucket.listed(_WORK):
                kind = other.key.rpartition("-")[2]
                if other.key != key and other.modified > since and kind != beside:
                    raise BackupFailed(
                        "another backup or prune is at work here, or was ended by force within "
                        "the last hour"
                    )
            yield renew
        finally:
            with contextlib.suppress(StorageUnavailable, StorageFull):
                self._bucket.remove([key])

    def _finish(
        self,
        catalogue: bytes,
        name: str,
        now: dt.datetime,
        done: Progress,
        renew: Callable[[], None],
    ) -> None:
        digest = hashlib.sha256(catalogue)
        backup = done.described(name, now.isoformat(timespec="seconds"), digest.hexdigest())
        folder = f"{_BACKUPS}{name}/"
        renew()
        self._bucket.put_new(folder + CATALOGUE, catalogue, digest.digest(), {})
        renew()  # a large one takes its time
        self._bucket.put(folder + MANIFEST, json.dumps(asdict(backup), indent=1).encode())

    def _new_name(self, now: dt.datetime) -> str:
        # In their order, also those of one second. Of two that begin on two machines at once the
        # second is refused when it ends: its catalogue is another one under the same key.
        name = now.strftime(NAME_FORMAT)
        taken = {each.key.split("/")[1] for each in self._bucket.listed(_BACKUPS)}
        numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        return next(name + number for number in numbers if name + number not in taken)

    def _manifests(self) -> list[Backup | str]:
        with _failing():
            keys = [each.key for each in self._bucket.listed(_BACKUPS)]
            # By name: among keys T-2/ is before T/.
            names = sorted(key.split("/")[1] for key in keys if key.endswith(f"/{MANIFEST}"))
            return [
                read_manifest(
                    self._read(f"{_BACKUPS}{name}/{MANIFEST}").decode("utf-8", "replace"), name
                )
                for name in names
            ]

    def _read(self, key: str) -> bytes:
        """Return an object's bytes, b"" for none. Raises: BackupFailed."""
        with _failing():
            try:
                return self._bucket.read(key)
            except FileNotFoundError:
                return b""


def key_of(name: str) -> str:
    """Return the key of an original by its SHA-256."""
    return f"{_OBJECTS}{name[:2]}/{name}"


@contextlib.contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except StorageFull:
        raise BackupFailed("the bucket is full") from None
    except StorageUnavailable as exc:
        raise BackupFailed(str(exc.args[0])) from None

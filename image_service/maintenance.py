"""What an operator does to a store, beside a service that may be running on it."""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from .archive import Archive, Moves
from .backends import Backends, Store, has_catalogue
from .backup import BackupFolder
from .backup_bucket import BackupBucket
from .backup_file import SUFFIX, BackupFile
from .backup_format import Backup, Progress, found
from .backup_log import BackupLog
from .catalogue import SqlCatalogue
from .catalogue.migrate import upgrade
from .catalogue.sqlite import open_sqlite
from .clock import SystemClock
from .databases import CatalogueDatabase
from .domain.bucket_url import BucketUrl
from .domain.image import Blob, Image
from .domain.listing import ListQuery
from .errors import StorageUnavailable
from .imaging.engine import PooledEngine
from .imaging.limits import Limits
from .imaging.pool import WorkerPool
from .rebuild import Rebuilder, Rebuilt
from .removals import DAY_MS
from .restore import Restored, restore
from .scrub import ScrubLog
from .settings import Settings
from .storage.s3 import Access, Bucket
from .verify import Finding, Pace, Verification, Verifier


@dataclass(frozen=True)
class Parts:
    """A store and its catalogue, opened by this process."""

    settings: Settings
    store: Store
    catalogue: SqlCatalogue
    state_path: Path
    copy_catalogue: Callable[[Path], None]
    database: CatalogueDatabase


@contextlib.contextmanager
def opened(
    settings: Settings,
    *,
    may_be_new: bool = False,
    finds_images: bool = False,
    leaves_room: bool = False,
) -> Iterator[Parts]:
    """Open the store that settings name.

    Args: may_be_new: make one where there is none; finds_images: see Backends; leaves_room: as
        uploads do: min_free_bytes.
    Raises: StorageUnavailable when there is none.
    """
    if may_be_new:
        settings.state_path.mkdir(parents=True, exist_ok=True)
    elif not has_catalogue(settings):
        raise _no_catalogue(settings)
    try:
        room = settings.min_free_bytes if leaves_room else 0
        backends = Backends(settings, finds_images=finds_images, min_free_bytes=room)
    except OSError as exc:
        raise StorageUnavailable(f"its state_dir: {exc.strerror}") from exc
    try:
        _claim(backends)
        if not may_be_new and not backends.has_catalogue():
            raise _no_catalogue(settings)
        backends.prepare()
        yield Parts(
            settings,
            backends.store,
            backends.catalogue,
            settings.state_path,
            backends.copy_catalogue,
            backends.where,
        )
    finally:
        backends.close()


def _no_catalogue(settings: Settings) -> StorageUnavailable:
    return StorageUnavailable(f"there is no catalogue for upload_dir {settings.upload_dir}")


def _claim(backends: Backends) -> None:
    try:
        backends.claim()
    except OSError as exc:
        raise StorageUnavailable(f"its state_dir: {exc.strerror}") from exc


class VerifyRun:
    """One verification of everything, to be followed while it goes on."""

    def __init__(self, parts: Parts, settings: Settings, *, max_bytes_per_s: float = 0) -> None:
        """Args: max_bytes_per_s: 0 for as fast as can be."""
        self._parts = parts
        self.restored: list[Finding] = []
        self.not_restored: list[tuple[str, str]] = []
        """The names of files that a backup has, or should have, and why they are not back."""
        self._verifier = Verifier(parts.store, parts.catalogue, Pace(max_bytes_per_s))
        self._log = ScrubLog(settings.state_path)
        totals = parts.catalogue.used()
        self.total_images, self.total_bytes = totals.files, totals.bytes
        self.done = Verification()

    def images(self, *, quick: bool) -> Iterator[Blob]:
        """Look at every image and yield it, then at every file; note the result."""
        yield from self._verifier.images(self.done, quick=quick)
        self._verifier.files(self.done)
        if not quick:
            self._log.finished(self.done)

    def repair(self, backups: Path | BucketUrl | None = None) -> list[Finding]:
        """Mend what was found, from the newest of some backups where that has it.

        What is not in it is mended as Verifier.repair does.
        Raises: BackupFailed; StorageUnavailable.
        """
        mended = self._verifier.quarantine(self.done.findings)
        decided = self._restore(backups, mended) if backups else []
        ids = {finding.image_id for finding in decided}
        # The findings are the first of many; how many there are the counts tell.
        rest = Verification(
            images=self.done.images,
            counts=dict(self.done.counts),
            findings=[each for each in self.done.findings if each.image_id not in ids],
        )
        for finding in decided:
            rest.counts[finding.kind] -= 1
        back = {finding.image_id for finding in self.restored}
        mended = [finding for finding in mended if finding.image_id not in back]
        try:
            return mended + self._verifier.repair(rest)
        except StorageUnavailable as exc:
            told = []
            if self.restored:
                told.append(f"{len(self.restored)} were brought back from the backup")
            if self.not_restored:
                name, why = self.not_restored[0]
                told.append(f"{len(self.not_restored)} could not be brought back ({name}: {why})")
            if not told:
                raise
            message = f"{', '.join(told)}; of the rest: {exc.args[0]}"
            raise StorageUnavailable(message) from exc

    def _restore(self, backups: Path | BucketUrl, damaged: list[Finding]) -> list[Finding]:
        """Bring back what a backup has.

        Returns: the findings of which nothing else is to be done: what is well now, and what the
        backup has and cannot be put back for the moment.
        """
        gone = ("missing", "quarantined", "unreadable")
        wanted = damaged + [each for each in self.done.findings if each.kind in gone]
        run = RestoreRun(self._parts, backups, None)
        put_back: set[str] = set()
        for image in run.images({finding.image_id for finding in wanted}):
            if run.done.images + run.done.files > len(put_back):
                put_back.add(image.id)
        self.not_restored = run.done.wrong
        failed = {name for name, _ in self.not_restored}
        well = [
            each
            for each in wanted
            if each.name not in failed and self._verifier.is_well(each.image_id)
        ]
        # Others may have mended it, too.
        self.restored = [each for each in well if each.image_id in put_back]
        return well + [each for each in wanted if each.name in failed]


class BackupRun:
    """One backup that is being made, to be followed while it goes on."""

    def __init__(
        self, parts: Parts, target: Path | BucketUrl, *, max_bytes_per_s: float = 0
    ) -> None:
        """Args: max_bytes_per_s: 0 for as fast as can be."""
        self._parts = parts
        self._folder = backups_in(target, parts.settings)
        self._pace = Pace(max_bytes_per_s)
        self.total_bytes = parts.catalogue.used().bytes
        self.done = Progress()

    def images(self) -> Iterator[Blob]:
        """Make the backup; yield each image once it is in it. Raises: BackupFailed."""
        now = dt.datetime.now(dt.timezone.utc)
        parts, done = self._parts, self.done
        yield from self._folder.create(
            parts.store, parts.catalogue, parts.copy_catalogue, self._pace, done, now
        )
        with contextlib.suppress(OSError):  # the backup is there, whoever knows of it
            BackupLog(parts.state_path).finished(
                images=done.images, size_bytes=done.bytes, left_out=len(done.wrong)
            )


class RebuildRun:
    """A catalogue that is being rebuilt."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self._pool = WorkerPool(
            Limits.of(settings),
            workers=settings.image_worker_count,
            max_waiting=settings.worker_queue,
            timeout_s=settings.worker_timeout_s,
            jobs_before_restart=settings.worker_jobs_before_restart,
        )
        self._rebuilder = Rebuilder(
            parts.store,
            parts.catalogue,
            PooledEngine(self._pool),
            SystemClock(),
            workers=settings.image_worker_count,
        )
        self.names = self._rebuilder.unknown()
        self.done = Rebuilt()

    def images(self) -> Iterator[str]:
        """See Rebuilder.images."""
        self._pool.start()
        try:
            yield from self._rebuilder.images(self.names, self.done)
        finally:
            self._pool.stop()


class RestoreRun:
    """One restore that goes on."""

    def __init__(self, parts: Parts, target: Path | BucketUrl, name: str | None) -> None:
        """Args: name: of the backup, the newest for None. Raises: BackupFailed."""
        self._parts = parts
        self._folder = backups_in(target, parts.settings)
        self.backup: Backup = found(self._folder, name)
        self.done = Restored()

    def images(self, only: Collection[str] | None = None) -> Iterator[Blob]:
        """See restore.restore."""
        with self._folder.catalogue(self.backup) as copy:
            yield from restore(
                self._folder, copy, self._parts.store, self._parts.catalogue, self.done, only=only
            )


class ArchiveRun:
    """One round of originals into the archive, or out of it."""

    def __init__(
        self,
        parts: Parts,
        *,
        tag: str | None = None,
        older_than_days: float = 0,
        max_bytes_per_s: float = 0,
    ) -> None:
        """Args: of which images; max_bytes_per_s: 0 for as fast as can be."""
        self._archive = Archive(parts.store, parts.catalogue)
        self._until_ms = SystemClock().now_ms() - int(older_than_days * DAY_MS)
        self._wanted = ListQuery(
            limit=500,
            descending=False,
            tag=tag,
            created_until_ms=self._until_ms if older_than_days else None,
        )
        self._pace = Pace(max_bytes_per_s)
        self.total_images = parts.catalogue.used().files
        self.done = Moves()

    def put_away(self) -> Iterator[Image]:
        """See Archive.put_away_all."""
        return self._archive.put_away_all(self._wanted, self._until_ms, self._pace.take, self.done)

    def bring_back(self) -> Iterator[Image]:
        """See Archive.bring_back_all."""
        return self._archive.bring_back_all(self._wanted, self.done)


def backups_in(
    target: Path | BucketUrl, settings: Settings | None = None
) -> BackupFolder | BackupFile | BackupBucket:
    """Return the backups in a folder or a bucket, or the one in a file.

    Args: settings: how object storage is reached; None for a target that is not there.
    """
    if isinstance(target, BucketUrl):
        assert settings
        return BackupBucket(Bucket(target, Access.of(settings)), opened_copy)
    if target.suffix == SUFFIX and not target.is_dir():
        return BackupFile(target, opened_copy)
    return BackupFolder(target, opened_copy)


@contextlib.contextmanager
def opened_copy(path: Path) -> Iterator[SqlCatalogue]:
    """Open the copy of a catalogue, brought to this version.

    One in a finished backup is never written to: it is a copy of it that is opened.
    """
    with contextlib.ExitStack() as stack:
        if not path.parent.name.endswith(".part"):
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            path = Path(shutil.copy(path, scratch))
        catalogue = SqlCatalogue(open_sqlite(path, timeout_s=10, prepare=upgrade))
        stack.callback(catalogue.close)
        catalogue.prepare()
        yield catalogue

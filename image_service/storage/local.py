"""Originals as plain files of one directory, written so that they survive power loss.

A blob is written and synced under a provisional name in {root}/.tmp, `{lease}~{name}`, and gets
its final name by rename once the catalogue has it: in one step even when the power fails, on any
file system with a journal. Before a deletion it goes back there. So a file in {root} is always one
that the catalogue knows (or a foreign one, which is never touched), and what a dead process left
is in .tmp under its lease, whatever instant it died at.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import BinaryIO

from ..domain.image import image_id_of, parse_image_ref
from ..domain.ports import IdsAmong, no_ids
from ..errors import DAMAGE_ERRNOS, InvalidImageId, StorageFull, StorageUnavailable
from ..native import threading
from .archive import Archive, Moved, is_under_way, part_of
from .directory import SharedSync, sync_directory
from .files import sha256_of, translated, write_all
from .label import label_of, replace_label, set_label
from .lease import Lease, LeaseBook

_SEPARATOR = "~"
_LOOKS = 3


class LocalStore:
    """A BlobStore on a local file system. Its methods block: see `off_hub.OffHub`."""

    lists_in_order = False

    def __init__(
        self,
        root: Path,
        leases: LeaseBook,
        lease: Lease,
        *,
        min_free_bytes: int = 0,
        archive: Path | None = None,
    ) -> None:
        """Args:
        min_free_bytes: room on the disk that uploads must leave.
        archive: the folder that originals can be moved to.
        """
        self._root = root
        self._min_free_bytes = min_free_bytes
        self._provisional = root / ".tmp"
        self._trash = root / ".trash"
        self._damaged = root / ".damaged"
        self._leases = leases
        self._lease = lease
        # Names this process is working on; what else stands under its lease is left over.
        self._active: set[str] = set()
        self._directory = SharedSync(self._provisional)
        self._archive = Archive(
            archive, places=(root, self._trash, self._damaged), under_way=self._provisional
        )
        self._bringing_back = threading.Lock()

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is being written or removed."""
        return not self._active

    def prepare(self) -> None:
        """Make the directories that are missing. Raises: StorageFull, StorageUnavailable."""
        with translated():
            self._provisional.mkdir(parents=True, exist_ok=True)
            sync_directory(self._root)
            self._lease.ensure()

    def put(self, name: str, data: bytes, label: bytes = b"", *, is_known: bool = False) -> bytes:
        """See BlobStore.put."""
        self._active.add(name)
        try:
            if self._has_no_room(len(data)):
                raise StorageFull
            path = self._provisional_path(name)
            part = path.with_name(part_of(path.name)) if is_known else path
            with translated():
                self._write_anywhere(path, part, data, label)
        except BaseException:
            self._active.remove(name)
            raise
        return hashlib.sha256(data).digest()

    def _has_no_room(self, size_bytes: int) -> bool:
        least = self._min_free_bytes
        return bool(least) and self.free_bytes() - size_bytes < least

    def label(self, name: str) -> bytes:
        """See BlobStore.label."""
        place = self._place_of(name)
        return label_of(place) if place else b""

    def relabel(self, name: str, label: bytes) -> None:
        """See BlobStore.relabel."""
        with translated():
            for _ in range(_LOOKS):  # it may be moved between a look and the next step
                place = self._place_of(name)
                if place is None or replace_label(place, label):
                    return
        raise StorageUnavailable("an original is not where it should be")

    def _place_of(self, name: str) -> Path | None:
        """Return where the bytes of a blob are at this moment."""
        for place in (self.path_for(name), *self._provisionals_of(name), self._trash / name):
            if os.path.lexists(place):
                return self._archive.target_of(place) or place
        return None

    def settle(self, name: str) -> None:
        """See BlobStore.settle."""
        # Not synced: after a power cut the blob has the one name or the other, and the next sweep
        # gives it this one, for the catalogue knows it.
        final = self.path_for(name)
        with translated():
            # One that is restored may take the place of a link to what is lost.
            archived = self._archive.target_of(final)
            self._provisional_path(name).rename(final)
            if archived and self._archive.target_of(final) != archived:
                with contextlib.suppress(OSError):  # tidy_archive() finds it, once that is back
                    archived.unlink(missing_ok=True)
        self._active.discard(name)

    def doubt(self, name: str) -> bool:
        """See BlobStore.doubt."""
        final, provisional = self.path_for(name), self._provisional_path(name)
        self._active.add(name)
        with translated():
            self._lease.ensure()
            self._provisional.mkdir(parents=True, exist_ok=True)
            for place in (final, self._trash / final.name):
                try:
                    place.rename(provisional)
                except FileNotFoundError:
                    continue
                sync_directory(self._provisional)
                sync_directory(place.parent)
                return True
        return False

    def remove(self, name: str) -> None:
        """See BlobStore.remove."""
        with translated():
            self._archive.unlink(self._provisional_path(name))
            # Of others: somebody may be bringing it here, and settle it before this looks there.
            for provisional in list(self._provisionals_of(name)):
                self._archive.unlink(provisional)
            self._archive.unlink(self.path_for(name))
            self._archive.unlink(self._trash / name)
            try:
                self._archive.unlink(self._damaged / name)
            except StorageUnavailable:  # a sweep finds it there once the archive is back
                (self._damaged / name).rename(self._provisional_path(name))
                raise
        self._active.discard(name)

    def shelve(self, name: str) -> None:
        """See BlobStore.shelve."""
        # Not synced: wherever it is found after a power cut, the catalogue says where it belongs.
        with translated(), contextlib.suppress(FileNotFoundError):
            self._trash.mkdir(parents=True, exist_ok=True)
            self.path_for(name).rename(self._trash / name)

    def unshelve(self, name: str) -> None:
        """See BlobStore.unshelve."""
        path = self.path_for(name)
        with translated(), contextlib.suppress(FileNotFoundError):
            (self._trash / name).rename(path)

    def is_shelved(self, name: str) -> bool:
        """See BlobStore.is_shelved."""
        return os.path.lexists(self._trash / self.path_for(name).name)

    def present(self, names: Collection[str]) -> set[str]:
        """See MovableStore.present."""
        return {name for name in names if self.is_settled(name) or self.is_shelved(name)}

    def under_way(self) -> set[str]:
        """See MovableStore.under_way."""
        names = {entry.partition(_SEPARATOR)[2] for entry in self._entries()}
        return {name for name in names if image_id_of(name)}

    def drop(self, name: str) -> None:
        """See MovableStore.drop."""
        with translated():
            self._archive.unlink(self.path_for(name))
            self._archive.unlink(self._trash / name)

    def abandon(self, name: str) -> None:
        """See BlobStore.abandon."""
        self._active.discard(name)

    def open(self, name: str) -> BinaryIO:
        """See BlobStore.open."""
        with translated(FileNotFoundError):
            try:
                return self._opened(self.path_for(name))
            except FileNotFoundError:
                for place in (*self._provisionals_of(name), self._trash / name):
                    with contextlib.suppress(FileNotFoundError):
                        return self._opened(place)
                # It may have been given its final name between the looks.
                return self._opened(self.path_for(name))

    def _opened(self, path: Path) -> BinaryIO:
        if path.is_symlink():
            path = self._archive.located(path)
        return path.open("rb")

    def is_archived(self, name: str) -> bool:
        """See BlobStore.is_archived."""
        with translated():
            return self.path_for(name).is_symlink() or (self._trash / name).is_symlink()

    def arrived_ms(self, name: str) -> int:
        """See BlobStore.arrived_ms."""
        try:
            return self.path_for(name).lstat().st_mtime_ns // 1_000_000
        except FileNotFoundError:
            return 0

    def put_away(
        self, name: str, sha256: bytes, took: Callable[[int], None] = lambda _: None
    ) -> bool | None:
        """See BlobStore.put_away."""
        self._active.add(name)
        try:
            with translated(FileNotFoundError), contextlib.suppress(Moved):
                self._lease.ensure()
                return self._archive.put_away(self.path_for(name).name, sha256, self._prefix, took)
        except FileNotFoundError:
            if self.is_settled(name):
                raise StorageUnavailable("the archive went away") from None
        finally:
            self._active.discard(name)
        return None

    def tidy_archive(self) -> int:
        """See BlobStore.tidy_archive."""
        with translated():
            return self._archive.tidy()

    def bring_back(self, name: str, sha256: bytes) -> None:
        """See BlobStore.bring_back."""
        # One at a time: many may ask for many at once, and have them from where they are meanwhile.
        if not self._bringing_back.acquire(blocking=False):
            return
        try:
            self._bring_back(name, sha256)
        finally:
            self._bringing_back.release()

    def _bring_back(self, name: str, sha256: bytes) -> None:
        target = self._archive.target_of(self.path_for(name))
        if target is None:
            return
        self._active.add(name)
        try:
            with translated(), contextlib.suppress(Moved):
                if not self._archive.located(self.path_for(name)).exists():
                    return
                if self._has_no_room(target.stat().st_size):
                    raise StorageFull
                self._lease.ensure()
                self._archive.bring_back(name, sha256, self._prefix)
        finally:
            self._active.discard(name)

    def is_settled(self, name: str) -> bool:
        """See BlobStore.is_settled."""
        return os.path.lexists(self.path_for(name))

    def arrange(self, trashed: Collection[str], living: IdsAmong) -> None:
        """See BlobStore.arrange."""
        wanted = set(trashed)
        with translated():
            try:
                there = {name for name in os.listdir(self._trash) if image_id_of(name)}
            except FileNotFoundError:
                there = set()
        for name in wanted - there:
            self.shelve(name)
        for name in wanted ^ there:
            if living([image_id_of(name)]):
                self.unshelve(name)
                # It may have gone into the trash between the two.
                if not living([image_id_of(name)]):
                    self.shelve(name)

    def quarantine(self, name: str, sha256: bytes) -> bool:
        """See BlobStore.quarantine."""
        is_done = False
        with translated():
            self._damaged.mkdir(parents=True, exist_ok=True)
            for place in (self.path_for(name), self._trash / name):
                with contextlib.suppress(FileNotFoundError):
                    before = place.lstat()
                    # One that was restored since is another file.
                    if self._is_damaged(place, sha256) and place.lstat().st_ino == before.st_ino:
                        place.rename(self._damaged / name)
                        is_done = True
        return is_done

    def _is_damaged(self, path: Path, sha256: bytes) -> bool:
        """Tell whether a file has other bytes, or its disk is there and cannot read them.

        An archive that is lost as a whole looks for a while as if each of its files were damaged,
        and cannot be tried out: what it cannot read is not known.
        Raises: OSError; StorageUnavailable where that is not known.
        """
        is_archived = path.is_symlink()
        try:
            return sha256_of(self._archive.located(path) if is_archived else path) != sha256
        except OSError as exc:
            if is_archived or exc.errno not in DAMAGE_ERRNOS:
                raise
        with contextlib.suppress(StorageFull):  # it is there
            self.check()
        return True

    def lift_quarantine(self, name: str) -> None:
        """See BlobStore.lift_quarantine."""
        with translated():
            self._archive.drop(self._damaged / self.path_for(name).name)

    def is_quarantined(self, name: str) -> bool:
        """See BlobStore.is_quarantined."""
        return os.path.lexists(self._damaged / self.path_for(name).name)

    def names(self) -> Iterator[str]:
        """See BlobStore.names."""
        for folder in (self._root, self._trash):
            with translated(), contextlib.suppress(FileNotFoundError), os.scandir(folder) as found:
                for entry in found:
                    is_ours = entry.is_file(follow_symlinks=False) or (
                        entry.is_symlink() and self._archive.target_of(folder / entry.name)
                    )
                    if is_ours and not entry.name.startswith("."):
                        yield entry.name

    def sweep(self, known: IdsAmong, trashed: IdsAmong = no_ids) -> int:
        """See BlobStore.sweep."""
        self.prepare()
        with translated():
            return self._clear(self._lease.id, self._active, known, trashed) + sum(
                self._clear_if_dead(lease, known, trashed) for lease in self._others()
            )

    def check(self) -> None:
        """See BlobStore.check. Not synced: a slow disk is not a broken one."""
        probe = self._provisional / f"{self._lease.id}{_SEPARATOR}probe-{secrets.token_hex(4)}"
        content = secrets.token_bytes(64)
        with translated():
            if self._root.exists() and not os.access(self._root, os.W_OK | os.X_OK):
                raise StorageUnavailable("its directory may not be written")
            try:  # a full disk takes the name, if not the bytes
                try:
                    probe.write_bytes(content)
                except FileNotFoundError:
                    self.prepare()
                    probe.write_bytes(content)
                if probe.read_bytes() != content:
                    raise StorageUnavailable("a probe reads back other bytes than were written")
            finally:
                probe.unlink(missing_ok=True)

    def free_bytes(self) -> int:
        """See BlobStore.free_bytes: what this process's user may still fill."""
        with translated():
            try:
                status = os.statvfs(self._root)
            except FileNotFoundError:
                self.prepare()
                status = os.statvfs(self._root)
            return status.f_bavail * status.f_frsize

    def path_for(self, name: str) -> Path:
        """Return where a blob is: the only way a name becomes a path.

        Raises: InvalidImageId if name is no blob name, whatever it holds.
        """
        if parse_image_ref(name).extension is None:
            raise InvalidImageId(name[:80])
        return self._root / name

    @property
    def _prefix(self) -> str:
        return f"{self._lease.id}{_SEPARATOR}"

    def _provisional_path(self, name: str) -> Path:
        return self._provisional / f"{self._prefix}{self.path_for(name).name}"

    def _entries(self) -> list[str]:
        """Return the names in the provisional directory; none where it has vanished."""
        try:
            return os.listdir(self._provisional)
        except FileNotFoundError:
            return []

    def _provisionals_of(self, name: str) -> Iterator[Path]:
        for entry in self._entries():
            if entry.endswith(_SEPARATOR + name):
                yield self._provisional / entry

    def _write_anywhere(self, path: Path, part: Path, data: bytes, label: bytes) -> None:
        """Write, also when the directory has vanished while the service runs."""
        try:
            self._lease.ensure()
            self._write(path, part, data, label)
        except FileNotFoundError:
            self.prepare()
            self._write(path, part, data, label)

    def _write(self, path: Path, part: Path, data: bytes, label: bytes) -> None:
        """Write a new file; sync it and its name. Args: part: its name until it is whole."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        fd = os.open(part, flags, 0o644)
        number, written = self._directory.number(), part
        try:
            try:
                write_all(fd, data)
                set_label(fd, label)
                os.fsync(fd)
            finally:
                os.close(fd)
            if part != path:
                written = part.rename(path)
                number = self._directory.number()
            self._directory.sync(number)
        except OSError:
            written.unlink(missing_ok=True)
            raise

    def _others(self) -> set[str]:
        in_names = {entry.partition(_SEPARATOR)[0] for entry in self._entries()}
        return (self._leases.ids() | in_names) - {self._lease.id}

    def _clear_if_dead(self, lease: str, known: IdsAmong, trashed: IdsAmong) -> int:
        with self._leases.inherit(lease) as is_dead:
            return self._clear(lease, (), known, trashed) if is_dead else 0

    def _clear(
        self, lease: str, active: Collection[str], known: IdsAmong, trashed: IdsAmong
    ) -> int:
        """Resolve what stands under lease and is not active; return how many blobs went."""
        prefix = lease + _SEPARATOR
        entries = [entry for entry in self._entries() if entry.startswith(prefix)]
        names = [entry.removeprefix(prefix) for entry in entries]
        left = {
            name: image_id_of(name)
            for name in names
            if name not in active and not is_under_way(name)
        }
        if lease == self._lease.id:  # a probe of ours may be there at this moment
            left = {name: image_id for name, image_id in left.items() if image_id}
        wanted = known([i for i in left.values() if i]) if left else set()
        swept = sum(
            self._resolve(prefix, name, image_id in wanted) for name, image_id in left.items()
        )
        in_trash = trashed(wanted) if wanted else set()
        for name in (name for name, image_id in left.items() if image_id in in_trash):
            self.shelve(name)
        if lease != self._lease.id:  # moves of this process clear up after themselves
            self._archive.clear(entries, prefix)
        return swept

    def _resolve(self, prefix: str, name: str, is_wanted: bool) -> bool:
        """Give a left-over blob its final name, or remove it and return True."""
        path = self._provisional / (prefix + name)
        with contextlib.suppress(FileNotFoundError):  # another process may be clearing up too
            if is_wanted:
                path.rename(self.path_for(name))
                sync_directory(self._root)
                return False
            # Where its bytes are in an archive that is not there, it waits for that.
            with contextlib.suppress(StorageUnavailable):
                if os.path.lexists(path):
                    self._archive.unlink(path)
                    return True
        return False

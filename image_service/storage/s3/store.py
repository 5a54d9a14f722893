"""Originals as objects of a bucket, each stored once under a key that never changes.

{prefix}{imageId}.{ext}             the bytes; name, tags and so on among its metadata
{prefix}.labels/{imageId}.{ext}     the same where they were changed, or are too long for metadata
{prefix}.trash/{imageId}.{ext}      empty: its image is in the trash
{prefix}.damaged/{imageId}.{ext}    the bytes of one that was put into quarantine
{prefix}.archived/{imageId}.{ext}   when it was put away: its bytes are in the archive's bucket

No object can be given another key in one step, so what is provisional is written down in a Journal
before anything is stored or removed, and crossed out once the catalogue agrees. What dead processes
left there is looked at by sweeps, which do as the catalogue says.
"""

from __future__ import annotations

import hashlib
import itertools
import time
from collections.abc import Callable, Collection, Iterator
from typing import BinaryIO, cast

from ...clock import now_ms
from ...domain.formats import Format
from ...domain.image import image_id_of, parse_image_ref
from ...domain.ports import UNBOUNDED_BYTES, IdsAmong, Journal, no_ids
from ...errors import InvalidImageId, StorageUnavailable
from ...native import threading
from ..marks import Mark, Marks
from .archive import ARCHIVED, BucketArchive
from .bucket import Bucket
from .labels import DAMAGED, Labels, note_of
from .ranged import Part, RangedFile
from .readers import Readers

TRASH = ".trash/"
# Of all keys the first that can be an original's: what begins with a dot is before it.
_AFTER_OURS = "0"
_GONE_FOR_S = 3600.0
_NEW_FOR_S = 300.0
_LISTED_AT_ONCE = 1000
_LOCKS = 64


class S3Store:
    """A BlobStore on object storage. Its methods block: see `off_hub.OffHub`."""

    lists_in_order = True

    def __init__(
        self,
        bucket: Bucket,
        journal: Journal,
        marks: Marks,
        readers: Readers,
        *,
        archive: BucketArchive | None = None,
        grace_s: float = 20.0,
    ) -> None:
        """Args:
        archive: where originals can be put away.
        grace_s: for how long what failed to be stored may turn up in the bucket all the same.
        """
        self._bucket = bucket
        self._journal = journal
        self._marks = marks
        self._readers = readers
        self._labels = Labels(bucket)
        self._archive = archive or BucketArchive(bucket, None)
        self._grace_s = grace_s
        self._lock = threading.Lock()
        # Held while the journal is told of a name, so that it agrees with what is active.
        self._turns = [threading.Lock() for _ in range(_LOCKS)]
        # By name, how many threads are at work on it.
        self._active: dict[str, int] = {}
        # What this process has left to a sweep, and when that may look at it.
        self._left: dict[str, float] = {}
        self._bringing_back = threading.Lock()

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing is being written or removed."""
        return not self._active

    def prepare(self) -> None:
        """Learn what this machine does not know yet. Raises: StorageUnavailable."""
        for mark, folder in ((Mark.TRASHED, TRASH), (Mark.ARCHIVED, ARCHIVED)):
            self._marks.replace(mark, self._named(folder), _NEW_FOR_S)
        for name in self._named(DAMAGED):
            self._marks.add(Mark.GONE, name)

    def put(
        self,
        name: str,
        data: bytes,
        label: bytes = b"",
        *,
        is_known: bool = False,  # noqa: ARG002
    ) -> bytes:
        """See BlobStore.put. No object is ever there in part."""
        key, digest = self._key(name), hashlib.sha256(data).digest()
        if name in self._active or name in self._left:
            raise StorageUnavailable("File exists")
        self._begin(name)
        try:
            notes = note_of(label, _content_type(name), now_ms())
            self._bucket.put_new(key, data, digest, notes)
            self._labels.put_if_long(name, label)
        except BaseException:
            # It may be there all the same, or come to be.
            self._leave(name, self._grace_s)
            raise
        return digest

    def label(self, name: str) -> bytes:
        """See BlobStore.label."""
        return self._labels.read(self._key(name), self._archive.notes)

    def relabel(self, name: str, label: bytes) -> None:
        """See BlobStore.relabel."""
        self._labels.replace(self._key(name), label, self._is_there)

    def settle(self, name: str) -> None:
        """See BlobStore.settle."""
        if self._key(name) not in self._active:
            raise StorageUnavailable("an original that nobody is at work on")
        with self._turn(name):
            if self._active.get(name) == 1:
                self._marks.remove(Mark.GONE, name)
                self._journal.end(name)
            self._release(name)

    def doubt(self, name: str) -> bool:
        """See BlobStore.doubt. What is not there can be settled, too: it takes no look."""
        self._key(name)
        self._begin(name)
        self._marks.add(Mark.GONE, name)
        return True

    def remove(self, name: str) -> None:
        """See BlobStore.remove."""
        key = self._key(name)
        if name not in self._active and name not in self._left:
            self._begin(name)
        self._marks.add(Mark.GONE, name)
        with self._readers.kept_out(name) as is_free:
            if is_free:
                self._remove(key)
        if not is_free:
            self._leave(name, 0.0)  # who reads it now reads it to its end
            return
        self._marks.remove(Mark.TRASHED, name)
        self._marks.remove(Mark.ARCHIVED, name)
        with self._turn(name):
            self._journal.end(name)
            with self._lock:
                self._active.pop(name, None)
                self._left.pop(name, None)

    def abandon(self, name: str) -> None:
        """See BlobStore.abandon."""
        self._leave(name, 0.0)

    def open(self, name: str) -> BinaryIO:
        """See BlobStore.open."""
        key = self._key(name)
        reading = self._readers.begin(name)
        try:
            file = RangedFile(
                lambda start, stop: self._part(key, start, stop),
                self._bucket.retry_s,
                reading.close,
            )
        except BaseException:
            reading.close()
            raise
        return cast(BinaryIO, file)

    def signed_url(self, name: str, ttl_s: float) -> str:
        """Return an address under which anybody can read a settled blob for so long, else ""."""
        if not self.is_settled(name) or self.is_archived(name):
            return ""
        # Another machine may have put it away since; who is sent there could not tell.
        if self._archive.is_set and not self._bucket.has(name):
            return ""
        return self._bucket.signed_url(self._key(name), ttl_s)

    def is_archived(self, name: str) -> bool:
        """See BlobStore.is_archived."""
        return self._marks.has(Mark.ARCHIVED, self._key(name))

    def arrived_ms(self, name: str) -> int:
        """See BlobStore.arrived_ms."""
        if not self.is_settled(name):
            return 0
        is_archived = self.is_archived(name)
        return self._archive.arrived_ms(name) if is_archived else self._labels.arrived_ms(name)

    def put_away(
        self, name: str, sha256: bytes, took: Callable[[int], None] = lambda _: None
    ) -> bool | None:
        """See BlobStore.put_away."""
        if self.is_archived(name) or not self.is_settled(name):
            return None
        self._begin(name)
        try:
            is_done = self._archive.put_away(name, sha256, took)
            if is_done:
                self._marks.add(Mark.ARCHIVED, name)
        except BaseException:
            self._leave(name, self._grace_s)
            raise
        self.settle(name)
        return is_done

    def bring_back(self, name: str, sha256: bytes) -> None:
        """See BlobStore.bring_back."""
        # One at a time: many may ask for many at once, and have them from where they are meanwhile.
        if not self._bringing_back.acquire(blocking=False):
            return
        try:
            if not self.is_archived(name) or not self.is_settled(name):
                return
            self._begin(name)
            try:
                if self._archive.bring_back(name, sha256):
                    self._marks.remove(Mark.ARCHIVED, name)
            except BaseException:
                self._leave(name, self._grace_s)
                raise
            self.settle(name)
        finally:
            self._bringing_back.release()

    def tidy_archive(self) -> int:
        """See BlobStore.tidy_archive."""
        return self._archive.tidy()

    def is_settled(self, name: str) -> bool:
        """See BlobStore.is_settled. As this machine knows: it takes no look at the bucket."""
        self._key(name)
        return not (self._marks.has(Mark.GONE, name) or self._marks.has(Mark.TRASHED, name))

    def shelve(self, name: str) -> None:
        """See BlobStore.shelve."""
        if not self._marks.has(Mark.TRASHED, self._key(name)):
            self._shelve(name)

    def unshelve(self, name: str) -> None:
        """See BlobStore.unshelve."""
        self._bucket.remove([TRASH + self._key(name)])
        self._marks.remove(Mark.TRASHED, name)

    def is_shelved(self, name: str) -> bool:
        """See BlobStore.is_shelved. As this machine knows."""
        return self._marks.has(Mark.TRASHED, self._key(name))

    def present(self, names: Collection[str]) -> set[str]:
        """See MovableStore.present."""
        archived = {name for name in names if self.is_archived(name)}
        return archived | self._bucket.among(set(names) - archived)

    def under_way(self) -> set[str]:
        """See MovableStore.under_way."""
        return self._journal.noted()

    def drop(self, name: str) -> None:
        """See MovableStore.drop. The image is as it was: nothing is marked."""
        key = self._key(name)
        self._archive.remove(name)
        self._marks.remove(Mark.ARCHIVED, name)
        # The bytes last: while they are there it is known that the rest may be, too.
        self._bucket.remove([TRASH + key, Labels.FOLDER + key, key])

    def arrange(self, trashed: Collection[str], living: IdsAmong) -> None:
        """See BlobStore.arrange."""
        wanted, there = set(trashed), self._named(TRASH)
        for name in wanted - there:
            if self._is_there(name):
                self._shelve(name)
        for name in wanted ^ there:
            if living([image_id_of(name)]):
                self.unshelve(name)
                # It may have gone into the trash between the two.
                if not living([image_id_of(name)]):
                    self._shelve(name)
            elif name not in wanted and not self._is_there(name):
                self.unshelve(name)  # what a removal crossed
        if wanted ^ there:
            there = self._named(TRASH)
        self._marks.replace(Mark.TRASHED, there, _NEW_FOR_S)

    def quarantine(self, name: str, sha256: bytes) -> bool:
        """See BlobStore.quarantine."""
        key = self._key(name)
        is_sound = self._bucket.is_sound(key, sha256)
        if is_sound:
            return False
        if self._archive.adopt(name, sha256):
            self._marks.add(Mark.ARCHIVED, name)
            if is_sound is False:  # or somebody may just have brought it back
                self._bucket.remove([key])
            return False
        try:
            self._bucket.copy(key, DAMAGED + key)
        except FileNotFoundError:
            try:
                self._archive.copy_to(key, DAMAGED + key)
            except FileNotFoundError:
                return False
        if self._bucket.is_sound(key, sha256):  # somebody has restored it since it was read
            self._bucket.remove([DAMAGED + key])
            return False
        self._marks.add(Mark.GONE, name)
        self._bucket.remove([key, TRASH + key])
        self._archive.remove(name)
        self._marks.remove(Mark.ARCHIVED, name)
        return True

    def lift_quarantine(self, name: str) -> None:
        """See BlobStore.lift_quarantine."""
        self._bucket.remove([DAMAGED + self._key(name)])

    def is_quarantined(self, name: str) -> bool:
        """See BlobStore.is_quarantined."""
        return self._bucket.has(DAMAGED + self._key(name))

    def names(self) -> Iterator[str]:
        """See BlobStore.names."""
        archived = self._named(ARCHIVED)
        listed = (each.key for each in self._bucket.listed(after=_AFTER_OURS))
        while some := list(itertools.islice(listed, _LISTED_AT_ONCE)):
            # Asked when they were listed: what is noted no more by then has been decided.
            other = archived | self._journal.noted()
            yield from (key for key in some if "/" not in key and key not in other)
        yield from archived - self._journal.noted()

    def sweep(self, known: IdsAmong, trashed: IdsAmong = no_ids) -> int:
        """See BlobStore.sweep."""
        self._marks.expire(Mark.GONE, self._marks.names(Mark.GONE), _GONE_FOR_S)
        now_s = time.monotonic()
        mine = {name for name, ripe_s in list(self._left.items()) if ripe_s <= now_s}
        left = (mine | set(self._journal.left_over())) - set(self._active)
        left = {name for name in left if image_id_of(name)}
        wanted = known([image_id_of(name) for name in left]) if left else set()
        swept = 0
        for name in left:
            # Looked at again: somebody may be restoring it at this moment.
            if image_id_of(name) in wanted or known([image_id_of(name)]):
                self._keep(name)
            else:
                swept += self._is_there(name)
                self.remove(name)
        in_trash = trashed(wanted) if wanted else set()
        for name in (name for name in left if image_id_of(name) in in_trash):
            self.shelve(name)
        return swept

    def check(self) -> None:
        """See BlobStore.check."""
        self._bucket.check()

    def free_bytes(self) -> int:
        """See BlobStore.free_bytes."""
        return UNBOUNDED_BYTES

    def _key(self, name: str) -> str:
        """Return the key of a blob: the only way a name becomes one.

        Raises: InvalidImageId if name is no blob name, whatever it holds.
        """
        if parse_image_ref(name).extension is None:
            raise InvalidImageId(name[:80])
        return name

    def _part(self, key: str, start: int, stop: int) -> Part:
        """Return a part from where it is, which may change while somebody reads."""
        try:
            return self._bucket.part(key, start, stop)
        except FileNotFoundError:
            return self._archive.part(key, start, stop)

    def _remove(self, key: str) -> None:
        self._bucket.remove([key, *(folder + key for folder in (TRASH, DAMAGED, Labels.FOLDER))])
        self._archive.remove(key)

    def _shelve(self, name: str) -> None:
        self._marks.add(Mark.TRASHED, name)
        try:
            self._bucket.put(TRASH + name, b"")
        except BaseException:
            self._marks.remove(Mark.TRASHED, name)
            raise

    def _keep(self, name: str) -> None:
        """Give a blob that was left over its final place."""
        if not self.is_quarantined(name):
            self._marks.remove(Mark.GONE, name)
        self._journal.end(name)
        with self._lock:
            self._left.pop(name, None)

    def _is_there(self, name: str) -> bool:
        return self._bucket.has(name) or self._archive.has(name)

    def _named(self, folder: str) -> set[str]:
        """Return the names of blobs that a folder has something about."""
        names = {listed.key.rpartition("/")[2] for listed in self._bucket.listed(folder)}
        return {name for name in names if image_id_of(name)}

    def _begin(self, name: str) -> None:
        with self._turn(name):
            with self._lock:
                self._active[name] = self._active.get(name, 0) + 1
                self._left.pop(name, None)
            try:
                self._journal.begin(name)
            except BaseException:
                self._leave(name, 0.0)
                raise

    def _turn(self, name: str) -> threading.Lock:
        return self._turns[hash(name) % _LOCKS]

    def _leave(self, name: str, for_s: float) -> None:
        """Leave a name to sweeps, unless another thread is at work on it."""
        self._release(name)
        with self._lock:
            if name not in self._active:
                self._left[name] = time.monotonic() + for_s

    def _release(self, name: str) -> None:
        with self._lock:
            count = self._active.pop(name, 0)
            if count > 1:
                self._active[name] = count - 1


def _content_type(name: str) -> str:
    extension = name.rpartition(".")[2]
    for format_ in Format:
        if format_.extension == extension:
            return format_.content_type
    return "application/octet-stream"

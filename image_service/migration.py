"""The move of originals from one place to another, beside a service that goes on with both.

Every step can be done again: at whatever instant one ends, the next run sees what is where. The
images are walked until a walk finds nothing to do, for others come, change and go meanwhile; what
was done with one is compared with the catalogue afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from .domain.image import Blob, Image, image_id_of
from .domain.label import Label
from .domain.movable_store import MovableStore
from .domain.ports import Catalogue
from .errors import ImageServiceError, StorageUnavailable
from .removals import discard
from .storage.pair import PairStore
from .verify import Pace

_IMAGES_AT_ONCE = 1000
_AT_ONCE = 4
_CHUNK_BYTES = 1024 * 1024
_POLL_S = 0.2
# How long is waited for processes with other settings, and for uploads that began before the last
# step, to end.
_RENEWED_WITHIN_S, _ENDED_WITHIN_S = 60.0, 120.0
# So many that cannot be copied, with none that could: it is the place, not an original.
_TRIED_IN_VAIN = 20
_NOT_THERE, _NOT_THE_SAME = "missing in the new place", "damaged in the new place"
_FINAL = ("damaged", "missing", "in quarantine", _NOT_THERE, _NOT_THE_SAME)
"""What no further try changes. The first three cannot be read where they are, either."""


@dataclass
class Moved:
    """What was done with all images, or the last walk saw. images: that were done.

    seen, seen_bytes: of all that are there. wrong: blob names that could not be done, and why.
    """

    images: int = 0
    bytes: int = 0
    seen: int = 0
    seen_bytes: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)
    is_complete: bool = False


class _Task(NamedTuple):
    """What is to be done with images.

    wanted: returns the names of those of some that there is something to do with. work: does it;
    returns what is wrong, "", or None where there was nothing to do after all.
    """

    wanted: Callable[[list[Blob]], set[str]]
    work: Callable[[Blob], str | None]


class Migration:
    """Moves the originals of a store from its second place to its main one."""

    def __init__(
        self,
        store: PairStore,
        catalogue: Catalogue,
        pace: Pace | None = None,
        *,
        at_once: int = _AT_ONCE,
    ) -> None:
        """Args: at_once: of how many originals bytes are under way, in memory, at a time."""
        self._store = store
        self._main, self._second, self._move = store.main, store.second, store.move
        self._catalogue = catalogue
        self._pace = pace or Pace()
        self._at_once = at_once

    def look(self, done: Moved) -> Iterator[Blob]:
        """Count what would be copied as if it were; yield every image."""
        return self._walk(_Task(self._absent, lambda _: ""), done)

    def copy(self, done: Moved) -> Iterator[Blob]:
        """Have everything in the main place; yield each image of the first walk.

        Raises: StorageFull; StorageUnavailable where it seems that nothing can be copied.
        """
        self._wait_for_strangers()
        self._move.begin()
        yield from self._repeated(_Task(self._lacking, self._copy), done)
        if done.is_complete:
            self._move.arrive()

    def remove_old(self, done: Moved) -> Iterator[Blob]:
        """Remove from the second place what the main one has; yield each image of the first walk.

        For when copy() is complete. Each is read first, and compared with its checksum.
        Raises: StorageUnavailable.
        """
        self._move.leave()
        yield from self._repeated(_Task(self._left, self._remove), done)

    def left(self) -> Iterator[tuple[str, bool]]:
        """Yield the names in the second place that no image has; whether they look like one's."""
        names = self._second.names()
        while some := list(itertools.islice(names, _IMAGES_AT_ONCE)):
            ids = {name: image_id_of(name) for name in some}
            known = self._catalogue.known([image_id for image_id in ids.values() if image_id])
            yield from ((name, bool(id_)) for name, id_ in ids.items() if id_ not in known)

    def _repeated(self, task: _Task, done: Moved) -> Iterator[Blob]:
        """Walk until there was nothing to do, and nobody is left who began before this step."""
        began_before = self._second.under_way()
        deadline_s = time.monotonic() + _ENDED_WITHIN_S
        for number in itertools.count():
            with contextlib.suppress(StorageUnavailable):  # the service does so, too
                self._store.sweep(self._catalogue.known, self._catalogue.trashed)
            began_before &= self._second.under_way()
            before = done.images
            done.seen, done.seen_bytes, done.wrong = 0, 0, []
            for image in self._walk(task, done):
                if not number:
                    yield image
            if done.images > before:
                continue
            if any(why not in _FINAL for _, why in done.wrong):
                return
            if not began_before:
                done.is_complete = True
                return
            if time.monotonic() > deadline_s:
                done.wrong.extend((name, "still under way") for name in began_before)
                return
            time.sleep(_POLL_S)

    def _walk(self, task: _Task, done: Moved) -> Iterator[Blob]:
        """Work on what is wanted of all images, several at a time; yield each."""
        pool = ThreadPoolExecutor(self._at_once)
        try:
            for batch in self._batches():
                names = task.wanted(batch)
                told = pool.map(task.work, [each for each in batch if each.blob_name in names])
                for image in batch:
                    done.seen += 1
                    done.seen_bytes += image.size_bytes
                    if image.blob_name in names:
                        _count(done, image, next(told))
                    yield image
        finally:
            pool.shutdown(cancel_futures=True)

    def _batches(self) -> Iterator[list[Blob]]:
        last = ""
        while batch := self._catalogue.walk(last, _IMAGES_AT_ONCE):
            yield batch
            last = batch[-1].id

    def _wait_for_strangers(self) -> None:
        deadline_s = time.monotonic() + _RENEWED_WITHIN_S
        while self._move.has_strangers():
            if time.monotonic() > deadline_s:
                raise StorageUnavailable(
                    "processes that know other places of originals are running: renew them first"
                )
            time.sleep(_POLL_S)

    def _absent(self, batch: list[Blob]) -> set[str]:
        names = {image.blob_name for image in batch}
        return names - self._main.present(names)

    def _lacking(self, batch: list[Blob]) -> set[str]:
        absent = self._absent(batch)
        for image in batch:  # what a run that was interrupted left as it had been copied
            name = image.blob_name
            if name not in absent and image.is_trashed != self._main.is_shelved(name):
                self._put_in_order(name, image.id)
        return absent

    def _left(self, batch: list[Blob]) -> set[str]:
        return self._second.present([image.blob_name for image in batch])

    def _copy(self, image: Blob) -> str | None:
        entry = self._catalogue.get(image.id, trashed=None)
        if entry is None:
            return None
        try:
            data = self._read(image)
        except FileNotFoundError:
            return self._why_not_there(image)
        except (OSError, StorageUnavailable) as exc:
            return f"unreadable ({_reason(exc)})"
        if hashlib.sha256(data).digest() != image.sha256:
            return "damaged"
        label = _label_of(entry)
        try:
            self._main.put(image.blob_name, data, label.to_bytes(), is_known=True)
            self._settle(entry, label)
        except StorageUnavailable as exc:
            return _reason(exc)
        return ""

    def _read(self, image: Blob) -> bytes:
        """Return the bytes of an original in the second place. Raises: FileNotFoundError, ..."""
        try:
            file = self._second.open(image.blob_name)
        except FileNotFoundError:  # it may be on its way within it
            file = self._second.open(image.blob_name)
        with file:
            data = file.read()
        self._pace.take(len(data))
        return data

    def _why_not_there(self, image: Blob) -> str | None:
        name = image.blob_name
        if not self._catalogue.known([image.id]) or self._main.present([name]):
            return None
        return "in quarantine" if self._second.is_quarantined(name) else "missing"

    def _settle(self, image: Image, label: Label) -> None:
        """Give what was copied its final place, unless its image was deleted meanwhile."""
        name = image.blob_name
        # Whoever deletes it from now on finds it, settled or not.
        if not self._catalogue.known([image.id]):
            discard(self._main, name)
            return
        self._main.settle(name)
        if self._main.is_quarantined(name):
            self._main.lift_quarantine(name)
        self._put_in_order(name, image.id, label)

    def _put_in_order(self, name: str, image_id: str, told: Label | None = None) -> None:
        """Do with a blob of the main place as the catalogue says, until that stays the same.

        Args: told: the label that it has; None leaves that as it is.
        """
        before: tuple[bool, Label] | None = None
        while (image := self._catalogue.get(image_id, trashed=None)) is not None:
            is_trashed, label = image.deleted_ms is not None, _label_of(image)
            if before == (is_trashed, label):
                return
            before = is_trashed, label
            if is_trashed != self._main.is_shelved(name):
                (self._main.shelve if is_trashed else self._main.unshelve)(name)
            if told not in (None, label):
                self._main.relabel(name, label.to_bytes())
                told = label
        discard(self._main, name)

    def _remove(self, image: Blob) -> str | None:
        name = image.blob_name
        try:
            digest = self._digest(self._main, name)
        except FileNotFoundError:
            is_there = self._catalogue.known([image.id])
            return _NOT_THERE if is_there else None
        except (OSError, StorageUnavailable) as exc:
            return f"unreadable in the new place ({_reason(exc)})"
        if digest != image.sha256:
            return _NOT_THE_SAME
        try:
            self._second.drop(name)
        except StorageUnavailable as exc:
            return _reason(exc)
        return ""

    def _digest(self, store: MovableStore, name: str) -> bytes:
        digest = hashlib.sha256()
        with store.open(name) as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
                self._pace.take(len(chunk))
        return digest.digest()


def _count(done: Moved, image: Blob, problem: str | None) -> None:
    """Take note of what became of an image. Raises: StorageUnavailable where nothing works."""
    if problem == "":
        done.images += 1
        done.bytes += image.size_bytes
    elif problem is not None:
        done.wrong.append((image.blob_name, problem))
        vain = [why for _, why in done.wrong if why not in _FINAL]
        if not done.images and len(vain) >= _TRIED_IN_VAIN:
            raise StorageUnavailable(vain[-1])


def _label_of(image: Image) -> Label:
    return Label(image.filename, image.tags, image.attributes, image.owner)


def _reason(exc: Exception) -> str:
    if isinstance(exc, ImageServiceError):
        return str(exc.args[0])
    return str(getattr(exc, "strerror", None) or type(exc).__name__)

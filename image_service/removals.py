"""Removals: images out of the store and its catalogue, for good or into the trash and back."""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections import deque
from collections.abc import Callable, Mapping

from .domain.image import Image, parse_image_ref
from .domain.listing import ListQuery
from .domain.outcomes import Delivery
from .domain.ports import BlobStore, Catalogue, Clock, Condition, DuplicateRequest, RequestKey
from .domain.variant_ports import VariantStore
from .errors import ImageNotFound, ImageServiceError

DAY_MS = 86_400_000
_AT_ONCE = 2000


class Owed:
    """What could not be undone when it failed, and is tried again."""

    def __init__(self) -> None:
        self._owed: deque[Callable[[], None]] = deque()

    def attempt(self, undo: Callable[[], None]) -> None:
        """Undo something now, or when the store works again: the caller's error comes first."""
        try:
            undo()
        except ImageServiceError:
            self._owed.append(undo)

    def retry(self) -> None:
        """Attempt once more all that is owed."""
        for _ in range(len(self._owed)):
            self.attempt(self._owed.popleft())


class Removals:
    """Removes images, at once or when their time is over, and restores them from the trash."""

    def __init__(
        self,
        store: BlobStore,
        catalogue: Catalogue,
        clock: Clock,
        variants: VariantStore,
        owed: Owed,
        trash_retention_days: float,
        retention_days: Mapping[str, float],
    ) -> None:
        """Args:
        trash_retention_days: for how long what is removed can be restored; 0: not at all.
        retention_days: by tag, after how long images that have it are removed.
        """
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._variants = variants
        self._owed = owed
        self._trash_retention_ms = int(trash_retention_days * DAY_MS)
        self._retention_ms = {tag: int(days * DAY_MS) for tag, days in retention_days.items()}

    def remove(
        self, image_id: object, *, permanent: bool = False, delivery: Delivery | None = None
    ) -> Image:
        """Remove the image and return what it was: into the trash, where there is one.

        Args: permanent: for good, from the trash, too.
        Raises: InvalidImageId, ImageNotFound; a redelivered removal answers as the first did.
        """
        is_for_good = permanent or not self._trash_retention_ms
        content = b"remove " + parse_image_ref(image_id).id.encode()
        once = request_key(delivery or Delivery(), content, self._clock.now_ms())
        try:
            image = found(self._catalogue, image_id, or_trashed=is_for_good)
        except ImageNotFound:
            first = self._catalogue.find_request(once) if once else None
            if first:
                return first
            raise
        return self._purge(image, once) if is_for_good else self._trash(image, once)

    def restore(self, image_id: object, delivery: Delivery | None = None) -> Image:
        """Take an image out of the trash and return it; one that is not in it is left as it is.

        Raises: InvalidImageId, ImageNotFound; a redelivered one does not restore it once more.
        """
        image_id = found(self._catalogue, image_id, or_trashed=True).id
        content = b"restore " + image_id.encode()
        once = request_key(delivery or Delivery(), content, self._clock.now_ms())
        try:
            restored = self._catalogue.restore(image_id, once)
        except DuplicateRequest as duplicate:
            restored = duplicate.image
        if restored is None:
            return found(self._catalogue, image_id)
        self._store.unshelve(restored.blob_name)
        self._shelve_if_trashed(restored)  # once more, meanwhile
        return restored

    def restorable_until_ms(self, image: Image) -> int | None:
        """Return until when a removed image can be restored, Unix milliseconds, None if not."""
        if image.deleted_ms is None or not self._trash_retention_ms:
            return None
        return image.deleted_ms + self._trash_retention_ms

    def expire(self) -> None:
        """Remove what has become too old, and from the trash what was there for long enough.

        So many at a time, so that nothing has to wait for it, the end of the service least of all.
        """
        now_ms = agreed_ms(self._clock, self._catalogue)
        for tag, kept_ms in self._retention_ms.items():
            old = ListQuery(
                limit=_AT_ONCE, descending=False, tag=tag, created_until_ms=now_ms - kept_ms
            )
            for image in self._catalogue.page(old).images:
                self._expire(image, functools.partial(_has, tag))
        until_ms = now_ms - self._trash_retention_ms
        for image in self._catalogue.trashed_before(until_ms, _AT_ONCE):
            with contextlib.suppress(ImageNotFound):
                self._purge(image, only_if=functools.partial(_was_trashed_before, until_ms))

    def _expire(self, listed: Image, only_if: Condition) -> None:
        """Remove an image of a list, unless it is another's or not so any more."""
        image = self._catalogue.get(listed.id)
        if image is None or not only_if(image):  # by far most of it is seen here
            return
        with contextlib.suppress(ImageNotFound):
            if self._trash_retention_ms:
                self._trash(image, only_if=only_if)
            else:
                self._purge(image, only_if=only_if)

    def _trash(
        self, image: Image, once: RequestKey | None = None, *, only_if: Condition | None = None
    ) -> Image:
        # First, so that nothing in another process's memory is good any more when it is in the
        # trash; until then it is found where it went. And again, for a sweep may have put it back.
        self._store.shelve(image.blob_name)
        try:
            trashed = self._catalogue.trash(image.id, self._clock.now_ms(), once, only_if=only_if)
        except DuplicateRequest as duplicate:
            trashed = duplicate.image
        except ImageServiceError:
            self._owed.attempt(functools.partial(self._unshelve_if_living, image))
            raise
        self._owed.attempt(functools.partial(self._shelve_if_trashed, image))
        self._owed.attempt(functools.partial(self._variants.purge, image.id))
        if trashed is None:
            self._owed.attempt(functools.partial(self._unshelve_if_living, image))
            raise ImageNotFound(image.id)
        return trashed

    def _unshelve_if_living(self, image: Image) -> None:
        if self._catalogue.get(image.id):
            self._store.unshelve(image.blob_name)

    def _shelve_if_trashed(self, image: Image) -> None:
        if self._catalogue.trashed([image.id]):
            self._store.shelve(image.blob_name)

    def _purge(
        self, image: Image, once: RequestKey | None = None, *, only_if: Condition | None = None
    ) -> Image:
        """Remove an image for good. Args: only_if: see Catalogue.trash."""
        try:
            self._store.doubt(image.blob_name)
            removed = self._catalogue.remove(image.id, once, only_if=only_if)
        except DuplicateRequest as duplicate:
            removed = duplicate.image
        except ImageServiceError:
            self._resolve(image)
            raise
        if removed is None:
            self._resolve(image)
            raise ImageNotFound(image.id)
        discard(self._store, image.blob_name)
        self._owed.attempt(functools.partial(self._variants.purge, image.id))
        return removed

    def _resolve(self, image: Image) -> None:
        """After a removal that failed, do with the blob as the catalogue says."""
        try:
            if self._catalogue.known([image.id], for_good=True):
                self._store.settle(image.blob_name)
                self._shelve_if_trashed(image)
                return
        except ImageServiceError:
            self._store.abandon(image.blob_name)
            return
        discard(self._store, image.blob_name)


def _has(tag: str, image: Image) -> bool:
    return tag in image.tags


def _was_trashed_before(moment_ms: int, image: Image) -> bool:
    return image.deleted_ms is not None and image.deleted_ms < moment_ms


def found(catalogue: Catalogue, image_id: object, *, or_trashed: bool = False) -> Image:
    """Return the image that a caller names. Raises: InvalidImageId, ImageNotFound."""
    ref = parse_image_ref(image_id)
    image = catalogue.get(ref.id, trashed=None if or_trashed else False)
    if image is None or ref.extension not in (None, image.facts.format.extension):
        raise ImageNotFound(ref.id)
    return image


def agreed_ms(clock: Clock, catalogue: Catalogue) -> int:
    """Return the time by which something is too old: by this machine's clock and by all others'.

    One machine whose clock is wrong would remove what is everybody's.
    """
    return min(clock.now_ms(), catalogue.now_ms())


def discard(store: BlobStore, name: str) -> None:
    """Remove a provisional blob, now or with the next sweep."""
    try:
        store.remove(name)
    except ImageServiceError:
        store.abandon(name)


def request_key(delivery: Delivery, content: bytes, now_ms: int) -> RequestKey | None:
    """Return what a delivery is remembered by, None when nothing tells it from others.

    Args:
        content: what the request carries, for some clients count their correlation ids from
            one at every start: the same id with other bytes is another request.
    """
    if not delivery.key:
        return None
    digest = hashlib.sha256(delivery.key.encode() + b"\0" + content).hexdigest()
    is_sure = delivery.redelivered or delivery.is_unique
    arrived_ms = None if is_sure else delivery.arrived_ms
    return RequestKey("delivery:" + digest, now_ms, arrived_ms=arrived_ms)

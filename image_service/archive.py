"""The archive: old originals on slower and cheaper storage, and back when somebody wants them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from .domain.image import Image
from .domain.listing import ListQuery
from .domain.ports import BlobStore, Catalogue
from .errors import ImageNotFound, StorageFull, StorageUnavailable

# So many that cannot be moved, with none that could: it is the disk, not a file.
_TRIED_IN_VAIN = 3


@dataclass
class Moves:
    """What was moved. wrong: blob names that were not, and why."""

    images: int = 0
    bytes: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)

    def count(self, image: Image) -> None:
        """Count an image that was moved."""
        self.images += 1
        self.bytes += image.size_bytes


class Archive:
    """Moves originals into the archive of a store and out of it. What it is asked for blocks."""

    def __init__(self, store: BlobStore, catalogue: Catalogue) -> None:
        self._store = store
        self._catalogue = catalogue

    def bring_back(self, image: Image) -> None:
        """Have an image's original in the store again, where there is room and it is sound.

        Raises: ImageNotFound when it was deleted meanwhile.
        """
        with contextlib.suppress(StorageFull, StorageUnavailable):  # it is read where it is
            self._store.bring_back(image.blob_name, image.sha256)
        self._put_in_order(image)

    def put_away_all(
        self,
        wanted: ListQuery,
        until_ms: int,
        took: Callable[[int], None],
        done: Moves,
    ) -> Iterator[Image]:
        """Put away the originals of images; yield each image that was looked at.

        Args:
            wanted: which images, from its beginning.
            until_ms: those that were stored or brought back since then stay.
        Raises: StorageFull; StorageUnavailable where it seems that nothing can be put away.
        """
        self._store.tidy_archive()
        for image in self._images(wanted):
            name = image.blob_name
            if not self._store.is_archived(name) and self._store.arrived_ms(name) < until_ms:
                with _noted(name, done):
                    is_sound = self._store.put_away(name, image.sha256, took)
                    if is_sound:
                        done.count(image)
                    elif is_sound is not None:
                        done.wrong.append((name, "damaged"))
                with contextlib.suppress(ImageNotFound):
                    self._put_in_order(image)
            yield image

    def bring_back_all(self, wanted: ListQuery, done: Moves) -> Iterator[Image]:
        """Bring back the originals of images; yield each image that was looked at.

        Raises: StorageFull; StorageUnavailable where it seems that nothing can be brought back.
        """
        for image in self._images(wanted):
            name = image.blob_name
            if self._store.is_archived(name):
                with _noted(name, done):
                    self._store.bring_back(name, image.sha256)
                    if not self._store.is_archived(name):
                        done.count(image)
                    elif self._store.is_settled(name):  # nor in the trash since
                        done.wrong.append((name, "damaged or missing in the archive"))
                with contextlib.suppress(ImageNotFound):
                    self._put_in_order(image)
            yield image

    def _put_in_order(self, image: Image) -> None:
        """Do as the catalogue says with a blob that was on its way while it may have changed."""
        if not self._catalogue.known([image.id]):
            self._store.remove(image.blob_name)
            raise ImageNotFound(image.id)
        if self._catalogue.trashed([image.id]):
            self._store.shelve(image.blob_name)

    def _images(self, wanted: ListQuery) -> Iterator[Image]:
        query = wanted
        while True:
            page = self._catalogue.page(query)
            yield from page.images
            if not page.has_more:
                return
            last = page.images[-1]
            query = replace(query, after=(query.order_value(last), last.id))


@contextlib.contextmanager
def _noted(name: str, done: Moves) -> Iterator[None]:
    """Note that one blob cannot be read or moved, and go on, unless none can be, as it seems."""
    try:
        yield
    except StorageUnavailable as exc:
        done.wrong.append((name, str(exc.args[0])))
        if not done.images and len(done.wrong) >= _TRIED_IN_VAIN:
            raise

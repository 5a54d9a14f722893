"""StorageManager: the use cases, spoken in ports, whatever is behind them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import BinaryIO, cast

from .additions import Additions, Terms
from .archive import Archive
from .domain import arguments
from .domain.blocks import CheckedFile
from .domain.filename import fold
from .domain.fingerprint import MAX_DISTANCE
from .domain.formats import Format
from .domain.image import Image, checksum_text
from .domain.listing import MAX_LIMIT, ListQuery
from .domain.outcomes import Delivery, Match, Usage
from .domain.ports import (
    UNBOUNDED_BYTES,
    BlobStore,
    Catalogue,
    Clock,
    ImageEngine,
    Listings,
    MonthTotals,
    Page,
    TagCount,
    Timeline,
)
from .domain.quota import Quotas, Used
from .domain.strip import Strip
from .domain.variant_ports import VariantStore
from .errors import (
    ImageDamaged,
)
from .removals import Owed, Removals, agreed_ms, found
from .settings import Settings
from .updates import Updates

MAX_TAGS_LISTED = 100
_RANDOM_BYTES = 24


class StorageManager:
    """Images in and out of a store and its catalogue, kept in step.

    Its methods block, on disks and image workers: see `off_hub.OffHub`.
    """

    def __init__(
        self,
        store: BlobStore,
        catalogue: Catalogue,
        engine: ImageEngine,
        clock: Clock,
        variants: VariantStore,
        *,
        max_upload_bytes: int,
        idempotency_window_s: float,
        trash_retention_days: float = 0,
        retention_days: Mapping[str, float] | None = None,
        quotas: Quotas | None = None,
        strip: Strip = Strip.NONE,
        accepted: Collection[Format] = frozenset(Format),
        is_shared: bool = False,
        listings: Listings | None = None,
    ) -> None:
        """Args:
        trash_retention_days, retention_days: see Removals.
        max_upload_bytes, quotas, strip, accepted: see additions.Terms.
        is_shared: whether other machines may remove what this one takes to be there.
        listings: what callers are shown lists of, for another than the catalogue.
        """
        self._store = store
        self._catalogue = catalogue
        self._listings = listings or catalogue
        self._is_shared = is_shared
        self._clock = clock
        self._variants = variants
        self._idempotency_window_ms = int(idempotency_window_s * 1000)
        self._archive = Archive(store, catalogue)
        self._owed = Owed()
        terms = Terms(max_upload_bytes, accepted, strip, quotas or Quotas())
        self._additions = Additions(store, catalogue, engine, clock, self._owed, terms)
        self._updates = Updates(store, catalogue, clock, self._owed)
        self._removals = Removals(
            store,
            catalogue,
            clock,
            variants,
            self._owed,
            trash_retention_days,
            retention_days or {},
        )

    @classmethod
    def of(
        cls,
        settings: Settings,
        store: BlobStore,
        catalogue: Catalogue,
        engine: ImageEngine,
        clock: Clock,
        variants: VariantStore,
        *,
        accepted: Collection[Format] = frozenset(Format),
        listings: Listings | None = None,
    ) -> StorageManager:
        """Return one that does as the settings say."""
        return cls(
            store,
            catalogue,
            engine,
            clock,
            variants,
            max_upload_bytes=settings.max_upload_bytes,
            idempotency_window_s=settings.idempotency_window_s,
            trash_retention_days=settings.trash_retention_days,
            retention_days=settings.retention_days,
            quotas=settings.quotas,
            strip=settings.strip_metadata,
            accepted=accepted,
            is_shared=bool(settings.buckets and settings.catalogue_url),
            listings=listings,
        )

    def add(
        self,
        file: object,
        filename: object,
        *,
        tags: object = None,
        attributes: object = None,
        checksum: object = None,
        idempotency_key: object = None,
        delivery: Delivery | None = None,
    ) -> Image:
        """See Additions.add."""
        return self._additions.add(
            file,
            filename,
            tags=tags,
            attributes=attributes,
            checksum=checksum,
            idempotency_key=idempotency_key,
            delivery=delivery,
        )

    def get(self, image_id: object) -> Image:
        """Return the image. Raises: InvalidImageId, ImageNotFound."""
        return found(self._catalogue, image_id)

    def open(self, image_id: object) -> tuple[Image, BinaryIO]:
        """Return the image and its bytes as a seekable file, which the caller closes.

        Raises: InvalidImageId, ImageNotFound, ImageDamaged.
        """
        image = self.get(image_id)
        return image, self.open_blob(image)

    def open_blob(self, image: Image) -> BinaryIO:
        """Return the bytes of an image that was there a moment ago, each checked when it is read.

        One from the archive is brought back, where that can be.

        Raises: ImageNotFound, ImageDamaged, reading it, too.
        """
        if self._store.is_archived(image.blob_name):
            self._archive.bring_back(image)
        try:
            file = self._store.open(image.blob_name)
        except FileNotFoundError:
            self.get(image.id)  # deleted a moment ago: not found rather than damaged
            raise ImageDamaged(image.id) from None
        if not image.block_digests:
            return file  # stored before there were any
        checked = CheckedFile(
            file, image.block_digests, size_bytes=image.size_bytes, image_id=image.id
        )
        return cast(BinaryIO, checked)

    def is_there(self, image: Image) -> bool:
        """Tell whether an image is surely there still; False where that takes a closer look.

        So cheap that it may be asked on the hub.
        """
        return not self._is_shared and self._store.is_settled(image.blob_name)

    def update(
        self,
        image_id: object,
        *,
        filename: object = None,
        tags: object = None,
        attributes: object = None,
        delivery: Delivery | None = None,
    ) -> Image:
        """See Updates.update."""
        return self._updates.update(image_id, filename, tags, attributes, delivery)

    def remove(
        self, image_id: object, *, permanent: bool = False, delivery: Delivery | None = None
    ) -> Image:
        """See Removals.remove."""
        return self._removals.remove(image_id, permanent=permanent, delivery=delivery)

    def restore(self, image_id: object, *, delivery: Delivery | None = None) -> Image:
        """See Removals.restore."""
        return self._removals.restore(image_id, delivery)

    def restorable_until_ms(self, image: Image) -> int | None:
        """See Removals.restorable_until_ms."""
        return self._removals.restorable_until_ms(image)

    def page(self, query: ListQuery) -> Page:
        """Return one page of the listing."""
        return self._listings.page(query)

    def find_similar(self, image_id: object, max_distance: object, limit: object) -> list[Match]:
        """Return the images that look like this one, the nearest first, then the newest.

        Args: max_distance: bits of 64 that may differ, 0..MAX_DISTANCE; limit: 1..MAX_LIMIT.
        Raises: InvalidArgument, InvalidImageId, ImageNotFound.
        """
        bits = arguments.integer(max_distance, "max_distance", low=0, high=MAX_DISTANCE)
        at_most = arguments.integer(limit, "limit", low=1, high=MAX_LIMIT)
        image = self.get(image_id)
        if image.fingerprint is None:
            return []
        found = self._catalogue.find_similar(image, max_distance=bits, limit=at_most)
        return [Match.of(image, other) for other in found]

    def find(self, checksums: object) -> dict[str, str]:
        """Return the ids of the images that have these bytes, by checksum as it is stored.

        Args: checksums: 1..MAX_LIMIT of "sha256:<hex>", of the bytes stored or of those sent.
        Raises: InvalidArgument.
        """
        digests = arguments.checksums(checksums, at_most=MAX_LIMIT)
        found = self._catalogue.find_digests(digests)
        # Who asks will not upload it: whoever stored one of them may not know whether it was
        # committed, and be about to undo it.
        there = self._catalogue.vouch_for_all(set(found.values())) if found else set()
        return {
            checksum_text(digest): image_id
            for digest, image_id in found.items()
            if image_id in there
        }

    def months(self) -> list[MonthTotals]:
        """See Listings.months."""
        return self._listings.months()

    def timeline(self, query: ListQuery) -> Timeline:
        """See Listings.timeline."""
        return self._listings.timeline(query)

    def changes(self) -> int:
        """See Listings.changes."""
        return self._listings.changes()

    def tags(self, prefix: object, limit: object) -> list[TagCount]:
        """Return the most frequent tags that begin with a text, whatever its case; "" for any.

        Args: limit: 1..MAX_TAGS_LISTED. Raises: InvalidArgument.
        """
        at_most = arguments.integer(limit, "limit", low=1, high=MAX_TAGS_LISTED)
        if prefix != "":
            prefix = arguments.text(prefix, "prefix", max_characters=arguments.MAX_LABEL_CHARACTERS)
        return self._listings.tags(fold(str(prefix)), at_most)

    def usage(self, owner: object = None) -> Usage:
        """Return what the store holds, and what of it an owner has, in constant time."""
        name = arguments.owner(owner)
        free_bytes = self._store.free_bytes()
        return Usage(
            self._catalogue.totals(),
            free_bytes if free_bytes < UNBOUNDED_BYTES else None,
            self._variants.usage().bytes,
            name,
            self._catalogue.used(name) if name else Used(),
        )

    def sweep(self) -> int:
        """Clear up after dead processes and forget old requests; return how many blobs went."""
        self._owed.retry()
        self._catalogue.keep_room()
        now_ms = agreed_ms(self._clock, self._catalogue)
        self._catalogue.forget_requests(now_ms - self._idempotency_window_ms)
        swept = self._store.sweep(self._catalogue.known, self._catalogue.trashed)
        self._store.arrange(self._catalogue.trashed_names(), self._living)
        self._variants.sweep(self._catalogue.known)
        return swept

    def _living(self, image_ids: Collection[str]) -> set[str]:
        return self._catalogue.known(image_ids) - self._catalogue.trashed(image_ids)

    def expire(self) -> None:
        """See Removals.expire; once for all processes: what else need not be done twice."""
        self._removals.expire()
        self._catalogue.tidy()

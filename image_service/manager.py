"""StorageManager: the use cases, spoken in ports, whatever is behind them."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import BinaryIO, cast

from .archive import Archive
from .domain import arguments
from .domain.blocks import CheckedFile, digests_of
from .domain.filename import check_extension, check_filename, fold
from .domain.fingerprint import MAX_DISTANCE
from .domain.formats import Format, describe_unsupported, sniff
from .domain.image import Findings, Image, checksum_text, make_image_id
from .domain.label import Label
from .domain.listing import MAX_LIMIT, ListQuery
from .domain.outcomes import Delivery, Match, Usage
from .domain.payload import to_bytes
from .domain.ports import (
    UNBOUNDED_BYTES,
    BlobStore,
    Catalogue,
    Clock,
    DuplicateRequest,
    ImageEngine,
    MonthTotals,
    Page,
    RequestKey,
    TagCount,
)
from .domain.quota import Quotas, Used
from .domain.strip import Strip
from .domain.variant_ports import VariantStore
from .errors import (
    Busy,
    ChecksumMismatch,
    ImageDamaged,
    ImageServiceError,
    QuotaExceeded,
    UnsupportedFormat,
)
from .removals import Owed, Removals, discard, found, request_key
from .updates import Updates

MAX_TAGS_LISTED = 100
_RANDOM_BYTES = 24


@dataclass(frozen=True)
class _Upload:
    """A checked upload on its way in."""

    data: bytes
    filename: str
    tags: tuple[str, ...]
    attributes: Mapping[str, str]
    owner: str
    delivery: Delivery


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
    ) -> None:
        """Args:
        trash_retention_days, retention_days: see Removals.
        quotas: how much may be stored.
        strip: what is removed from every picture before it is stored.
        accepted: the formats that the engine can decode.
        """
        self._strip = strip
        self._quotas = quotas or Quotas()
        self._accepted = accepted
        self._store = store
        self._catalogue = catalogue
        self._engine = engine
        self._clock = clock
        self._variants = variants
        self._max_upload_bytes = max_upload_bytes
        self._idempotency_window_ms = int(idempotency_window_s * 1000)
        self._archive = Archive(store, catalogue)
        self._owed = Owed()
        self._updates = Updates(store, catalogue, self._owed)
        self._removals = Removals(
            store,
            catalogue,
            clock,
            variants,
            self._owed,
            trash_retention_days,
            retention_days or {},
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
        """Store a picture; return it once bytes and catalogue entry survive power loss.

        The same delivery, or the same idempotency_key with the same bytes, answers the first
        time's image and stores nothing new.
        Args: as CONTRACT upload_image's; file in any form that payload.to_bytes() takes.
        Raises: any ImageServiceError; nothing is left behind then.
        """
        checked_name = check_filename(filename)
        checked_tags, checked_attributes = arguments.tags(tags), arguments.attributes(attributes)
        expected_digest = arguments.checksum(checksum)
        key = _idempotency_key(idempotency_key)
        data = to_bytes(file, max_bytes=self._max_upload_bytes)
        _check_digest(data, expected_digest)
        delivery = delivery or Delivery()
        owner = arguments.owner(delivery.owner)
        upload = _Upload(data, checked_name, checked_tags, checked_attributes, owner, delivery)
        try:
            self._raise_if_done(upload)
            return self._add_once(upload, key) if key else self._add(upload)
        except DuplicateRequest as duplicate:
            return duplicate.image

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
        return self._store.is_settled(image.blob_name)

    def update(
        self,
        image_id: object,
        *,
        filename: object = None,
        tags: object = None,
        attributes: object = None,
    ) -> Image:
        """See Updates.update."""
        return self._updates.update(image_id, filename, tags, attributes)

    def remove(
        self, image_id: object, *, permanent: bool = False, delivery: Delivery | None = None
    ) -> Image:
        """See Removals.remove."""
        return self._removals.remove(image_id, permanent=permanent, delivery=delivery)

    def restore(self, image_id: object) -> Image:
        """See Removals.restore."""
        return self._removals.restore(image_id)

    def restorable_until_ms(self, image: Image) -> int | None:
        """See Removals.restorable_until_ms."""
        return self._removals.restorable_until_ms(image)

    def page(self, query: ListQuery) -> Page:
        """Return one page of the listing."""
        return self._catalogue.page(query)

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
        return {checksum_text(digest): image_id for digest, image_id in found.items()}

    def months(self) -> list[MonthTotals]:
        """See Catalogue.months."""
        return self._catalogue.months()

    def tags(self, prefix: object, limit: object) -> list[TagCount]:
        """Return the most frequent tags that begin with a text, whatever its case; "" for any.

        Args: limit: 1..MAX_TAGS_LISTED. Raises: InvalidArgument.
        """
        at_most = arguments.integer(limit, "limit", low=1, high=MAX_TAGS_LISTED)
        if prefix != "":
            prefix = arguments.text(prefix, "prefix", max_characters=arguments.MAX_LABEL_CHARACTERS)
        return self._catalogue.tags(fold(str(prefix)), at_most)

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
        self._catalogue.forget_requests(self._clock.now_ms() - self._idempotency_window_ms)
        swept = self._store.sweep(self._catalogue.known, self._catalogue.trashed)
        self._store.arrange(self._catalogue.trashed_names(), self._living)
        self._variants.sweep(self._catalogue.known)
        return swept

    def _living(self, image_ids: Collection[str]) -> set[str]:
        return self._catalogue.known(image_ids) - self._catalogue.trashed(image_ids)

    def expire(self) -> None:
        """See Removals.expire."""
        self._removals.expire()

    def _add_once(self, upload: _Upload, key: str) -> Image:
        request = RequestKey(key, self._clock.now_ms(), hashlib.sha256(upload.data).digest())
        self._catalogue.begin_request(request)
        try:
            return self._add(upload, request)
        except BaseException:
            self._owed.attempt(functools.partial(self._catalogue.abandon_request, request))
            raise

    def _add(self, upload: _Upload, *requests: RequestKey) -> Image:
        detected = sniff(upload.data)
        if detected is None or detected not in self._accepted:
            raise UnsupportedFormat(describe_unsupported(upload.data))
        check_extension(upload.filename, detected)
        self._check_quotas(upload)
        now_ms = self._clock.now_ms()
        image_id = make_image_id(now_ms, secrets.token_bytes(_RANDOM_BYTES))
        name = f"{image_id}.{detected.extension}"
        look_and_put = self._put_stripped if self._strip is not Strip.NONE else self._put_as_sent
        label = Label(upload.filename, upload.tags, upload.attributes, upload.owner).to_bytes()
        findings, digest = look_and_put(name, upload.data, detected, label)
        stored = upload.data if findings.data is None else findings.data
        sent_digest = digest if stored is upload.data else hashlib.sha256(upload.data).digest()
        image = Image(
            id=image_id,
            filename=upload.filename,
            size_bytes=len(stored),
            sha256=digest,
            created_ms=now_ms,
            facts=findings.facts,
            tags=upload.tags,
            attributes=upload.attributes,
            description=findings.description,
            fingerprint=findings.fingerprint,
            removed=findings.removed,
            sent_sha256=None if stored is upload.data else sent_digest,
            owner=upload.owner,
            block_digests=digests_of(stored),
        )
        once = request_key(upload.delivery, sent_digest, self._clock.now_ms())
        all_requests = (*requests, once) if once else requests
        return self._commit(image, all_requests)

    def _check_quotas(self, upload: _Upload) -> None:
        """Spare an upload all work where there is no room; the commit looks again, exactly."""
        # What is stripped may turn out to be small enough.
        size_bytes = len(upload.data) if self._strip is Strip.NONE else 0
        self._quotas.check(self._catalogue.used, upload.owner, size_bytes)

    def _put_stripped(
        self, name: str, data: bytes, detected: Format, label: bytes
    ) -> tuple[Findings, bytes]:
        """Write what the worker left of the picture."""
        findings = self._engine.analyse(data, detected, self._strip).result()
        stored = data if findings.data is None else findings.data
        return findings, self._store.put(name, stored, label)

    def _put_as_sent(
        self, name: str, data: bytes, detected: Format, label: bytes
    ) -> tuple[Findings, bytes]:
        """Have a worker look and write to disk at the same time."""
        analysis = self._engine.analyse(data, detected, self._strip)
        try:
            digest = self._store.put(name, data, label)
        except ImageServiceError:
            analysis.result()  # what is wrong with the picture is told before what is with us
            raise
        except BaseException:
            analysis.cancel()
            raise
        try:
            return analysis.result(), digest
        except BaseException:
            discard(self._store, name)
            raise

    def _commit(self, image: Image, requests: tuple[RequestKey, ...]) -> Image:
        try:
            added = self._catalogue.add(image, requests, self._quotas)
        except (DuplicateRequest, Busy, QuotaExceeded):
            discard(self._store, image.blob_name)
            raise
        except ImageServiceError:
            self._undo(image)  # whether it was committed is not known
            raise
        try:
            self._store.settle(image.blob_name)
        except ImageServiceError:
            self._undo(image)
            raise
        return added

    def _undo(self, image: Image) -> None:
        self._owed.attempt(functools.partial(self._withdraw, image))

    def _withdraw(self, image: Image) -> None:
        self._catalogue.withdraw(image)
        discard(self._store, image.blob_name)

    def _raise_if_done(self, upload: _Upload) -> None:
        """Spare a redelivered upload its work if the first delivery was carried out."""
        if upload.delivery.redelivered:
            once = request_key(
                upload.delivery, hashlib.sha256(upload.data).digest(), self._clock.now_ms()
            )
            first = self._catalogue.find_request(once) if once else None
            if first:
                raise DuplicateRequest(first)


def _idempotency_key(value: object) -> str:
    """Return the key under which a caller's idempotency_key is remembered, "" for None."""
    if value is None:
        return ""
    limit = arguments.MAX_IDEMPOTENCY_KEY_CHARACTERS
    text = arguments.text(value, "idempotency_key", max_characters=limit)
    return "caller:" + hashlib.sha256(text.encode()).hexdigest()


def _check_digest(data: bytes, expected: bytes | None) -> None:
    if expected is not None:
        actual = hashlib.sha256(data).digest()
        if actual != expected:
            raise ChecksumMismatch(f"sha256:{expected.hex()}", f"sha256:{actual.hex()}")

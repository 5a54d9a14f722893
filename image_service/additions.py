"""Additions: pictures into the store and its catalogue, all of one or nothing of it."""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .domain import arguments
from .domain.blocks import digests_of
from .domain.filename import check_extension, check_filename
from .domain.formats import Format, describe_unsupported, sniff
from .domain.image import Findings, Image, make_image_id
from .domain.label import Label
from .domain.outcomes import Delivery
from .domain.payload import to_bytes
from .domain.ports import (
    BlobStore,
    Catalogue,
    Clock,
    DuplicateRequest,
    ImageEngine,
    RequestKey,
)
from .domain.quota import Quotas
from .domain.strip import Strip
from .errors import (
    Busy,
    ChecksumMismatch,
    ImageServiceError,
    QuotaExceeded,
    StorageUnavailable,
    UnsupportedFormat,
)
from .removals import Owed, discard, request_key

_RANDOM_BYTES = 24
_TRIES = 3


@dataclass(frozen=True)
class _Upload:
    """A checked upload on its way in."""

    data: bytes
    filename: str
    tags: tuple[str, ...]
    attributes: Mapping[str, str]
    owner: str
    delivery: Delivery


@dataclass(frozen=True)
class Terms:
    """What may be added, and what becomes of it.

    accepted: the formats that the engine can decode. strip: what is removed from every picture
    before it is stored. quotas: how much may be stored.
    """

    max_upload_bytes: int
    accepted: Collection[Format]
    strip: Strip
    quotas: Quotas


class Additions:
    """Adds images: looks at each, stores it and catalogues it."""

    def __init__(
        self,
        store: BlobStore,
        catalogue: Catalogue,
        engine: ImageEngine,
        clock: Clock,
        owed: Owed,
        terms: Terms,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._engine = engine
        self._clock = clock
        self._owed = owed
        self._terms = terms

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
        data = to_bytes(file, max_bytes=self._terms.max_upload_bytes)
        _check_digest(data, expected_digest)
        delivery = delivery or Delivery()
        owner = arguments.owner(delivery.owner)
        upload = _Upload(data, checked_name, checked_tags, checked_attributes, owner, delivery)
        for _ in range(_TRIES):
            try:
                self._raise_if_done(upload)
                return self._add_once(upload, key) if key else self._add(upload)
            except DuplicateRequest as duplicate:
                # Who stored it may not know whether it was committed, and be about to undo it.
                if self._catalogue.vouch_for(duplicate.image.id):
                    return duplicate.image
        raise Busy("another delivery of this upload is being undone")

    def _add_once(self, upload: _Upload, key: str) -> Image:
        request = RequestKey(key, self._clock.now_ms(), hashlib.sha256(upload.data).digest())
        abandon = functools.partial(self._catalogue.abandon_request, request)
        # The broker has taken a redelivered one back from whoever had it: a host that died, or that
        # hangs, and whose lease goes on for a while. Should it finish after all, it comes too late.
        takes_over = upload.delivery.redelivered
        try:
            self._catalogue.begin_request(request, takes_over=takes_over)
        except StorageUnavailable:
            self._owed.attempt(abandon)  # whether it is marked is not known
            raise
        try:
            return self._add(upload, request)
        except BaseException:
            self._owed.attempt(abandon)
            raise

    def _add(self, upload: _Upload, *requests: RequestKey) -> Image:
        detected = sniff(upload.data)
        if detected is None or detected not in self._terms.accepted:
            raise UnsupportedFormat(describe_unsupported(upload.data))
        check_extension(upload.filename, detected)
        self._check_quotas(upload)
        now_ms = self._clock.now_ms()
        image_id = make_image_id(now_ms, secrets.token_bytes(_RANDOM_BYTES))
        name = f"{image_id}.{detected.extension}"
        look_and_put = (
            self._put_stripped if self._terms.strip is not Strip.NONE else self._put_as_sent
        )
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
        size_bytes = len(upload.data) if self._terms.strip is Strip.NONE else 0
        self._terms.quotas.check(self._catalogue.used, upload.owner, size_bytes)

    def _put_stripped(
        self, name: str, data: bytes, detected: Format, label: bytes
    ) -> tuple[Findings, bytes]:
        """Write what the worker left of the picture."""
        findings = self._engine.analyse(data, detected, self._terms.strip).result()
        stored = data if findings.data is None else findings.data
        return findings, self._store.put(name, stored, label)

    def _put_as_sent(
        self, name: str, data: bytes, detected: Format, label: bytes
    ) -> tuple[Findings, bytes]:
        """Have a worker look and write to disk at the same time."""
        analysis = self._engine.analyse(data, detected, self._terms.strip)
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
            added = self._catalogue.add(image, requests, self._terms.quotas)
        except (DuplicateRequest, Busy, QuotaExceeded):
            discard(self._store, image.blob_name)
            raise
        except ImageServiceError:
            self._undo(image, requests)  # whether it was committed is not known
            raise
        try:
            self._store.settle(image.blob_name)
        except ImageServiceError:
            self._undo(image, requests)
            raise
        return added

    def _undo(self, image: Image, requests: tuple[RequestKey, ...]) -> None:
        self._owed.attempt(functools.partial(self._withdraw, image, requests))

    def _withdraw(self, image: Image, requests: tuple[RequestKey, ...]) -> None:
        if self._catalogue.withdraw(image, requests):
            discard(self._store, image.blob_name)
            return
        # It was committed, and the same upload has come again meanwhile, and was answered.
        try:
            self._store.settle(image.blob_name)
        except ImageServiceError:
            self._store.abandon(image.blob_name)  # a sweep does as the catalogue says

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

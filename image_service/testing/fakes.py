"""Fakes of the ports: they keep the same contracts as the real adapters (see tests/contracts)."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..domain.filename import fold
from ..domain.formats import Format
from ..domain.image import Blob, Changes, Findings, Image, month_of
from ..domain.listing import COUNTED_AT_MOST, ListQuery
from ..domain.outcomes import Match
from ..domain.ports import (
    Condition,
    DuplicateRequest,
    FormatTotals,
    MonthCount,
    MonthTotals,
    Page,
    RequestKey,
    TagCount,
    Timeline,
)
from ..domain.quota import Quotas, Used
from ..domain.strip import Strip
from ..errors import Busy, InvalidArgument, StorageUnavailable

if TYPE_CHECKING:
    from ..imaging.limits import Limits

NOON_MS = 1_767_268_800_000
"""2026-01-01T12:00:00Z, where a FixedClock stands unless told otherwise."""


class FixedClock:
    """A Clock that stands still until it is moved."""

    def __init__(self, now_ms: int = NOON_MS) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """See Clock.now_ms."""
        return self._now_ms

    def advance(self, ms: int) -> None:
        """Move ms milliseconds on."""
        self._now_ms += ms


@dataclass
class _Asked:
    """A request remembered: image is None while holder is at it."""

    request: RequestKey
    holder: int
    image: Image | None = None
    is_vouched_for: bool = False


@dataclass
class MemoryRecords:
    """What the MemoryCatalogues of several processes share."""

    images: dict[str, Image] = field(default_factory=dict)
    requests: dict[str, _Asked] = field(default_factory=dict)
    alive: set[int] = field(default_factory=set)
    started: int = 0
    images_told: dict[str, Image] = field(default_factory=dict)
    changes: int = 0
    now_ms: int = sys.maxsize


class MemoryCatalogue:
    """A Catalogue in memory. Those on the same records are as processes on one database."""

    def __init__(self, records: MemoryRecords | None = None) -> None:
        self.records = records or MemoryRecords()
        self.records.started += 1
        self._process = self.records.started
        self.records.alive.add(self._process)

    def die(self) -> None:
        """End as a killed process does: its requests in flight stay marked."""
        self.records.alive.discard(self._process)

    def add(
        self, image: Image, requests: Collection[RequestKey] = (), quotas: Quotas | None = None
    ) -> Image:
        """See Catalogue.add."""
        for request in requests:
            self._check_may_finish(request)
        if quotas:
            quotas.check(self.used, image.owner, image.size_bytes)
        if image.id in self.records.images:
            raise StorageUnavailable("its catalogue failed")
        equal = [each for each in self._living() if each.sha256 == image.sha256]
        oldest = min(equal, key=lambda each: each.created_ms, default=None)
        added = replace(image, duplicate_of=oldest.id if oldest else None)
        for request in requests:
            self._finish(request, added)
        self.records.images[image.id] = added
        return added

    def put_back(self, image: Image) -> None:
        """See Catalogue.put_back."""
        if image.id in self.records.images:
            raise StorageUnavailable("its catalogue failed")
        self.records.images[image.id] = image

    def get(self, image_id: str, *, trashed: bool | None = False) -> Image | None:
        """See Catalogue.get."""
        image = self.records.images.get(image_id)
        return image if image and trashed in (None, image.deleted_ms is not None) else None

    def change(
        self, image_id: str, changes: Changes, request: RequestKey | None = None
    ) -> Image | None:
        """See Catalogue.change."""
        self._raise_if_done(request)
        image = self.get(image_id)
        if image is None:
            return None
        changed = self.records.images[image_id] = changes.applied_to(image)
        if request:
            self._finish(request, changed)
        return changed

    def trash(
        self,
        image_id: str,
        deleted_ms: int,
        request: RequestKey | None = None,
        *,
        only_if: Condition | None = None,
    ) -> Image | None:
        """See Catalogue.trash."""
        image = self.get(image_id)
        if image and only_if and not only_if(image):
            return None
        if image is None:
            self._raise_if_done(request)
            return None
        trashed = replace(image, deleted_ms=deleted_ms)
        if request:
            self._check_may_finish(request)
            self._finish(request, trashed)
        self.records.images[image_id] = trashed
        return trashed

    def restore(self, image_id: str, request: RequestKey | None = None) -> Image | None:
        """See Catalogue.restore."""
        self._raise_if_done(request)
        image = self.get(image_id, trashed=True)
        if image is None:
            return None
        restored = self.records.images[image_id] = replace(image, deleted_ms=None)
        if request:
            self._finish(request, restored)
        return restored

    def trashed_before(self, moment_ms: int, limit: int) -> list[Image]:
        """See Catalogue.trashed_before."""
        old = [
            (image.deleted_ms, image.id, image.without_details())
            for image in self.records.images.values()
            if image.deleted_ms is not None and image.deleted_ms < moment_ms
        ]
        return [image for *_, image in sorted(old, key=lambda each: each[:2])[:limit]]

    def remove(
        self, image_id: str, request: RequestKey | None = None, *, only_if: Condition | None = None
    ) -> Image | None:
        """See Catalogue.remove."""
        image = self.records.images.get(image_id)
        if image and only_if and not only_if(image):
            return None
        if image is None:
            self._raise_if_done(request)
        if request and image:
            self._check_may_finish(request)
            self._finish(request, image)
        self.records.images.pop(image_id, None)
        return image

    def find_similar(self, image: Image, *, max_distance: int, limit: int) -> list[Image]:
        """See Catalogue.find_similar."""
        matches = [
            Match.of(image, other)
            for other in self._living()
            if other.fingerprint and other.id != image.id
        ]
        matches.sort(key=lambda match: (match.image.created_ms, match.image.id), reverse=True)
        near = [match for match in matches if match.distance <= max_distance]
        near.sort(key=lambda match: (match.distance, not match.identical))
        return [match.image.without_details() for match in near[:limit]]

    def find_digests(self, digests: Collection[bytes]) -> dict[bytes, str]:
        """See Catalogue.find_digests."""
        wanted, found = set(digests), dict[bytes, str]()
        for image in sorted(self._living(), key=lambda each: each.id, reverse=True):
            found |= dict.fromkeys(wanted & {image.sha256, image.sent_sha256}, image.id)
        return found

    def withdraw(self, image: Image, asked: Collection[RequestKey] = ()) -> bool:
        """See Catalogue.withdraw."""
        ended = self._ended_with(image.id)
        if any(each.is_vouched_for for each in ended.values()) if ended else asked:
            return image.id not in self.records.images
        self.records.images.pop(image.id, None)
        for key in ended:
            del self.records.requests[key]
        return True

    def vouch_for(self, image_id: str) -> bool:
        """See Catalogue.vouch_for."""
        ended = self._ended_with(image_id).values()
        for asked in ended:
            asked.is_vouched_for = True
        return bool(ended)

    def vouch_for_all(self, image_ids: Collection[str]) -> set[str]:
        """See Catalogue.vouch_for_all."""
        for image_id in image_ids:
            self.vouch_for(image_id)
        return self.known(image_ids)

    def _ended_with(self, image_id: str) -> dict[str, _Asked]:
        requests = self.records.requests.items()
        return {key: each for key, each in requests if each.image and each.image.id == image_id}

    def page(self, query: ListQuery) -> Page:
        """See Catalogue.page."""

        def place(image: Image) -> tuple[Any, str]:
            return query.order_value(image), image.id

        found = sorted(
            (image for image in self.records.images.values() if _is_wanted(image, query)),
            key=place,
            reverse=query.descending,
        )
        after = query.after
        rest = [
            image
            for image in found
            if after is None or (place(image) < after if query.descending else place(image) > after)
        ][query.skip :]
        return Page(
            images=tuple(image.without_details() for image in rest[: query.limit]),
            has_more=len(rest) > query.limit,
            total=min(len(found), COUNTED_AT_MOST) if query.is_filtered else len(found),
            total_is_exact=not query.is_filtered or len(found) <= COUNTED_AT_MOST,
        )

    def now_ms(self) -> int:
        """See Catalogue.now_ms; one that is never behind any Clock, unless told otherwise."""
        return self.records.now_ms

    def totals(self) -> Mapping[Format, FormatTotals]:
        """See Catalogue.totals."""
        sizes: dict[Format, tuple[list[int], list[int]]] = {each: ([], []) for each in Format}
        for image in self.records.images.values():
            sizes[image.facts.format][image.deleted_ms is not None].append(image.size_bytes)
        return {
            format_: FormatTotals(len(living), sum(living), len(trashed), sum(trashed))
            for format_, (living, trashed) in sizes.items()
        }

    def months(self) -> list[MonthTotals]:
        """See Catalogue.months."""
        sizes: dict[tuple[str, str], list[int]] = {}
        for image in self._living():
            key = (month_of(image.created_ms), image.facts.format.value)
            sizes.setdefault(key, []).append(image.size_bytes)
        return [
            MonthTotals(month, Format(format_), len(found), sum(found))
            for (month, format_), found in sorted(sizes.items())
        ]

    def timeline(self, query: ListQuery) -> Timeline:
        """See Catalogue.timeline."""
        found = [image for image in self.records.images.values() if _is_wanted(image, query)]
        narrows = replace(query, format=None).is_filtered or query.trashed
        if narrows and len(found) > COUNTED_AT_MOST:
            return Timeline(None, COUNTED_AT_MOST)
        counts = Counter(month_of(image.created_ms) for image in found)
        return Timeline(tuple(MonthCount(*each) for each in sorted(counts.items())), len(found))

    def changes(self) -> int:
        """See Catalogue.changes."""
        records = self.records
        if records.images != records.images_told:
            records.images_told = dict(records.images)
            records.changes += 1
        return records.changes

    def tags(self, prefix: str, limit: int) -> list[TagCount]:
        """See Catalogue.tags."""
        counts = Counter(tag for image in self._living() for tag in image.tags)
        found = [TagCount(tag, n) for tag, n in counts.items() if fold(tag).startswith(prefix)]
        return sorted(found, key=lambda each: (-each.files, each.tag))[:limit]

    def used(self, owner: str = "") -> Used:
        """See Catalogue.used."""
        sizes = [
            image.size_bytes for image in self.records.images.values() if owner in ("", image.owner)
        ]
        return Used(len(sizes), sum(sizes))

    def walk(self, after_id: str, limit: int) -> list[Blob]:
        """See Catalogue.walk."""
        ids = sorted(image_id for image_id in self.records.images if image_id > after_id)
        return [Blob.of(self.records.images[image_id]) for image_id in ids[:limit]]

    def set_block_digests(self, image_id: str, digests: bytes) -> None:
        """See Catalogue.set_block_digests."""
        image = self.records.images.get(image_id)
        if image:
            self.records.images[image_id] = replace(image, block_digests=digests)

    def trashed_names(self) -> set[str]:
        """See Catalogue.trashed_names."""
        return {
            image.blob_name
            for image in self.records.images.values()
            if image.deleted_ms is not None
        }

    def keep_room(self) -> None:
        """See Catalogue.keep_room."""

    def known(self, image_ids: Collection[str], *, for_good: bool = False) -> set[str]:  # noqa: ARG002
        """See Catalogue.known."""
        return set(image_ids) & self.records.images.keys()

    def trashed(self, image_ids: Collection[str]) -> set[str]:
        """See Catalogue.trashed."""
        return {image_id for image_id in image_ids if self.get(image_id, trashed=True)}

    def find_request(self, request: RequestKey) -> Image | None:
        """See Catalogue.find_request."""
        asked = self.records.requests.get(request.key)
        if asked is None or asked.image is None:
            return None
        if request.is_another_than(asked.request.made_ms):
            return None
        _check_same_bytes(asked, request)
        return asked.image

    def begin_request(self, request: RequestKey, *, takes_over: bool = False) -> None:
        """See Catalogue.begin_request."""
        asked = self.records.requests.get(request.key)
        if asked:
            _check_same_bytes(asked, request)
            if asked.image:
                raise DuplicateRequest(asked.image)
            if asked.holder in self.records.alive and not takes_over:
                raise Busy("a request with this idempotency_key is still being worked on")
        self.records.requests[request.key] = _Asked(request, self._process)

    def abandon_request(self, request: RequestKey) -> None:
        """See Catalogue.abandon_request."""
        asked = self.records.requests.get(request.key)
        if asked and asked.image is None and asked.holder == self._process:
            del self.records.requests[request.key]

    def forget_requests(self, before_ms: int) -> int:
        """See Catalogue.forget_requests."""
        old = [k for k, v in self.records.requests.items() if v.request.made_ms < before_ms]
        for key in old:
            del self.records.requests[key]
        return len(old)

    def tidy(self) -> None:
        """See Catalogue.tidy."""

    def check(self) -> None:
        """See Catalogue.check."""

    def _living(self) -> list[Image]:
        return [image for image in self.records.images.values() if image.deleted_ms is None]

    def _raise_if_done(self, request: RequestKey | None) -> None:
        first = self.find_request(request) if request else None
        if first:
            raise DuplicateRequest(first)

    def _check_may_finish(self, request: RequestKey) -> None:
        asked = self.records.requests.get(request.key)
        if asked and request.is_another_than(asked.request.made_ms):
            return
        if asked and asked.image:
            raise DuplicateRequest(asked.image)
        if asked and asked.holder != self._process:
            raise Busy("another process has taken this request over")

    def _finish(self, request: RequestKey, image: Image) -> None:
        self.records.requests[request.key] = _Asked(request, self._process, image)


def _check_same_bytes(asked: _Asked, request: RequestKey) -> None:
    if asked.request.digest != request.digest:
        raise InvalidArgument("idempotency_key", "it was used before with other bytes")


def _is_wanted(image: Image, query: ListQuery) -> bool:
    """Tell whether image passes the query's filters; one that is None lets everything pass."""
    tests: tuple[tuple[object, Callable[[Any], bool]], ...] = (
        (query.format, lambda v: image.facts.format is v),
        (query.tag, lambda v: v in image.tags),
        (query.filename, lambda v: v in fold(image.filename)),
        (query.created_from_ms, lambda v: image.created_ms >= v),
        (query.created_until_ms, lambda v: image.created_ms < v),
        (query.min_bytes, lambda v: image.size_bytes >= v),
        (query.max_bytes, lambda v: image.size_bytes <= v),
    )
    is_state = (image.deleted_ms is not None) is query.trashed
    return is_state and all(test(value) for value, test in tests if value is not None)


class InlineEngine:
    """An ImageEngine that looks at pictures in this process, without any of the pool's limits."""

    def __init__(self, limits: Limits | None = None) -> None:
        import warnings

        from ..imaging.examine import set_up
        from ..imaging.limits import Limits

        self._limits = limits or Limits()
        with warnings.catch_warnings():
            set_up(self._limits)

    def analyse(self, data: bytes, expected: Format, strip: Strip = Strip.NONE) -> InlineAnalysis:
        """See ImageEngine.analyse."""
        return InlineAnalysis(data, expected, strip, self._limits)

    def check(self) -> None:
        """See ImageEngine.check."""


@dataclass(frozen=True)
class InlineAnalysis:
    """The Analysis of an InlineEngine: the work is done when the result is asked for."""

    data: bytes
    expected: Format
    strip: Strip
    limits: Limits

    def result(self) -> Findings:
        """See Analysis.result."""
        from ..imaging.examine import examine

        return examine(self.data, self.expected, self.limits, strip_mode=self.strip)

    def cancel(self) -> None:
        """See Analysis.cancel."""

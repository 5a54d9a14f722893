"""What the manager needs of the world: the interfaces that adapters implement."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from .formats import Format
from .image import Blob, Changes, Findings, Image
from .listing import ListQuery
from .quota import Quotas, Used
from .strip import Strip

Condition = Callable[[Image], bool]
"""Tells something of an image."""

IdsAmong = Callable[[Collection[str]], set[str]]
"""Returns those of some image ids of which something is true."""


def no_ids(image_ids: Collection[str]) -> set[str]:  # noqa: ARG001
    """Return none of them."""
    return set()


UNBOUNDED_BYTES = 2**62
"""Room in a store whose end nobody knows."""


class BlobStore(Protocol):
    """Where originals are kept, by the names of `Image.blob_name`.

    Every method may raise StorageFull or StorageUnavailable.
    """

    def put(self, name: str, data: bytes, label: bytes = b"", *, is_known: bool = False) -> bytes:
        """Store data as name, which must be new; return its SHA-256 (32 bytes).

        The label is kept beside it where the store can, see domain.label.

        Once it returns the blob survives power loss; where it raises there is none. Until
        settle(name) it is provisional: should this process die, a sweep takes it away again
        unless the catalogue knows it.
        Args: is_known: whether the catalogue does already: a sweep would keep a part of it, too.
        """

    def label(self, name: str) -> bytes:
        """Return the label of a blob, b"" if it has none or none could be kept."""

    def relabel(self, name: str, label: bytes) -> None:
        """Give a blob another label, durably, where the store keeps any.

        A blob that is not there is no error.
        """

    def settle(self, name: str) -> None:
        """Say that the catalogue agrees with the store about name: it is no longer provisional."""

    def doubt(self, name: str) -> bool:
        """Make an existing blob provisional again, before its catalogue entry is removed.

        Returns: whether settle() can follow: False where there is none.
        """

    def remove(self, name: str) -> None:
        """Remove name for good and settle it; what is not there is no error."""

    def abandon(self, name: str) -> None:
        """Leave a provisional blob to the next sweep, which does as the catalogue then says."""

    def open(self, name: str) -> BinaryIO:
        """Open name for reading, seekable. Raises: FileNotFoundError."""

    def is_archived(self, name: str) -> bool:
        """Tell whether a blob was put away. So cheap that anybody may ask."""

    def put_away(self, name: str, sha256: bytes, took: Callable[[int], None] = ...) -> bool | None:
        """Move a settled blob to slower and cheaper storage; it can still be opened there.

        Args: sha256: what it must be, or it stays; took: is told how many bytes were copied.
        Returns: whether it was what it must be; None where it is not at its place, or was put
            away before.
        """

    def bring_back(self, name: str, sha256: bytes) -> None:
        """Move a blob back from where it was put away; one that is not there is left as it is.

        So is one that is asked for while the store brings another one back: nobody waits.
        Args: sha256: what it must be, or it stays.
        """

    def tidy_archive(self) -> int:
        """Remove what was put away and belongs to no blob any more; return how many that were."""

    def arrived_ms(self, name: str) -> int:
        """Return when a settled blob was stored or last moved, Unix milliseconds; 0 for none."""

    def is_settled(self, name: str) -> bool:
        """Tell whether a blob has its final place. So cheap that anybody may ask."""

    def shelve(self, name: str) -> None:
        """Take a blob out of its final place, for as long as its image is in the trash.

        It can still be opened. What has no final place is left as it is.
        """

    def unshelve(self, name: str) -> None:
        """Give a blob that was shelved its final place again; what was not is left as it is."""

    def is_shelved(self, name: str) -> bool:
        """Tell whether a blob was shelved. So cheap that anybody may ask."""

    def arrange(self, trashed: Collection[str], living: IdsAmong) -> None:
        """Shelve the blobs whose images are in the trash, unshelve those whose images live.

        Processes that died, or were too late, left them elsewhere.
        Args:
            trashed: the names of all blobs in the trash, as it was a moment ago.
            living: returns those of some image ids that live now.
        """

    def quarantine(self, name: str, sha256: bytes) -> bool:
        """Put a damaged blob where nothing opens it; its bytes are kept. None there is no error.

        Args: sha256: what it must be: wherever it is that, it stays.
        Returns: whether something was put aside.
        Raises: StorageUnavailable where it cannot be told, or done.
        """

    def lift_quarantine(self, name: str) -> None:
        """Forget the damaged bytes of a blob that has been stored anew."""

    def is_quarantined(self, name: str) -> bool:
        """Tell whether a blob was put there."""

    def names(self) -> Iterator[str]:
        """Yield what has a place of its own, in the trash or not, foreign files included."""

    def sweep(self, known: IdsAmong, trashed: IdsAmong = no_ids) -> int:
        """Remove what dead processes left; return how many blobs went.

        What the catalogue knows is given its place.
        Args:
            known, trashed: return those of some image ids which the catalogue has, and which of
                them are in the trash.
        """

    def check(self) -> None:
        """Write, read and remove a probe. Raises: StorageFull, StorageUnavailable."""

    def free_bytes(self) -> int:
        """Return the bytes that can still be stored, UNBOUNDED_BYTES where nobody could tell."""


class Journal(Protocol):
    """Names of blobs about which store and catalogue may disagree, and whose work each is.

    For stores that cannot keep a blob under a provisional name of its own. Every method may raise
    StorageFull or StorageUnavailable.
    """

    def begin(self, name: str) -> None:
        """Note, durably, that this process is about to store or remove a blob."""

    def end(self, name: str) -> None:
        """Forget a name: store and catalogue agree. One that was not noted is no error."""

    def left_over(self) -> list[str]:
        """Return the names that processes noted which have died.

        Each has been dead for so long that nothing it had begun can still happen.
        """

    def noted(self) -> set[str]:
        """Return all names that are noted, whoever by."""


@dataclass(frozen=True)
class RequestKey:
    """What makes two requests the same one.

    key: a digest, so that it has one size; made_ms: Unix milliseconds; digest: SHA-256 of the
    bytes that the same key must come with again, b"" where the key alone says it all.
    arrived_ms: of a request that was not redelivered and whose key others may have. One remembered
    from before it arrived is another one: some clients count their correlation ids from one at
    every start. Of others it tells nothing: on a host that hung a request may arrive after
    somebody else has carried it out.
    """

    key: str
    made_ms: int
    digest: bytes = b""
    arrived_ms: int | None = None

    def is_another_than(self, remembered_ms: int) -> bool:
        """Tell whether the request of this key remembered at that time cannot be this one."""
        return self.arrived_ms is not None and remembered_ms < self.arrived_ms


class DuplicateRequest(Exception):
    """Raised by the catalogue when a request was carried out before: DuplicateRequest(image).

    image is as it was when the first request ended.
    """

    @property
    def image(self) -> Image:
        """The image the first request made or removed."""
        image: Image = self.args[0]
        return image


@dataclass(frozen=True)
class Page:
    """One page of a listing. total is exact unless total_is_exact is False (counted so far)."""

    images: tuple[Image, ...]
    has_more: bool
    total: int
    total_is_exact: bool


@dataclass(frozen=True)
class FormatTotals:
    """How many images of one format there are, and their bytes; the same of the trash."""

    files: int
    bytes: int
    trashed_files: int = 0
    trashed_bytes: int = 0


@dataclass(frozen=True)
class MonthTotals:
    """How many living images of one format were stored in a month (UTC, 2026-01); their bytes."""

    month: str
    format: Format
    files: int
    bytes: int


@dataclass(frozen=True)
class MonthCount:
    """How many images of a listing were stored in a month (UTC, 2026-01)."""

    month: str
    files: int


@dataclass(frozen=True)
class Timeline:
    """What of a listing is of which month, the oldest first, and how much that is.

    months: None where there is too much to count; then total is how far it was counted.
    """

    months: tuple[MonthCount, ...] | None
    total: int


@dataclass(frozen=True)
class TagCount:
    """How many living images have a tag."""

    tag: str
    files: int


class Listings(Protocol):
    """What lists images and counts them. Every method may raise StorageUnavailable."""

    def page(self, query: ListQuery) -> Page:
        """Return one page of the images that query asks for."""

    def months(self) -> list[MonthTotals]:
        """Return the totals by month and format, the oldest first, however many images there are.

        What has nothing is left out.
        """

    def timeline(self, query: ListQuery) -> Timeline:
        """Return how many of the images that query asks for, on all pages, are of each month.

        In constant time where only formats are told apart, counted to COUNTED_AT_MOST otherwise.
        """

    def changes(self) -> int:
        """Return a number that is another one after whatever a listing shows has changed."""

    def tags(self, prefix: str, limit: int) -> list[TagCount]:
        """Return the most frequent tags of the living, of equals the first by their letters.

        Args: prefix: folded text that they begin with (domain.filename.fold), "" for any.
        """


class Catalogue(Listings, Protocol):
    """What is known of each image. Every method is one transaction.

    Every method may raise StorageFull or StorageUnavailable.
    """

    def add(
        self, image: Image, requests: Collection[RequestKey] = (), quotas: Quotas | None = None
    ) -> Image:
        """Add image, count it, and remember its requests, all or nothing, durably.

        Returns: the image with duplicate_of as it was found to be.
        Raises: DuplicateRequest if one of the requests was carried out before; QuotaExceeded if
            the image is too much beside what is there in this very moment.
        """

    def put_back(self, image: Image) -> None:
        """Add and count an image exactly as it was, beyond all quotas: one from a backup."""

    def used(self, owner: str = "") -> Used:
        """Return what an owner has stored, or all together have, in constant time."""

    def get(self, image_id: str, *, trashed: bool | None = False) -> Image | None:
        """Return the image, or None; from outside the trash, from it, or for None from either."""

    def change(
        self, image_id: str, changes: Changes, request: RequestKey | None = None
    ) -> Image | None:
        """Change an image that is not in the trash and remember the request; return it, or None.

        Raises: DuplicateRequest if this request changed it before.
        """

    def trash(
        self,
        image_id: str,
        deleted_ms: int,
        request: RequestKey | None = None,
        *,
        only_if: Condition | None = None,
    ) -> Image | None:
        """Put the image into the trash and remember the request; return it, or None.

        Args: only_if: where it is not true of the image at that moment, the image stays.
        Raises: DuplicateRequest if the image is not there but this request trashed it.
        """

    def restore(self, image_id: str, request: RequestKey | None = None) -> Image | None:
        """Take the image out of the trash, remember the request; None if it was not in it.

        Raises: DuplicateRequest if this request took it out before.
        """

    def trashed_before(self, moment_ms: int, limit: int) -> list[Image]:
        """Return images that were put into the trash before a moment, the oldest first."""

    def remove(
        self, image_id: str, request: RequestKey | None = None, *, only_if: Condition | None = None
    ) -> Image | None:
        """Remove the image for good, from the trash, too; uncount it, remember the request.

        Args: only_if: as trash()'s.

        Returns: what was removed, or None.

        Raises: DuplicateRequest if the image is not there but this request removed it.
        """

    def find_similar(self, image: Image, *, max_distance: int, limit: int) -> list[Image]:
        """Return other images whose perceptual hash differs in at most max_distance bits.

        The nearest first, of these the same bytes first, then the newest.
        Args: image: one with a fingerprint.
        """

    def find_digests(self, digests: Collection[bytes]) -> dict[bytes, str]:
        """Return the ids of images by the SHA-256 of their bytes, stored or sent.

        Those in the trash do not count; of several with the same bytes the oldest is told.
        """

    def withdraw(self, image: Image, asked: Collection[RequestKey] = ()) -> bool:
        """Undo add(), its requests included, as if it had never been.

        Args: asked: the requests that add() was given.
        Returns: False where somebody has vouched for the image, or may have, for none of its
            requests is remembered any more: it stays.
        """

    def vouch_for(self, image_id: str) -> bool:
        """See to it that an image that a request ended with is not withdrawn any more.

        Returns: False where it was. One that was removed since is vouched for, too.
        """

    def vouch_for_all(self, image_ids: Collection[str]) -> set[str]:
        """Do the same for many; return those that are there, in the trash or not."""

    def now_ms(self) -> int:
        """Return the time, Unix milliseconds, by the clock that all who share the catalogue see."""

    def totals(self) -> Mapping[Format, FormatTotals]:
        """Return the totals by format, in constant time."""

    def walk(self, after_id: str, limit: int) -> list[Blob]:
        """Return the blobs of images whose ids follow after_id, in order, in the trash or not."""

    def set_block_digests(self, image_id: str, digests: bytes) -> None:
        """Note the digests of an image that was stored before there were any."""

    def trashed_names(self) -> set[str]:
        """Return the names of all blobs whose images are in the trash."""

    def keep_room(self) -> None:
        """See to it that removals can be written down on a full disk, too."""

    def known(self, image_ids: Collection[str], *, for_good: bool = False) -> set[str]:
        """Return those of image_ids that are there, in the trash or not.

        Args: for_good: only once all who may be removing them have ended; few ids.
        """

    def trashed(self, image_ids: Collection[str]) -> set[str]:
        """Return those of image_ids that are in the trash."""

    def find_request(self, request: RequestKey) -> Image | None:
        """Return the image of a request carried out before, or None.

        Raises: InvalidArgument if the key was used with other bytes.
        """

    def begin_request(self, request: RequestKey, *, takes_over: bool = False) -> None:
        """Mark a caller-chosen key as in flight in this process.

        Args: takes_over: from whoever is at it, living or not, who then cannot finish it.
        Raises:
            DuplicateRequest if it was carried out before.
            Busy if a living process is at it, and is not taken over from.
            InvalidArgument if the key was used with other bytes.
        """

    def abandon_request(self, request: RequestKey) -> None:
        """Forget a key marked by begin_request whose request failed."""

    def forget_requests(self, before_ms: int) -> int:
        """Forget requests older than before_ms (Unix milliseconds); return how many."""

    def tidy(self) -> None:
        """Do what keeps counting fast; may be done by several processes, and at any time."""

    def check(self) -> None:
        """Read something. Raises: StorageUnavailable."""


class Analysis(Protocol):
    """A picture being looked at."""

    def result(self) -> Findings:
        """Wait and return what was found.

        Raises: UnsupportedFormat, CorruptImage, TruncatedImage, TooManyPixels, TooManyFrames,
            or Busy when no worker could be had.
        """

    def cancel(self) -> None:
        """Give the analysis up instead of asking for its result."""


class ImageEngine(Protocol):
    """What looks at pictures, away from this process."""

    def analyse(self, data: bytes, expected: Format, strip: Strip = Strip.NONE) -> Analysis:
        """Begin to look at data, all of it, and remove from it what strip says; returns at once.

        Raises: Busy when the queue is full.
        """

    def check(self) -> None:
        """Raise StorageUnavailable when no worker lives."""


class Clock(Protocol):
    """The time of day."""

    def now_ms(self) -> int:
        """Return Unix milliseconds."""

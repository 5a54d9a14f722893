"""What the use cases are asked with and answer, beside images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .fingerprint import distance
from .formats import Format
from .image import Image
from .ports import FormatTotals
from .quota import Used


@dataclass(frozen=True)
class Delivery:
    """How a request came.

    key: what a redelivery of it has in common with it, "" if nothing. is_unique: whether no other
    request ever has this key. owner: who its caller says that it is from, whatever that is; None
    if nobody.
    """

    key: str = ""
    redelivered: bool = False
    arrived_ms: int = 0
    is_unique: bool = False
    owner: object = None


@dataclass(frozen=True)
class Usage:
    """What the store holds, by format, the bytes free beside it, and those of kept variants.

    free_bytes: None where nobody can tell.

    of_owner: what the owner who asks has of it.
    """

    by_format: Mapping[Format, FormatTotals]
    free_bytes: int | None
    cached_bytes: int = 0
    owner: str = ""
    of_owner: Used = field(default_factory=Used)

    @property
    def files(self) -> int:
        """Number of images."""
        return sum(totals.files for totals in self.by_format.values())

    @property
    def bytes(self) -> int:
        """Their bytes together."""
        return sum(totals.bytes for totals in self.by_format.values())

    @property
    def trashed_files(self) -> int:
        """Number of images in the trash."""
        return sum(totals.trashed_files for totals in self.by_format.values())

    @property
    def trashed_bytes(self) -> int:
        """Their bytes together."""
        return sum(totals.trashed_bytes for totals in self.by_format.values())


@dataclass(frozen=True)
class Match:
    """An image that looks like another. distance: bits of 64; identical: the same bytes."""

    image: Image
    distance: int
    identical: bool

    @classmethod
    def of(cls, one: Image, other: Image) -> Match:
        """Compare two images that have fingerprints."""
        assert one.fingerprint
        assert other.fingerprint
        bits = distance(one.fingerprint.perceptual_hash, other.fingerprint.perceptual_hash)
        return cls(other, bits, one.sha256 == other.sha256)

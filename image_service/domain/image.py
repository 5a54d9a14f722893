"""An image as the catalogue knows it, its id, and how sizes are written for people."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..errors import InvalidImageId
from .description import Description
from .fingerprint import Fingerprint
from .formats import Format

_MADE_RANDOM_CHARACTERS = 20
# [0-9] rather than \d, which takes the digits of every script.
_ID = re.compile(r"(?P<id>img_[0-9]{13}_[a-z0-9]{1,32})(?:\.(?P<extension>[a-z]{3,5}))?")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
_UNITS = ("KB", "MB", "GB", "TB", "PB", "EB")


@dataclass(frozen=True)
class PictureFacts:
    """What looking at a picture's bytes told, after its decode check.

    width, height: px after EXIF orientation, as a viewer shows the picture.
    frames: 1 for a still; orientation: EXIF 1..8 as stored; color_space: "RGB", "CMYK", "Gray"...
    duration_ms: of all frames of an animation together, None for a still.
    """

    format: Format
    width: int
    height: int
    frames: int = 1
    animated: bool = False
    orientation: int = 1
    has_alpha: bool = False
    color_space: str = "RGB"
    duration_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON."""
        return {**vars(self), "format": self.format.value}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PictureFacts:
        """Return the facts that to_json() made values of."""
        return cls(**{**values, "format": Format(values["format"])})


@dataclass(frozen=True)
class Findings:
    """All that looking at a picture told.

    data: what to store instead of what was sent, where something was removed from it.
    removed: what that was, in the words of docs/privacy.md.
    """

    facts: PictureFacts
    description: Description = field(default_factory=Description)
    fingerprint: Fingerprint | None = None
    data: bytes | None = None
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Image:
    """One stored image.

    created_ms: Unix milliseconds, UTC; id begins with it, so that ids are in its order. sha256:
    digest of the stored bytes; sent_sha256: of those that were sent, where something was removed
    from them. fingerprint: None for images of before there were any. duplicate_of: id of the oldest
    image with the same bytes when this one came. description: empty in listings. owner: who sent
    it, "" where nobody is told apart. deleted_ms: when it was put into the trash, None for the
    living. block_digests: as domain.blocks takes them; b"" in listings.
    """

    id: str
    filename: str
    size_bytes: int
    sha256: bytes
    created_ms: int
    facts: PictureFacts
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    description: Description = field(default_factory=Description)
    fingerprint: Fingerprint | None = None
    removed: tuple[str, ...] = ()
    sent_sha256: bytes | None = None
    duplicate_of: str | None = None
    owner: str = ""
    deleted_ms: int | None = None
    # Told by the stored bytes alone, and never to callers.
    block_digests: bytes = field(default=b"", repr=False, compare=False)

    @property
    def blob_name(self) -> str:
        """Name of the stored original: {imageId}.{ext}, ext from the sniffed type."""
        return blob_name(self.id, self.facts.format)

    @property
    def checksum(self) -> str:
        """The digest as replies write it."""
        return checksum_text(self.sha256)

    def without_details(self) -> Image:
        """Return the image as listings have it."""
        return replace(
            self,
            description=Description(),
            removed=(),
            sent_sha256=None,
            duplicate_of=None,
            block_digests=b"",
        )


@dataclass(frozen=True)
class Changes:
    """What is to be changed of an image; None leaves a field as it is."""

    filename: str | None = None
    tags: tuple[str, ...] | None = None
    attributes: Mapping[str, str] | None = None

    def applied_to(self, image: Image) -> Image:
        """Return the image with them."""
        return replace(image, **{k: v for k, v in vars(self).items() if v is not None})


def blob_name(image_id: str, format_: Format) -> str:
    """Return the name of an image's stored original."""
    return f"{image_id}.{format_.extension}"


def image_id_of(name: str) -> str:
    """Return the id of the image whose blob has this name, "" if no image's can have it."""
    try:
        ref = parse_image_ref(name)
    except InvalidImageId:
        return ""
    return ref.id if ref.extension else ""


class Blob(NamedTuple):
    """As much of an image as is needed to find its bytes, and to tell whether they are right.

    has_digests: whether those of its blocks are known.
    """

    id: str
    blob_name: str
    size_bytes: int
    sha256: bytes
    is_trashed: bool
    has_digests: bool = True

    @classmethod
    def of(cls, image: Image) -> Blob:
        """Return an image's."""
        is_trashed = image.deleted_ms is not None
        return cls(
            image.id,
            image.blob_name,
            image.size_bytes,
            image.sha256,
            is_trashed,
            bool(image.block_digests),
        )


def checksum_text(sha256: bytes) -> str:
    """Return a digest as callers and replies write it: "sha256:…"."""
    return f"sha256:{sha256.hex()}"


def make_image_id(now_ms: int, random_bytes: bytes) -> str:
    """Return a new id, img_{now_ms}_{20 of [a-z0-9]}, about 103 bits of the caller's randomness.

    Args:
        now_ms: Unix milliseconds, 13 digits.
        random_bytes: 20 bytes or more from a cryptographic source.
    """
    number = int.from_bytes(random_bytes, "big")
    letters = []
    for _ in range(_MADE_RANDOM_CHARACTERS):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return f"img_{now_ms:013d}_{''.join(letters)}"


class ImageRef(NamedTuple):
    """What a caller names an image by: its bare id, and the extension if one was given."""

    id: str
    extension: str | None


def parse_image_ref(text: object) -> ImageRef:
    """Return the parts of `img_…` or `img_….{ext}`.

    The only way caller text becomes an id; both parts are safe inside a file name.
    Raises: InvalidImageId if text is anything else.
    """
    match = _ID.fullmatch(text) if isinstance(text, str) else None
    if not match:
        # Text only is repeated: writing out what else was sent may take a second.
        raise InvalidImageId(text[:80] if isinstance(text, str) else type(text).__name__)
    return ImageRef(match["id"], match["extension"])


def human_size(size_bytes: int) -> str:
    """Return size_bytes for people: "512 B", "99.46 KB"; 1024-based, two decimals.

    What rounds to 1024.00 moves up a unit.
    """
    if size_bytes < 1024:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in _UNITS:
        value /= 1024
        if round(value, 2) < 1024 or unit == _UNITS[-1]:
            break
    return f"{value:.2f} {unit}"


def month_of(ms: int) -> str:
    """Return the month of Unix milliseconds in UTC, as 2026-01."""
    return rfc3339(ms)[:7]


def rfc3339(ms: int) -> str:
    """Return Unix milliseconds as RFC 3339 in UTC, with milliseconds and Z."""
    # Not fromtimestamp(ms / 1000): a float loses milliseconds in the far future.
    moment = _EPOCH + dt.timedelta(milliseconds=ms)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""What the client answers: frozen dataclasses with every field of the service's replies.

Sizes are bytes, pixels are as a viewer shows the picture, times are aware datetimes. `extra` holds
what a newer service tells and this version has no field for, by its name on the wire.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .fields import moment, read, wire


@dataclass(frozen=True, kw_only=True)
class Result:
    """What all results have: extra, the fields that this version does not know."""

    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Image(Result):
    """An image as listings tell it. deleted_at: when it was put into the trash, if it is there."""

    id: str = wire("imageId", default="")
    filename: str = wire(default="")
    url: str = wire(default="")
    format: str = wire(default="")
    size: str = wire(default="")
    size_bytes: int = wire(default=0)
    width: int = wire(default=0)
    height: int = wire(default=0)
    created_at: dt.datetime | None = wire(convert=moment)
    thumbhash: str | None = wire()
    tags: tuple[str, ...] = wire(convert=tuple, default=())
    deleted_at: dt.datetime | None = wire(convert=moment)


@dataclass(frozen=True, kw_only=True)
class ImageDetails(Image):
    """An image with all that is known of it; see get_image in docs/rpc.md for each field."""

    dimensions: str = wire(default="")
    content_type: str = wire(default="")
    checksum: str = wire(default="")
    sent_checksum: str = wire(default="")
    removed_metadata: tuple[str, ...] = wire(convert=tuple, default=())
    animated: bool = wire(default=False)
    frames: int = wire(default=1)
    duration_ms: int | None = wire()
    loop_count: int | None = wire()
    orientation: int = wire(default=1)
    has_alpha: bool = wire(default=False)
    color_space: str = wire(default="")
    icc_profile: str | None = wire()
    bit_depth: int | None = wire()
    dpi: tuple[float, float] | None = wire(convert=tuple)
    exif: Mapping[str, Any] = wire(convert=dict)
    location: Mapping[str, float] | None = wire()
    title: str | None = wire()
    description: str | None = wire()
    creator: tuple[str, ...] = wire(convert=tuple, default=())
    keywords: tuple[str, ...] = wire(convert=tuple, default=())
    rights: str | None = wire()
    comment: str | None = wire()
    dominant_color: str | None = wire()
    perceptual_hash: str | None = wire()
    attributes: Mapping[str, str] = wire(convert=dict)
    owner: str | None = wire()


@dataclass(frozen=True, kw_only=True)
class UploadedImage(ImageDetails):
    """An image just stored. duplicate_of: the oldest image of the same bytes, if there is one."""

    message: str = wire(default="")
    duplicate_of: str | None = wire()


@dataclass(frozen=True, kw_only=True)
class SimilarImage(Image):
    """A look-alike. distance: bits of 64 that differ; identical: the same bytes."""

    distance: int = wire(default=0)
    identical: bool = wire(default=False)


def _images(listed: list[dict[str, Any]]) -> tuple[Image, ...]:
    return tuple(read(Image, each) for each in listed)


@dataclass(frozen=True, kw_only=True)
class ImagePage(Result):
    """One page of a listing. next_cursor: what the next page begins behind, None after the last."""

    images: tuple[Image, ...] = wire(convert=_images, default=())
    total: int = wire(default=0)
    total_is_exact: bool = wire(default=True)
    next_cursor: str | None = wire()


@dataclass(frozen=True, kw_only=True)
class Deletion(Result):
    """A deletion. restorable_until: None where it is for good."""

    image_id: str = wire(default="")
    message: str = wire(default="")
    restorable_until: dt.datetime | None = wire(convert=moment)


@dataclass(frozen=True, kw_only=True)
class Address(Result):
    """Where a picture is served. expires_at: None for ever."""

    image_id: str = wire(default="")
    url: str = wire(default="")
    expires_at: dt.datetime | None = wire(convert=moment)


@dataclass(frozen=True, kw_only=True)
class Download:
    """A picture's file that was written down. path: None where it went into a file object."""

    image_id: str
    content_type: str
    size_bytes: int
    path: Path | None = None


@dataclass(frozen=True, kw_only=True)
class FormatTotals(Result):
    """How many images of a format there are, and their bytes."""

    files: int = wire(default=0)
    bytes: int = wire(default=0)


@dataclass(frozen=True, kw_only=True)
class OwnerInfo(Result):
    """What an owner has stored and may store; a quota of None is none."""

    owner: str = wire(default="")
    total_files: int = wire(default=0)
    total_bytes: int = wire(default=0)
    quota_bytes: int | None = wire()
    quota_files: int | None = wire()


def _by_format(told: Mapping[str, Any]) -> dict[str, FormatTotals]:
    return {name: read(FormatTotals, each) for name, each in told.items()}


def _owner(told: Mapping[str, Any]) -> OwnerInfo:
    return read(OwnerInfo, told)


@dataclass(frozen=True, kw_only=True)
class StorageInfo(Result):
    """What the store holds; a quota of None is none."""

    total_files: int = wire(default=0)
    total_size: str = wire(default="")
    total_bytes: int = wire(default=0)
    uploads_dir: str = wire(default="")
    free_bytes: int | None = wire(default=0)
    quota_bytes: int | None = wire()
    quota_files: int | None = wire()
    trashed_files: int = wire(default=0)
    trashed_bytes: int = wire(default=0)
    cache_bytes: int = wire(default=0)
    cache_hits: int = wire(default=0)
    cache_misses: int = wire(default=0)
    by_format: Mapping[str, FormatTotals] = wire(convert=_by_format)
    owner: OwnerInfo | None = wire(convert=_owner)


@dataclass(frozen=True, kw_only=True)
class Check(Result):
    """How one thing that the service depends on is: "ok" or "failed", and why."""

    status: str = wire(default="")
    message: str = wire(default="")


def _checks(told: Mapping[str, Any]) -> dict[str, Check]:
    return {name: read(Check, each) for name, each in told.items()}


@dataclass(frozen=True, kw_only=True)
class Health(Result):
    """How the service is: status "ok", "degraded" or "unavailable"."""

    status: str = wire(default="unavailable")
    service: str = wire(default="")
    version: str = wire(default="")
    timestamp: dt.datetime | None = wire(convert=moment)
    uptime_s: float = wire("uptimeSeconds", default=0.0)
    checks: Mapping[str, Check] = wire(convert=_checks)
    integrity: Mapping[str, Any] | None = wire()
    events: Mapping[str, Any] | None = wire()

    @property
    def is_ok(self) -> bool:
        """Whether everything works."""
        return self.status == "ok"


def image_from(cls: type[Any], reply: Mapping[str, Any]) -> Any:
    """Return a reply with `metadata` in it as an image of this class."""
    told = {name: value for name, value in reply.items() if name != "metadata"}
    return read(cls, {**(reply.get("metadata") or {}), **told})

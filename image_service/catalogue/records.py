"""Images as rows of the table, and as the snapshots that answered requests keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..domain.filename import fold
from ..domain.formats import Format
from ..domain.image import Image, PictureFacts

_FACTS = ("width", "height", "frames", "animated", "orientation", "has_alpha", "color_space")


def to_row(image: Image) -> dict[str, Any]:
    """Return the columns of image."""
    return {
        "id": image.id,
        "created_ms": image.created_ms,
        "filename": image.filename,
        "filename_folded": fold(image.filename),
        "size_bytes": image.size_bytes,
        "sha256": image.sha256,
        "format": image.facts.format.value,
        **{name: getattr(image.facts, name) for name in _FACTS},
        "tags": list(image.tags),
        "attributes": dict(image.attributes),
    }


def from_row(row: Mapping[str, Any]) -> Image:
    """Return the image that to_row() made row of."""
    return Image(
        id=row["id"],
        filename=row["filename"],
        size_bytes=row["size_bytes"],
        sha256=bytes(row["sha256"]),
        created_ms=row["created_ms"],
        facts=PictureFacts(format=Format(row["format"]), **{name: row[name] for name in _FACTS}),
        tags=tuple(row["tags"]),
        attributes=row["attributes"],
    )


def to_snapshot(image: Image) -> dict[str, Any]:
    """Return image as JSON."""
    return {**to_row(image), "sha256": image.sha256.hex()}


def from_snapshot(snapshot: Mapping[str, Any]) -> Image:
    """Return the image that to_snapshot() made snapshot of."""
    return from_row({**snapshot, "sha256": bytes.fromhex(snapshot["sha256"])})

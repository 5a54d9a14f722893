"""Images as rows of the table, and as the snapshots that answered requests keep."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ..domain.description import Description
from ..domain.filename import fold
from ..domain.fingerprint import BANDS, HASH_BITS, Fingerprint, bands
from ..domain.formats import Format
from ..domain.image import Image, PictureFacts

_FACTS = (
    "width", "height", "frames", "animated", "orientation", "has_alpha", "color_space",
    "duration_ms",
)  # fmt: skip
_UNTOLD = vars(Description())
_SIGN = 1 << (HASH_BITS - 1)
_BAND_COLUMNS = tuple(f"hash_band_{band}" for band in range(BANDS))


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
        "owner": image.owner or None,
        "deleted_ms": image.deleted_ms,
        **_fingerprint_columns(image.fingerprint),
        "block_digests": image.block_digests or None,
        "details": _details(image),
    }


def from_row(row: Mapping[str, Any]) -> Image:
    """Return the image that to_row() made row of; without its details where they were not read."""
    details = row.get("details") or {}
    sent = details.get("sent_sha256")
    return Image(
        id=row["id"],
        filename=row["filename"],
        size_bytes=row["size_bytes"],
        sha256=bytes(row["sha256"]),
        created_ms=row["created_ms"],
        facts=PictureFacts(format=Format(row["format"]), **{name: row[name] for name in _FACTS}),
        tags=tuple(row["tags"]),
        attributes=row["attributes"],
        description=Description(**details.get("description", {})),
        fingerprint=_fingerprint(row),
        removed=tuple(details.get("removed", ())),
        sent_sha256=bytes.fromhex(sent) if sent else None,
        duplicate_of=details.get("duplicate_of"),
        owner=row["owner"] or "",
        deleted_ms=row["deleted_ms"],
        block_digests=row.get("block_digests") or b"",
    )


def to_snapshot(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of an image as JSON."""
    thumbhash = row["thumbhash"]
    return {
        **row,
        "sha256": row["sha256"].hex(),
        "thumbhash": thumbhash and base64.b64encode(thumbhash).decode(),
        "block_digests": None,  # no answer needs them
    }


def from_snapshot(snapshot: Mapping[str, Any]) -> Image:
    """Return the image that to_snapshot() made snapshot of."""
    thumbhash = snapshot.get("thumbhash")
    new = dict.fromkeys(
        (*_FACTS, "owner", "deleted_ms", *_fingerprint_columns(None))
    )  # an older version's has none
    return from_row(
        {
            **new,
            **snapshot,
            "sha256": bytes.fromhex(snapshot["sha256"]),
            "thumbhash": thumbhash and base64.b64decode(thumbhash),
        }
    )


def signed(perceptual_hash: int) -> int:
    """Return 64 bits as the signed number that databases keep."""
    return perceptual_hash - ((perceptual_hash & _SIGN) << 1)


def unsigned(number: int) -> int:
    """Return the 64 bits that signed() made number of."""
    return number & ((_SIGN << 1) - 1)


def _details(image: Image) -> dict[str, Any]:
    """Return what is not in the other columns, without what is empty."""
    described = vars(image.description)
    told = {name: value for name, value in described.items() if value != _UNTOLD[name]}
    details = {
        "description": told,
        "removed": list(image.removed),
        "sent_sha256": image.sent_sha256 and image.sent_sha256.hex(),
        "duplicate_of": image.duplicate_of,
    }
    return {name: value for name, value in details.items() if value}


def _fingerprint_columns(fingerprint: Fingerprint | None) -> dict[str, Any]:
    if fingerprint is None:
        names = ("dominant_color", "thumbhash", "perceptual_hash", *_BAND_COLUMNS)
        return dict.fromkeys(names)
    return {
        "dominant_color": fingerprint.dominant_color,
        "thumbhash": fingerprint.thumbhash,
        "perceptual_hash": signed(fingerprint.perceptual_hash),
        **dict(zip(_BAND_COLUMNS, bands(fingerprint.perceptual_hash), strict=True)),
    }


def _fingerprint(row: Mapping[str, Any]) -> Fingerprint | None:
    if row["perceptual_hash"] is None:
        return None
    return Fingerprint(
        row["dominant_color"], bytes(row["thumbhash"]), unsigned(row["perceptual_hash"])
    )

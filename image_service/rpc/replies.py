"""The dicts that callers get, field by field as the contract has them."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote

from ..domain.image import Image, checksum_text, human_size, rfc3339
from ..domain.listing import ListQuery
from ..domain.original_url import SignedOriginals
from ..domain.outcomes import Match, Usage
from ..domain.ports import Page
from ..domain.quota import Quota, Quotas
from ..health import HealthReport
from ..variants import CacheCounts
from . import shapes
from .downloads import Download

_NO_METADATA = {"size": "", "format": "", "dimensions": ""}

BLANK_UPLOAD = {
    "success": False, "imageId": "", "filename": "", "url": "", "metadata": None,
    "duplicateOf": None,
}  # fmt: skip
BLANK_IMAGE = {"success": False, "imageId": "", "url": "", "metadata": _NO_METADATA}
BLANK_SIMILAR = {"success": False, "imageId": "", "images": []}
BLANK_FOUND = {"success": False, "imageIds": {}}
BLANK_DELETE = {"success": False, "imageId": "", "restorableUntil": None}
BLANK_URL = {"success": False, "imageId": "", "url": "", "expiresAt": None}
BLANK_DOWNLOAD = {
    "success": False, "imageId": "", "file": b"", "contentType": "", "offset": 0, "totalBytes": 0,
}  # fmt: skip
BLANK_LIST = {
    "success": False, "images": [], "total": 0, "totalIsExact": True, "nextCursor": None,
}  # fmt: skip
BLANK_STORAGE = {
    "success": False, "totalFiles": 0, "totalSize": "0 B", "uploadsDir": "", "totalBytes": 0,
    "freeBytes": 0, "quotaBytes": None, "quotaFiles": None, "trashedFiles": 0, "trashedBytes": 0,
    "cacheBytes": 0, "cacheHits": 0, "cacheMisses": 0, "byFormat": {}, "owner": None,
}  # fmt: skip
BLANK_HEALTH = {
    "success": False, "status": "unavailable", "service": "image_service", "version": "",
    "timestamp": "", "uptimeSeconds": 0, "checks": {},
    "integrity": None, "events": None,
}  # fmt: skip


class Replies:
    """Makes replies whose urls begin with url_prefix."""

    def __init__(self, url_prefix: str, signed: SignedOriginals | None = None) -> None:
        """Args: signed: makes urls of originals where only signed ones are good."""
        self._url_prefix = url_prefix
        self._signed = signed

    def url(self, image: Image) -> str:
        """Return where the original is served."""
        path = self._signed.path(image.id) if self._signed else f"/images/{quote(image.id)}"
        return f"{self._url_prefix}{path}"

    def address(
        self, image: Image, variant: tuple[str, int | None] | None = None
    ) -> shapes.UrlReply:
        """Return get_image_url's reply.

        Args: variant: a variant's path and the Unix time it ends, as Links makes them; None for
            the original.
        """
        if variant is None:
            url, expires_s = self.url(image), self._signed.expires_s() if self._signed else None
        else:
            path, expires_s = variant
            url = self._url_prefix + path
        expires = None if expires_s is None else rfc3339(expires_s * 1000)
        return {"success": True, "imageId": image.id, "url": url, "expiresAt": expires}

    def uploaded(self, image: Image) -> shapes.UploadReply:
        """Return upload_image's reply."""
        return {
            "success": True,
            "imageId": image.id,
            "filename": image.filename,
            "url": self.url(image),
            "message": "Image stored.",
            "metadata": metadata(image),
            "duplicateOf": image.duplicate_of,
        }

    def similar(self, image_id: str, matches: Sequence[Match]) -> shapes.SimilarReply:
        """Return find_similar's reply."""
        found = [self._match(match) for match in matches]
        return {"success": True, "imageId": image_id, "images": found}

    def _match(self, match: Match) -> shapes.SimilarListed:
        listed = self._listed(match.image)
        return {**listed, "distance": match.distance, "identical": match.identical}

    def image(self, image: Image) -> shapes.ImageReply:
        """Return get_image's reply."""
        return {
            "success": True,
            "imageId": image.id,
            "url": self.url(image),
            "metadata": metadata(image),
        }

    def page(self, query: ListQuery, page: Page) -> shapes.ListReply:
        """Return list_images' reply."""
        last = page.images[-1] if page.images and page.has_more else None
        return {
            "success": True,
            "images": [self._listed(image) for image in page.images],
            "total": page.total,
            "totalIsExact": page.total_is_exact,
            "nextCursor": None
            if last is None
            else query.cursor_after(query.order_value(last), last.id),
        }

    def _listed(self, image: Image) -> shapes.Listed:
        return {
            "imageId": image.id,
            "filename": image.filename,
            "size": human_size(image.size_bytes),
            "format": image.facts.format.value,
            "url": self.url(image),
            "sizeBytes": image.size_bytes,
            "width": image.facts.width,
            "height": image.facts.height,
            "createdAt": rfc3339(image.created_ms),
            "thumbhash": _fingerprint(image)["thumbhash"],
            "tags": list(image.tags),
            **_deletion(image),  # type: ignore[typeddict-item]
        }


def _deletion(image: Image) -> shapes.Deletion:
    return {} if image.deleted_ms is None else {"deletedAt": rfc3339(image.deleted_ms)}


def metadata(image: Image) -> shapes.Metadata:
    """Return the metadata object of an image."""
    facts, said = image.facts, image.description
    return {
        "size": human_size(image.size_bytes),
        "format": facts.format.value,
        "dimensions": f"{facts.width}x{facts.height}",
        "filename": image.filename,
        "sizeBytes": image.size_bytes,
        "width": facts.width,
        "height": facts.height,
        "contentType": facts.format.content_type,
        "createdAt": rfc3339(image.created_ms),
        "checksum": image.checksum,
        "sentChecksum": checksum_text(image.sent_sha256 or image.sha256),
        "removedMetadata": list(image.removed),
        "animated": facts.animated,
        "frames": facts.frames,
        "durationMs": facts.duration_ms,
        "loopCount": said.loop_count,
        "orientation": facts.orientation,
        "hasAlpha": facts.has_alpha,
        "colorSpace": facts.color_space,
        "iccProfile": said.icc_profile,
        "bitDepth": said.bit_depth,
        "dpi": said.dpi,
        "exif": dict(said.exif),
        "location": said.location,  # type: ignore[typeddict-item]
        "title": said.title,
        "description": said.description,
        "creator": list(said.creator),
        "keywords": list(said.keywords),
        "rights": said.rights,
        "comment": said.comment,
        **_fingerprint(image),
        "tags": list(image.tags),
        "attributes": dict(image.attributes),
        "owner": image.owner or None,
    }


def _fingerprint(image: Image) -> shapes.Fingerprint:
    """Return an image's fingerprint; nulls for one of before there were any."""
    taken = image.fingerprint
    if taken is None:
        return {"dominantColor": None, "thumbhash": None, "perceptualHash": None}
    return {
        "dominantColor": taken.dominant_color,
        "thumbhash": base64.b64encode(taken.thumbhash).decode(),
        "perceptualHash": f"{taken.perceptual_hash:016x}",
    }


def found(image_ids: Mapping[str, str]) -> shapes.FoundReply:
    """Return find_images' reply."""
    return {"success": True, "imageIds": dict(image_ids)}


def downloaded(part: Download) -> shapes.DownloadReply:
    """Return download_image's reply."""
    return {
        "success": True,
        "imageId": part.image_id,
        "file": part.data,
        "contentType": part.format.content_type,
        "offset": part.offset,
        "totalBytes": part.total_bytes,
    }


def deleted(image: Image, restorable_until_ms: int | None) -> shapes.DeletionReply:
    """Return delete_image's reply."""
    until = None if restorable_until_ms is None else rfc3339(restorable_until_ms)
    message = f"Image moved to the trash, until {until}." if until else "Image deleted."
    return {"success": True, "imageId": image.id, "message": message, "restorableUntil": until}


def storage_info(
    usage: Usage,
    uploads_dir: str,
    counts: CacheCounts | None = None,
    quotas: Quotas | None = None,
) -> shapes.StorageReply:
    """Return get_storage_info's reply."""
    cache, quotas = counts or CacheCounts(), quotas or Quotas()
    by_format: dict[str, shapes.Totals] = {
        format_.value: {"files": totals.files, "bytes": totals.bytes}
        for format_, totals in usage.by_format.items()
        if totals.files
    }
    return {
        "success": True,
        "totalFiles": usage.files,
        "totalSize": human_size(usage.bytes),
        "uploadsDir": uploads_dir,
        "totalBytes": usage.bytes,
        "freeBytes": usage.free_bytes,
        "quotaBytes": quotas.store.bytes or None,
        "quotaFiles": quotas.store.files or None,
        "trashedFiles": usage.trashed_files,
        "trashedBytes": usage.trashed_bytes,
        "cacheBytes": usage.cached_bytes,
        "cacheHits": cache.hits,
        "cacheMisses": cache.misses,
        "byFormat": by_format,
        "owner": _owner(usage, quotas.owner) if usage.owner else None,
    }


def _owner(usage: Usage, quota: Quota) -> shapes.OwnerTotals:
    return {
        "owner": usage.owner,
        "totalFiles": usage.of_owner.files,
        "totalBytes": usage.of_owner.bytes,
        "quotaBytes": quota.bytes or None,
        "quotaFiles": quota.files or None,
    }


def health(
    report: HealthReport,
    *,
    service: str,
    version: str,
    now_ms: int,
    uptime_s: float,
    integrity: shapes.Integrity | None = None,
    events: shapes.Backlog | None = None,
) -> shapes.HealthReply:
    """Return health_check's reply."""
    checks: dict[str, Any] = {
        name: {"status": result.status, **({"message": result.message} if result.message else {})}
        for name, result in report.checks.items()
    }
    return {
        "success": report.status != "unavailable",
        "status": cast(Any, report.status),
        "service": service,
        "version": version,
        "timestamp": rfc3339(now_ms),
        "uptimeSeconds": round(uptime_s, 3),
        "checks": checks,
        "integrity": integrity,
        "events": events,
    }

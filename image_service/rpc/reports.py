"""Replies to what is asked for by RPC and over HTTP, made in one way."""

from __future__ import annotations

import time
from typing import Any, cast

from .. import __version__
from ..application import Application
from ..domain.outcomes import Delivery
from ..manager import StorageManager
from . import replies, shapes

SERVICE_NAME = "image_service"


def health(app: Application) -> shapes.HealthReply:
    """Return health_check's reply."""
    return replies.health(
        app.health.report(),
        service=SERVICE_NAME,
        version=__version__,
        now_ms=app.clock.now_ms(),
        uptime_s=time.monotonic() - app.started_s,
        integrity=cast(Any, app.integrity),
        events=_events(app),
    )


def _events(app: Application) -> shapes.Backlog | None:
    if not app.settings.events:
        return None
    age_s = app.events.oldest_age_s(app.clock.now_ms())
    return {"waiting": app.events.backlog.count, "oldestSeconds": round(age_s, 3)}


def removed(
    manager: StorageManager,
    image_id: object,
    *,
    permanent: bool,
    delivery: Delivery | None = None,
) -> shapes.DeletionReply:
    """Delete an image; return delete_image's reply."""
    image = manager.remove(image_id, permanent=permanent, delivery=delivery)
    return replies.deleted(image, None if permanent else manager.restorable_until_ms(image))


def storage_info(app: Application, owner: object) -> shapes.StorageReply:
    """Return get_storage_info's reply. Args: owner: who asks, None for nobody told apart."""
    settings = app.settings
    uploads_dir = settings.s3_originals or str(settings.upload_dir)
    usage = app.manager.usage(owner)
    return replies.storage_info(usage, uploads_dir, app.cache_counts, settings.quotas)


def stats(app: Application, owner: object) -> dict[str, Any]:
    """Return what charts of the storage need: get_storage_info's reply, and how it came to it."""
    by_month: dict[str, dict[str, Any]] = {}
    for each in app.manager.months():
        month = by_month.setdefault(
            each.month, {"month": each.month, "files": 0, "bytes": 0, "byFormat": {}}
        )
        month["files"] += each.files
        month["bytes"] += each.bytes
        month["byFormat"][each.format.value] = {"files": each.files, "bytes": each.bytes}
    return {
        **storage_info(app, owner),
        "byMonth": list(by_month.values()),
        "lastVerification": app.integrity,
        "lastBackup": app.backups.read(),
    }


def tags(app: Application, prefix: object, limit: object) -> dict[str, Any]:
    """Return the most frequent tags, as StorageManager.tags does."""
    found = app.manager.tags(prefix, limit)
    return {"success": True, "tags": [{"tag": each.tag, "files": each.files} for each in found]}

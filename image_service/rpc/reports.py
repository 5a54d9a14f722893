"""Replies about the service as a whole, whichever way they are asked for."""

from __future__ import annotations

import time
from typing import Any

from .. import __version__
from ..application import Application
from . import replies

SERVICE_NAME = "image_service"


def health(app: Application) -> dict[str, Any]:
    """Return health_check's reply."""
    return replies.health(
        app.health.report(),
        service=SERVICE_NAME,
        version=__version__,
        now_ms=app.clock.now_ms(),
        uptime_s=time.monotonic() - app.started_s,
        integrity=app.integrity,
    )


def storage_info(app: Application, owner: object) -> dict[str, Any]:
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

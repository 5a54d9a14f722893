"""Replies about the service as a whole, whichever way they are asked for."""

from __future__ import annotations

import time
from typing import Any

from .. import __version__
from ..dependencies import Application
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
    uploads_dir = str(settings.upload_dir)
    usage = app.manager.usage(owner)
    return replies.storage_info(usage, uploads_dir, app.cache_counts, settings.quotas)

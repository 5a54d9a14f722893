"""The HTTP API's OpenAPI document, without a service that runs."""

from __future__ import annotations

import warnings
from typing import Any

URL = "http://localhost:3001"


def made() -> dict[str, Any]:
    """Return the document as /api/openapi.json has it with the default settings."""
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    from image_service.service import ImageService
    from image_service.web.api_about import AboutApi
    from image_service.web.api_changes import ChangesApi
    from image_service.web.api_images import ImagesApi
    from image_service.web.api_session import SessionApi
    from image_service.web.api_store import StoreApi
    from image_service.web.api_timeline import TimelineApi
    from image_service.web.openapi import document

    parts: tuple[Any, ...] = (ImagesApi, ChangesApi, SessionApi, StoreApi, TimelineApi, AboutApi)
    # Which routes there are needs none of what answers them.
    routes = [route for part in parts for route in part.__new__(part).routes()]
    return document(ImageService, routes, URL)

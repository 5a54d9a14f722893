"""Errors as application/problem+json (RFC 9457). The only place that knows HTTP status codes."""

from __future__ import annotations

import functools
import inspect
import json
import logging
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response

from ..errors import ImageServiceError, RateLimited
from ..sight.causes import log_cause

_STATUS = {
    "image_not_found": 404,
    "invalid_image_id": 404,
    "invalid_argument": 400,
    "invalid_filename": 400,
    "empty_file": 400,
    "checksum_mismatch": 400,
    "type_mismatch": 415,
    "unsupported_format": 415,
    "corrupt_image": 422,
    "truncated_image": 422,
    "image_too_large": 413,
    "too_many_pixels": 413,
    "too_many_frames": 413,
    "too_many_scans": 413,
    "metadata_too_large": 413,
    "variant_failed": 422,
    "search_too_slow": 422,
    "forbidden": 403,
    "unauthorized": 401,
    "rate_limited": 429,
    "busy": 503,
    "storage_unavailable": 503,
    "storage_full": 507,
    "quota_exceeded": 507,
}
RETRY_AFTER_S = "5"

_log = logging.getLogger(__name__)

Method = TypeVar("Method", bound=Callable[..., Response])


def answers_problems(method: Method) -> Method:
    """Mark an HTTP method whose errors are answers, not failures to be logged."""

    @functools.wraps(method)
    def answering(*args: Any, **kwargs: Any) -> Response:
        try:
            return method(*args, **kwargs)
        except ImageServiceError as exc:
            log_cause(_log, exc)
            return problem(exc)
        except HTTPException as exc:
            return problem(exc)

    # Nameko checks a call's arguments against this before it starts a worker.
    answering.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
    return answering  # type: ignore[return-value]


def status_of(code: str) -> int:
    """Return the HTTP status of an error's code."""
    return _STATUS.get(code, 500)


def problem(exc: Exception) -> Response:
    """Return the problem document for any exception; what is not ours stays unexplained."""
    if isinstance(exc, ImageServiceError):
        status = status_of(exc.code)
        response = _response(status, exc.code, str(exc), exc.details())
        if isinstance(exc, RateLimited):
            response.headers["Retry-After"] = str(exc.retry_after_s)
        if status == 401:
            response.headers["WWW-Authenticate"] = 'Bearer realm="image_service"'
        return response
    if isinstance(exc, HTTPException) and exc.code:
        code = HTTPStatus(exc.code).phrase.lower().replace(" ", "_")
        response = _response(exc.code, code, exc.description or "", {})
        for name, value in exc.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response
    return _response(500, "internal_error", "Internal error.", {})


def _response(status: int, code: str, detail: str, more: dict[str, object]) -> Response:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
    }
    response = Response(json.dumps(body), status=status, content_type="application/problem+json")
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    if status in (429, 503):
        response.headers["Retry-After"] = RETRY_AFTER_S
    return response

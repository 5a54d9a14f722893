"""What a request's conditions and ranges ask for (RFC 9110, 13 and 14), evaluated in its order."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from http import HTTPStatus

from werkzeug.datastructures import Headers
from werkzeug.http import parse_date, parse_etags, unquote_etag

# ASCII digits only, and no more than an int may be made of.
_ONE_RANGE = re.compile(r"bytes=([0-9]{0,99})-([0-9]{0,99})", re.IGNORECASE)


@dataclass(frozen=True)
class Version:
    """What is there: etag is strong and without quotes, modified in whole seconds, UTC."""

    etag: str
    modified: dt.datetime
    size_bytes: int


@dataclass(frozen=True)
class Outcome:
    """How to answer: 200, 206, 304, 412 or 416, and with which bytes, start inclusive."""

    status: HTTPStatus
    start: int = 0
    stop: int = 0


def evaluate(headers: Headers, version: Version, *, has_body: bool) -> Outcome:
    """Return how a GET (has_body) or HEAD with these headers is answered.

    Several ranges, and what is no range, are answered by the whole, as is allowed.
    """
    if not _meets_preconditions(headers, version):
        return Outcome(HTTPStatus.PRECONDITION_FAILED)
    if _is_unchanged(headers, version):
        return Outcome(HTTPStatus.NOT_MODIFIED)
    whole = Outcome(HTTPStatus.OK, 0, version.size_bytes)
    if not has_body or "Range" not in headers or not _allows_part(headers, version):
        return whole
    match = _ONE_RANGE.fullmatch(headers["Range"].strip())
    return _part(match[1], match[2], version.size_bytes) or whole if match else whole


def _meets_preconditions(headers: Headers, version: Version) -> bool:
    if "If-Match" in headers:
        return version.etag in parse_etags(headers["If-Match"])
    limit = parse_date(headers.get("If-Unmodified-Since"))
    return limit is None or version.modified <= limit


def _is_unchanged(headers: Headers, version: Version) -> bool:
    if "If-None-Match" in headers:
        return parse_etags(headers["If-None-Match"]).contains_weak(version.etag)
    since = parse_date(headers.get("If-Modified-Since"))
    return since is not None and version.modified <= since


def _allows_part(headers: Headers, version: Version) -> bool:
    condition = headers.get("If-Range")
    if condition is None:
        return True
    date = parse_date(condition)
    if date is not None:
        return date == version.modified
    # Strong comparison: parts of two versions must never be put together.
    return unquote_etag(condition) == (version.etag, False)


def _part(first: str, last: str, size_bytes: int) -> Outcome | None:
    """Return the outcome for one range, None if it is none (RFC 9110, 14.1.2)."""
    if not first:
        if not last:
            return None
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start = int(first)
        stop = min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= stop:
        return Outcome(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
    return Outcome(HTTPStatus.PARTIAL_CONTENT, start, stop)

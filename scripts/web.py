"""HTTP by the standard library, for asking the service on this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import NamedTuple

TIMEOUT_S = 5.0

# Never by a proxy: what is asked runs on this machine.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Answer(NamedTuple):
    """An HTTP answer, whatever its status."""

    status: int
    headers: Message
    body: bytes


def get(url: str, headers: Mapping[str, str] | None = None, timeout_s: float = TIMEOUT_S) -> Answer:
    """GET a url.

    Raises: OSError when nothing answers (in time).
    """
    request = urllib.request.Request(url, headers=dict(headers or {}))
    try:
        with _OPENER.open(request, timeout=timeout_s) as reply:
            return Answer(reply.status, reply.headers, reply.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def is_ready(base_url: str) -> bool:
    """Return whether the service at `base_url` says that it is ready for work."""
    try:
        return get(f"{base_url}/readyz").status == 200
    except (OSError, ValueError):
        return False

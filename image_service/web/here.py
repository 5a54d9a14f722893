"""Whether a request comes from this very machine: what is open without a key is open to it alone.

The one look for all of it. It is worth something only where the service listens on a loopback
address: see `Settings.is_for_this_machine`.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from ..errors import Forbidden

_OF_PROXIES = frozenset(("forwarded", "via", "x-real-ip", "cf-connecting-ip"))


def is_from_here(request: Request) -> bool:
    """Tell whether it names this machine as such and came through no proxy.

    A page of another site reaches this port, too, by a name of its own that it gives this address:
    its requests have that name in Host.
    """
    return is_loopback(_host(request)) and not any(map(_is_of_proxies, request.headers.keys()))


def check_is_from_here(request: Request) -> None:
    """Refuse unsigned URLs of anybody else. Raises: Forbidden."""
    if not is_from_here(request):
        raise Forbidden(
            "Unsigned URLs are served to this machine alone. Set signing_keys, or "
            "unsigned_variants: allow"
        )


def is_loopback(host: str) -> bool:
    """Tell whether a name or an address, without a port, can only be this machine's."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(request: Request) -> str:
    try:
        return urlsplit(f"//{request.headers.get('Host', '')}").hostname or ""
    except ValueError:
        return ""


def _is_of_proxies(name: str) -> bool:
    lower = name.lower()
    return lower in _OF_PROXIES or lower.startswith("x-forwarded-")

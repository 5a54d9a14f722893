"""Whether a change is asked for by this service's own page, and not by another site's.

A browser sends what it has, a cookie or just its being on this machine, with whatever any page
tells it to send. A bearer token is no such thing: who sends one has it.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from werkzeug.wrappers import Request

from ..errors import Forbidden

CUSTOM_HEADER = "X-Requested-With"
_OF_BROWSERS = ("Sec-Fetch-Site", "Sec-Fetch-Mode", "Origin", "Referer", "Cookie")
_FORM_METHOD = "POST"


def check_same_origin(request: Request, public_url: str) -> None:
    """Refuse what a page of another site may have caused. Raises: Forbidden.

    Args: public_url: what the service's own addresses begin with, "" for what Host says.
    """
    if not _is_same_origin(request, public_url):
        raise Forbidden("A page of another site asked for this. Send an API token instead.")
    is_from_browser = any(name in request.headers for name in _OF_BROWSERS)
    # A form of another site can send neither, not even from a browser that tells no origin.
    is_beyond_forms = request.method != _FORM_METHOD or (
        request.mimetype == "application/json" or CUSTOM_HEADER in request.headers
    )
    if is_from_browser and not is_beyond_forms:
        raise Forbidden(f"Send JSON, or the header {CUSTOM_HEADER}, or an API token.")


def _is_same_origin(request: Request, public_url: str) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:  # no page can set it
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or origin in _own_origins(request, public_url)


def _own_origins(request: Request, public_url: str) -> set[str]:
    host = request.headers.get("Host", "")
    own = {f"http://{host}", f"https://{host}"} if host else set()
    if public_url:
        url = urlsplit(public_url)
        own.add(f"{url.scheme}://{url.netloc}")
    return own

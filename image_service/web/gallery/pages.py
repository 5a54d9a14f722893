"""Answers for the gallery's page and its assets, which are kept in memory, compressed too."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from typing import Final

from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Request, Response

PAGE: Final = "index.html"
ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}
"""Content codings and how files are named that have them, the better one first."""

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
# Names carry a hash of the content, so what is under one never changes.
_FOR_EVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}


@dataclass(frozen=True)
class Asset:
    """One file. bodies: its bytes by content coding, "" for as they are."""

    content_type: str
    etag: str
    bodies: Mapping[str, bytes]


class Gallery:
    """The page and its assets."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        """Args: files: what `make gallery` has built, by name."""
        suffixes = tuple(ENCODINGS.values())
        names = [name for name in files if not name.endswith((*suffixes, ".json"))]
        self._assets = {name: _asset(name, files) for name in names}
        self._page = self._assets.pop(PAGE)

    def page(self, request: Request) -> Response:
        """Return the page. It asks the API for all it shows, so it is the same for everybody."""
        response = _answer(self._page, request)
        headers = response.headers
        headers["Cache-Control"] = "no-cache"
        headers["Content-Security-Policy"] = POLICY
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Referrer-Policy"] = "same-origin"
        headers["X-Frame-Options"] = "DENY"
        return response

    def asset(self, request: Request, name: str) -> Response:
        """Return a script, a stylesheet or an icon. Raises: NotFound."""
        asset = self._assets.get(name)
        if asset is None:
            raise NotFound("There is no such part of the gallery: load the page again.")
        response = _answer(asset, request)
        response.headers["Cache-Control"] = _FOR_EVER
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


def built() -> Gallery:
    """Return the gallery as it is in this package."""
    folder = resources.files(__package__) / "static"
    return Gallery({file.name: file.read_bytes() for file in folder.iterdir()})


def _asset(name: str, files: Mapping[str, bytes]) -> Asset:
    plain = files[name]
    bodies = {"": plain}
    for coding, suffix in ENCODINGS.items():
        if name + suffix in files:
            bodies[coding] = files[name + suffix]
    return Asset(_content_type(name), sha256(plain).hexdigest()[:32], bodies)


def _content_type(name: str) -> str:
    guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
    by_suffix = _TYPES.get(name[name.rfind(".") :])
    return by_suffix or (f"{guessed}; charset=utf-8" if guessed == "text/html" else guessed)


def _answer(asset: Asset, request: Request) -> Response:
    accepted = request.accept_encodings
    codings = [coding for coding in ENCODINGS if coding in asset.bodies and accepted[coding] > 0]
    coding = codings[0] if codings else ""
    response = Response(asset.bodies[coding], content_type=asset.content_type)
    headers = response.headers
    if coding:
        headers["Content-Encoding"] = coding
    if len(asset.bodies) > 1:
        headers["Vary"] = "Accept-Encoding"
    headers["X-Content-Type-Options"] = "nosniff"
    response.set_etag(f"{asset.etag}-{coding}" if coding else asset.etag)
    return response.make_conditional(request)

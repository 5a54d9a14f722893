"""Variants over HTTP, at imgproxy's URLs: found, or made once for all who ask."""

from __future__ import annotations

import functools
import socket
from collections.abc import Callable, Mapping

from cachetools import LRUCache
from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import ClientDisconnected
from werkzeug.http import parse_accept_header
from werkzeug.wrappers import Request, Response

from ..domain.formats import Format
from ..domain.negotiation import NEGOTIATED
from ..domain.signing import Signer
from ..domain.transform import Transform
from ..domain.transform_options import Asked
from ..domain.variant_url import VariantRequest, read_path
from ..errors import Forbidden
from ..flights import Abandoned, Flights
from ..making import make_shared
from ..variants import Variant, Variants, Wanted
from .balance import NEEDED_WORKER
from .caching import at_most
from .conditions import Version
from .delivery import Content, Originals, Sender, disposition
from .here import check_is_from_here

_PREFIX = "/img/"
_PATHS_REMEMBERED = 4096
_BYTES_PER_ENTRY = 4096

_Key = tuple[str, tuple[Format, ...]]
"""A path, and what of NEGOTIATED the client takes."""


class VariantPages:
    """Answers GET and HEAD for variants."""

    def __init__(
        self,
        variants: Variants,
        at_once: Variants,
        flights: Flights[Variant | None],
        originals: Originals,
        sender: Sender,
        *,
        signer: Signer,
        presets: Mapping[str, str],
        cache_control: str,
        memory_bytes: int,
        is_open_here: bool,
        now_s: Callable[[], int],
    ) -> None:
        """Args:
        memory_bytes: how much of what is asked for often stays in memory.
        at_once: the same variants, for what is cheap enough to be asked on the hub.
        is_open_here: whether unsigned URLs are believed because only this machine can ask.
        now_s: Unix time.
        """
        self._variants = variants
        self._flights = flights
        self._originals = originals
        self._sender = sender
        self._cache_control = cache_control
        self._is_open_here = is_open_here
        self._at_once = at_once
        self._now_s = now_s
        self._remembered: LRUCache[_Key, tuple[Wanted, Variant]] = LRUCache(
            memory_bytes, getsizeof=lambda found: found[1].size_bytes + _BYTES_PER_ENTRY
        )
        # What a path asks for never changes; only its time may be over.
        self._read = functools.lru_cache(_PATHS_REMEMBERED)(
            functools.partial(read_path, signer=signer, presets=dict(presets))
        )

    def variant(self, request: Request) -> Response:
        """Return the answer with a variant's bytes.

        Raises: Forbidden, InvalidArgument, InvalidImageId, ImageNotFound, ImageDamaged,
            TooManyPixels, TooManyFrames, VariantFailed, Busy, StorageUnavailable;
            PreconditionFailed, RequestedRangeNotSatisfiable, ClientDisconnected.
        """
        if self._is_open_here:
            check_is_from_here(request)
        path = _raw_path(request)
        wanted = self._read(path)
        asked = wanted.asked
        if asked.expires_s and asked.expires_s <= self._now_s():
            raise Forbidden("The URL's time is over. Ask for a new one.")
        if asked.is_raw:
            return self._raw(request, wanted)
        return self._made(request, wanted, path)

    def _made(self, request: Request, wanted: VariantRequest, path: str) -> Response:
        asked = wanted.asked
        source = wanted.source
        name = source.id if source.extension is None else f"{source.id}.{source.extension}"
        taken = _taken(request.headers.get("Accept", ""))
        key = (path, taken)
        found, variant = self._found(key, name, asked.transform)
        if asked.skips(found.image.facts.format):
            if variant:
                variant.close()
            return self._raw(request, wanted)
        if variant is None:
            find = functools.partial(self._variants.find, name, asked.transform, taken)
            found, variant = self._make(request, found, find)
        self._remember(key, found, variant)
        response = self._sender.send(request, self._content(found, variant, asked))
        if found.resolved.varies:
            response.headers["Vary"] = "Accept"
        return response

    def _found(self, key: _Key, name: str, transform: Transform) -> tuple[Wanted, Variant | None]:
        """Return what a client is to get, and that if it is there."""
        remembered = self._remembered.get(key)
        if remembered and self._at_once.is_current(remembered[0]):
            return remembered
        _, taken = key
        wanted = self._at_once.glance(name, transform, taken)
        return (wanted, None) if wanted else self._variants.find(name, transform, taken)

    def _remember(self, key: _Key, found: Wanted, variant: Variant) -> None:
        room = self._remembered.maxsize
        is_small = variant.size_bytes + _BYTES_PER_ENTRY <= room
        if isinstance(variant.content, bytes) and is_small:
            self._remembered[key] = (found, variant)

    def _make(
        self,
        request: Request,
        wanted: Wanted,
        find: Callable[[], tuple[Wanted, Variant | None]],
    ) -> tuple[Wanted, Variant]:
        request.environ[NEEDED_WORKER] = True
        is_wanted = functools.partial(_is_there, request)
        try:
            return make_shared(self._variants, self._flights, wanted, find, is_wanted)
        except Abandoned:
            raise ClientDisconnected from None

    def _raw(self, request: Request, wanted: VariantRequest) -> Response:
        asked = wanted.asked
        return self._originals.answer(
            request,
            wanted.source.id,
            self._kept_for(asked),
            is_attachment=bool(asked.is_attachment),
            filename=asked.filename,
        )

    def _content(self, wanted: Wanted, variant: Variant, asked: Asked) -> Content:
        stem = asked.filename or wanted.image.filename.rpartition(".")[0] or wanted.image.filename
        filename = stem if asked.filename and "." in stem else f"{stem}.{variant.format.extension}"
        return Content(
            variant.content,
            Version(variant.etag, variant.made, variant.size_bytes),
            variant.format.content_type,
            disposition(filename, attachment=bool(asked.is_attachment)),
            self._kept_for(asked),
            path=variant.path and f"variants/{variant.path}",
        )

    def _kept_for(self, asked: Asked) -> str:
        """Return Cache-Control: nobody may keep a variant for longer than its URL is good for."""
        if not asked.expires_s:
            return self._cache_control
        return at_most(self._cache_control, asked.expires_s - self._now_s())


def _raw_path(request: Request) -> str:
    """Return what follows /img/ as it stands in the URL: that is what was signed."""
    raw: str = request.environ.get("RAW_PATH_INFO") or request.path
    return raw.removeprefix(_PREFIX)


@functools.lru_cache(1024)
def _taken(accept: str) -> tuple[Format, ...]:
    """Return the formats that a client names in Accept; "anything" does not name them."""
    named = {kind for kind, quality in parse_accept_header(accept, MIMEAccept) if quality > 0}
    return tuple(format_ for format_ in NEGOTIATED if format_.content_type in named)


def _is_there(request: Request) -> bool:
    """Tell whether the client still waits."""
    get_socket = getattr(request.environ.get("wsgi.input"), "get_socket", None)
    if get_socket is None:
        return True
    try:
        return bool(get_socket().fd.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return True
    except (OSError, AttributeError):
        return False

"""The bodies of requests: read no further than their limit, and no longer than they may take."""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator
from typing import Any

import eventlet
from eventlet.wsgi import ChunkReadError
from werkzeug.exceptions import (
    BadRequest,
    ClientDisconnected,
    RequestTimeout,
    UnsupportedMediaType,
)
from werkzeug.wrappers import Request

from ..errors import ImageTooLarge, InvalidArgument

_CHUNK_BYTES = 64 * 1024
_MAX_DIGITS = 20
HANG_UP = "image_service.hang_up"
"""The environ's entry that closes the connection after the answer: there may be more to come."""


class Bodies:
    """Reads bodies."""

    def __init__(self, *, idle_timeout_s: float, max_json_bytes: int) -> None:
        """Args: idle_timeout_s: in which each 64 KiB must come."""
        self._idle_timeout_s = idle_timeout_s
        self._max_json_bytes = max_json_bytes

    def json(self, request: Request, names: Collection[str]) -> dict[str, Any]:
        """Return the JSON object that is the body.

        Args: names: what it may hold.
        Raises: InvalidArgument, ImageTooLarge; UnsupportedMediaType, and as chunks().
        """
        if request.mimetype != "application/json":
            hang_up(request)
            raise UnsupportedMediaType("Send JSON, as Content-Type: application/json.")
        parts = self.chunks(request, "max_call_bytes", self._max_json_bytes)
        found = _decoded(b"".join(parts))
        unknown = sorted(found.keys() - set(names))
        if unknown:
            why = f"there is no such field here, only: {', '.join(names)}"
            raise InvalidArgument(unknown[0][:40], why)
        return found

    def chunks(
        self, request: Request, setting: str, max_bytes: int, *, spare_bytes: int = 0
    ) -> Generator[bytes]:
        """Yield the body as it comes.

        Args:
            setting, max_bytes: the limit, and what it is called.
            spare_bytes: how much more there may be around what is limited.
        Raises: ImageTooLarge, before anything is read where the head says so; RequestTimeout,
            ClientDisconnected, BadRequest. The connection ends then.
        """
        try:
            yield from self._chunks(request, setting, max_bytes, spare_bytes)
        except BaseException:  # GeneratorExit, too: who reads no further has had enough
            hang_up(request)
            raise

    def _chunks(
        self, request: Request, setting: str, max_bytes: int, spare_bytes: int
    ) -> Iterator[bytes]:
        told = int(request.environ.get("CONTENT_LENGTH") or 0)
        if told > max_bytes + spare_bytes:
            raise ImageTooLarge(setting, max_bytes, told)
        read_bytes = 0
        while chunk := self._next(request):
            read_bytes += len(chunk)
            if read_bytes > max_bytes + spare_bytes:
                raise ImageTooLarge(setting, max_bytes, read_bytes)
            yield chunk
            # What has come already is read without waiting: others have their turn here.
            eventlet.sleep(0)
        if read_bytes < told:
            raise ClientDisconnected

    def _next(self, request: Request) -> bytes:
        try:
            with eventlet.Timeout(self._idle_timeout_s):
                chunk: bytes = request.environ["wsgi.input"].read(_CHUNK_BYTES)
        except (eventlet.Timeout, TimeoutError):
            raise RequestTimeout("The body came too slowly.") from None
        except ChunkReadError:
            raise BadRequest("The body's chunks cannot be read.") from None
        except OSError:
            raise ClientDisconnected from None
        return chunk


def hang_up(request: Request) -> None:
    """Close the connection after the answer."""
    request.environ.get(HANG_UP, lambda: None)()


def _decoded(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data, parse_int=_whole, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise InvalidArgument("body", "it is not JSON") from None
    if not isinstance(found, dict):
        raise InvalidArgument("body", "it must be a JSON object")
    return found


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:  # a million of them take seconds
        raise ValueError("too many digits")
    return int(digits)


def _no_number(name: str) -> float:
    raise ValueError(name)

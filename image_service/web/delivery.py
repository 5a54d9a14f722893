"""Files over HTTP: cached, in ranges, harmless to the browser, never whole in memory."""

from __future__ import annotations

import datetime as dt
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO
from urllib.parse import quote

from werkzeug.exceptions import PreconditionFailed, RequestedRangeNotSatisfiable
from werkzeug.wrappers import Request, Response

from ..domain.blocks import BLOCK_BYTES
from ..domain.filename import base_name
from ..domain.image import Image
from ..errors import ImageDamaged, StorageUnavailable
from ..manager import StorageManager
from .conditions import Outcome, Version, evaluate

_log = logging.getLogger(__name__)

_CHUNK_BYTES = BLOCK_BYTES
_SAFE_IN_TOKEN = "!#$&+-.^_`|~"  # noqa: S105 - RFC 8187 attr-char beside letters and digits

OffHubCall = Callable[..., Any]
"""Runs a blocking function with its arguments away from the green threads."""


class BlobStream:
    """Bytes start..stop of an open file, read away from the hub as the client takes them."""

    def __init__(self, file: BinaryIO, start: int, stop: int, *, call: OffHubCall) -> None:
        self._file = file
        self._at, self._stop = start, stop
        self._call = call
        self._first: bytes | None = None

    def begin(self) -> None:
        """Read the first bytes before anything is answered. Raises: ImageDamaged, OSError."""
        if self._at < self._stop:
            self._first = self._call(self._read)

    def __iter__(self) -> BlobStream:
        return self

    def __next__(self) -> bytes:
        if self._at >= self._stop:
            raise StopIteration
        chunk, self._first = self._first, None
        if chunk is None:
            chunk = self._next()
        if not chunk:
            # Ending early would let the next answer on this connection pass for the rest.
            _log.error("a file ended before its size; the connection is cut")
            raise OSError("the file is shorter than it was")
        self._at += len(chunk)
        return chunk

    def _next(self) -> bytes:
        try:
            chunk: bytes = self._call(self._read)
        except (ImageDamaged, StorageUnavailable) as exc:
            _log.error("%s The connection is cut", exc)
            raise OSError("the file cannot be read on") from None
        return chunk

    def _read(self) -> bytes:
        self._file.seek(self._at)
        # To the end of a block: two halves of blocks would be two blocks to check.
        left_in_block = _CHUNK_BYTES - self._at % _CHUNK_BYTES
        return self._file.read(min(left_in_block, self._stop - self._at))

    def close(self) -> None:
        """Close the file; called when the answer is sent or the client has gone."""
        self._file.close()


@dataclass(frozen=True)
class Content:
    """What is sent: bytes or an open file, what they are, and how they may be kept.

    path: where a web server in front has the same file, below accel_prefix; "" for nowhere.
    """

    body: bytes | BinaryIO
    version: Version
    content_type: str
    disposition: str
    cache_control: str
    path: str = ""

    def close(self) -> None:
        """Close the file, if there is one."""
        if not isinstance(self.body, bytes):
            self.body.close()


class Sender:
    """Sends files: cached, in ranges, harmless to the browser."""

    def __init__(self, call_off_hub: OffHubCall, *, accel_prefix: str = "") -> None:
        """Args: accel_prefix: have a web server in front send what is below it there."""
        self._call_off_hub = call_off_hub
        self._accel_prefix = accel_prefix

    def send(self, request: Request, content: Content) -> Response:
        """Return the answer with a file's bytes, or 304 or 206 as the request asks.

        The file is closed when the answer is sent, or when there is none.
        Raises: PreconditionFailed, RequestedRangeNotSatisfiable.
        """
        try:
            return self._answer(request, content)
        except BaseException:
            content.close()
            raise

    def _answer(self, request: Request, content: Content) -> Response:
        if self._accel_prefix and content.path:
            return self._handed_over(content)
        version = content.version
        outcome = evaluate(request.headers, version, has_body=request.method != "HEAD")
        if outcome.status == 412:
            raise PreconditionFailed("The picture is not the version that the request asks for.")
        if outcome.status == 416:
            size = version.size_bytes
            why = f"The picture has {size} bytes; ask for a range within."
            raise RequestedRangeNotSatisfiable(size, description=why)
        if outcome.status == 304:
            content.close()
            response = Response(status=304)
            del response.headers["Content-Type"]
        else:
            has_body = request.method != "HEAD"
            response = self._with_body(content, outcome, has_body=has_body)
        response.set_etag(version.etag)
        response.last_modified = version.modified
        response.headers["Cache-Control"] = content.cache_control
        return response

    def _handed_over(self, content: Content) -> Response:
        """Return an answer without a body, for which the web server in front sends the file.

        Conditions and ranges are its to look at: it has an ETag of its own.
        """
        content.close()
        response = Response(content_type=content.content_type)
        headers = response.headers
        headers["X-Accel-Redirect"] = f"{self._accel_prefix}/{content.path}"
        headers["Content-Disposition"] = content.disposition
        headers["Cache-Control"] = content.cache_control
        return response

    def _with_body(self, content: Content, outcome: Outcome, *, has_body: bool) -> Response:
        start, stop = outcome.start, outcome.stop
        body: list[bytes] | BlobStream
        if isinstance(content.body, bytes):
            body = [content.body[start:stop]]
        else:
            body = BlobStream(content.body, start, stop, call=self._call_off_hub)
            if has_body:
                body.begin()
        response = Response(
            body,
            status=outcome.status,
            direct_passthrough=True,
            content_type=content.content_type,
        )
        headers = response.headers
        headers["Content-Length"] = str(stop - start)
        headers["Accept-Ranges"] = "bytes"
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
        headers["Content-Disposition"] = content.disposition
        if outcome.status == 206:
            size_bytes = content.version.size_bytes
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
        return response


class Elsewhere:
    """Sends clients to where the bytes are: past our checks of them, past our headers."""

    def __init__(self, signed_url: Callable[[str], str], ttl_s: float) -> None:
        """Args: signed_url: returns an address, good for ttl_s, or "" where a blob has none."""
        self._signed_url, self._ttl_s = signed_url, ttl_s

    def response(self, image: Image) -> Response | None:
        """Return the answer that says where an image is, None where it must be sent from here."""
        url = self._signed_url(image.blob_name)
        if not url:
            return None
        response = Response(status=307)
        response.headers["Location"] = url
        response.headers["Cache-Control"] = f"private, max-age={int(self._ttl_s / 2)}"
        return response


class Originals:
    """Answers GET and HEAD for originals."""

    def __init__(
        self,
        manager: StorageManager,
        sender: Sender,
        admit: Callable[[Request, str], str],
        elsewhere: Elsewhere | None = None,
    ) -> None:
        """Args: admit: returns an answer's Cache-Control, or refuses the request.

        elsewhere: where clients are sent to instead of being answered.
        """
        self._elsewhere = elsewhere
        self._manager = manager
        self._sender = sender
        self._admit = admit

    def original(self, request: Request, image_id: str) -> Response:
        """Return the answer with an image's bytes, or 304 or 206 as the request asks.

        Raises: InvalidImageId, ImageNotFound, ImageDamaged, StorageUnavailable, Unauthorized,
            Forbidden; PreconditionFailed, RequestedRangeNotSatisfiable.
        """
        cache_control = self._admit(request, image_id)
        is_attachment = request.args.get("download") in ("1", "true")
        return self.answer(request, image_id, cache_control, is_attachment=is_attachment)

    def answer(
        self,
        request: Request,
        image_id: str,
        cache_control: str,
        *,
        is_attachment: bool,
        filename: str = "",
    ) -> Response:
        """Return the same, with headers as told; filename: "" for the image's own."""
        if self._elsewhere and request.method == "GET" and not (is_attachment or filename):
            response = self._elsewhere.response(self._manager.get(image_id))
            if response:
                return response
        image, file = self._manager.open(image_id)
        if file.seek(0, os.SEEK_END) != image.size_bytes:
            file.close()
            raise ImageDamaged(image.id)
        content = Content(
            file,
            _version(image),
            image.facts.format.content_type,
            disposition(filename or image.filename, attachment=is_attachment),
            cache_control,
            path=f"originals/{image.blob_name}" if self._manager.is_there(image) else "",
        )
        return self._sender.send(request, content)


def _version(image: Image) -> Version:
    modified = dt.datetime.fromtimestamp(image.created_ms // 1000, dt.timezone.utc)
    return Version(image.sha256.hex(), modified, image.size_bytes)


def disposition(filename: str, *, attachment: bool) -> str:
    """Return a Content-Disposition that gives the original name in any script (RFC 6266)."""
    kind = "attachment" if attachment else "inline"
    name = base_name(filename) or "image"
    ascii_name = "".join(c if c.isascii() and c.isprintable() else "_" for c in name)
    ascii_name = ascii_name.replace("\\", "_").replace('"', "_").replace("%", "_")
    encoded = quote(name, safe=_SAFE_IN_TOKEN)
    return f"{kind}; filename=\"{ascii_name}\"; filename*=UTF-8''{encoded}"

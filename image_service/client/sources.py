"""What is to be uploaded, from wherever it is: a path, bytes, a file object, a URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Union

from ..errors import InvalidArgument
from .errors import SourceUnreadable

Picture = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview, IO[bytes]]
"""What can be uploaded: a path or an http(s) URL as text, a Path, bytes, or a file object."""

OnProgress = Callable[[int, int], None]
"""Told how many bytes are done, of how many."""

MAX_FETCHED_BYTES = 256 * 1024 * 1024
_AT_ONCE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Source:
    """The bytes of a picture and its name, "" if it has none."""

    data: bytes
    filename: str


def read_source(picture: Picture, timeout_s: float) -> Source:
    """Return the bytes of what is to be uploaded.

    Args: timeout_s: how long a URL's server may be silent.
    Raises: SourceUnreadable, InvalidArgument.
    """
    if isinstance(picture, (bytes, bytearray, memoryview)):
        return Source(bytes(picture), "")
    if isinstance(picture, str) and picture.lower().startswith(("http://", "https://")):
        return _fetched(picture, timeout_s)
    if isinstance(picture, (str, os.PathLike)):
        return _of_file(Path(picture))
    return _of_object(picture)


def _of_file(path: Path) -> Source:
    try:
        return Source(path.read_bytes(), path.name)
    except OSError as exc:
        raise SourceUnreadable(str(path), exc.strerror or type(exc).__name__) from exc


def _of_object(file: Any) -> Source:
    if not hasattr(file, "read"):
        raise InvalidArgument("picture", "give a path, bytes, a file opened for bytes, or a URL")
    data = file.read()
    if not isinstance(data, bytes):
        raise InvalidArgument("picture", "the file was opened for text; open it with 'rb'")
    name = getattr(file, "name", "")
    return Source(data, Path(name).name if isinstance(name, str) else "")


def _fetched(url: str, timeout_s: float) -> Source:
    """Read an http or https URL; redirects go to no other scheme but ftp, which is not opened."""
    # Here and not above: they take as long to import as all else of the client.
    import http.client
    import urllib.error
    import urllib.request

    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    try:
        with opener.open(url, timeout=timeout_s) as answer:
            return Source(_bounded(answer, url), _name_of(answer))
    except urllib.error.HTTPError as exc:
        raise SourceUnreadable(url, f"the server answers {exc.code} {exc.reason}") from exc
    except (OSError, ValueError, http.client.HTTPException) as exc:
        reason = getattr(exc, "reason", None) or exc
        raise SourceUnreadable(url, str(reason) or type(exc).__name__) from exc


def _bounded(answer: Any, url: str) -> bytes:
    parts = bytearray()
    while part := answer.read(_AT_ONCE_BYTES):
        parts += part
        if len(parts) > MAX_FETCHED_BYTES:
            raise SourceUnreadable(url, f"it has more than {MAX_FETCHED_BYTES:,} bytes")
    length = answer.headers.get("Content-Length")
    if length is not None and int(length) != len(parts):
        raise SourceUnreadable(url, f"it was cut off after {len(parts):,} of {length} bytes")
    return bytes(parts)


def _name_of(answer: Any) -> str:
    import urllib.parse

    told = answer.headers.get_filename()
    path = urllib.parse.unquote(urllib.parse.urlsplit(answer.geturl()).path)
    return str(told or path.rpartition("/")[2])

"""The forms in which callers send a picture's bytes, and how each becomes bytes."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

from ..errors import EmptyFile, ImageTooLarge, InvalidArgument

_ACCEPTED = (
    "send bytes, base64 text, a base64 data: URL, "
    'or a Node Buffer ({"type": "Buffer", "data": [0..255, ...]})'
)
_DATA_URL = re.compile(r"data:[^,]{0,200},", re.IGNORECASE)
_DATA_URL_HEAD_CHARACTERS = 256
_SPACES = b" \r\n\t"
_FROM_BASE64URL = bytes.maketrans(b"-_", b"+/")  # RFC 4648, 5


def to_bytes(file: object, *, max_bytes: int) -> bytes:
    """Return the picture's bytes out of any form the contract accepts.

    Args:
        file: bytes; base64 text or a data: URL; or a Node Buffer as JSON spells it.
        max_bytes: the setting max_upload_bytes, looked at before anything is decoded.
    Raises:
        InvalidArgument if file has another form or cannot be decoded.
        EmptyFile, ImageTooLarge if the picture has no bytes, or too many.
    """
    if isinstance(file, str):
        data = _from_text(file, max_bytes)
    elif is_node_buffer(file):
        data = from_node_buffer(file, max_bytes)
    elif isinstance(file, (bytes, bytearray, memoryview)):
        data = bytes(file)
    else:
        raise InvalidArgument("file", f"it is {_kind(file)}; {_ACCEPTED}")
    if not data:
        raise EmptyFile
    _check_size(len(data), max_bytes)
    return data


def is_node_buffer(value: object) -> bool:
    """Tell whether value is Node's `Buffer.toJSON()`."""
    return isinstance(value, Mapping) and value.get("type") == "Buffer" and "data" in value


def from_node_buffer(buffer: Any, max_bytes: int) -> bytes:
    """Return the bytes of a Node Buffer's JSON form.

    Raises: InvalidArgument if data is no list of 0..255; ImageTooLarge above max_bytes.
    """
    data = buffer["data"]
    if not isinstance(data, list):
        raise InvalidArgument("file", f"the Buffer's data is {_kind(data)}, not a list of numbers")
    _check_size(len(data), max_bytes)
    try:
        return bytes(data)
    except (TypeError, ValueError, OverflowError):
        raise InvalidArgument("file", "the Buffer's data must be numbers from 0 to 255") from None


def _from_text(text: str, max_bytes: int) -> bytes:
    head = _DATA_URL.match(text[:_DATA_URL_HEAD_CHARACTERS])
    if head:
        if not head.group().lower().endswith(";base64,"):
            raise InvalidArgument("file", "the data: URL is not base64; " + _ACCEPTED)
        text = text[head.end() :]
    try:
        raw = text.encode("ascii")
        if any(c in raw for c in _SPACES + b"-_"):
            raw = raw.translate(_FROM_BASE64URL, _SPACES)
        _check_size(len(raw.rstrip(b"=")) * 3 // 4, max_bytes)
        return base64.b64decode(raw + b"=" * (-len(raw) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InvalidArgument("file", f"the text is not base64; {_ACCEPTED}") from None


def _check_size(actual: int, max_bytes: int) -> None:
    if actual > max_bytes:
        raise ImageTooLarge("max_upload_bytes", max_bytes, actual)


def _kind(value: object) -> str:
    return "null" if value is None else f"of type {type(value).__name__}"

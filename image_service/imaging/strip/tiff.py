"""TIFF and BigTIFF: tags of every page, taken out in place. Source: TIFF 6.0."""

from __future__ import annotations

from . import tags

_ALL = tags.Rules(tags.ALL, blanking=False, strict=True)
_LOCATION = tags.Rules(tags.LOCATION, blanking=True, strict=True)


def strip_all(data: bytes) -> tuple[bytes, set[str]]:
    """Return the TIFF, as long as before, without metadata, and the words for what that was.

    Raises: CannotStrip.
    """
    buffer = bytearray(data)
    words = tags.remove(buffer, _ALL)
    return (bytes(buffer) if words else data), words


def strip_location(data: bytes) -> tuple[bytes, set[str]]:
    """Return the TIFF, as long as before, without where it was taken, and the words for that.

    Raises: CannotStrip.
    """
    buffer = bytearray(data)
    words = tags.remove(buffer, _LOCATION)
    return (bytes(buffer) if words else data), words

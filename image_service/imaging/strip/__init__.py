"""Removing metadata from pictures without decoding them: no pixel changes.

Colour profiles, orientation, animation, transparency and density stay. Works on the bytes of the
whole file, in time linear in its size, and imports no decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

from ...domain.formats import Format
from ...domain.strip import Strip
from . import avif, bmp, gif, jpeg, jpeg_location, png, tiff, webp
from .parts import WORDS, CannotStrip

__all__ = ["WORDS", "CannotStrip", "Stripped", "strip"]

_Handler = Callable[[bytes], tuple[bytes, set[str]]]
_HANDLERS: dict[tuple[Format, Strip], _Handler] = {
    (Format.JPEG, Strip.ALL): jpeg.strip_all,
    (Format.JPEG, Strip.LOCATION): jpeg_location.strip_location,
    (Format.PNG, Strip.ALL): png.strip_all,
    (Format.PNG, Strip.LOCATION): png.strip_location,
    (Format.GIF, Strip.ALL): gif.strip_all,
    (Format.GIF, Strip.LOCATION): gif.strip_location,
    (Format.WEBP, Strip.ALL): webp.strip_all,
    (Format.WEBP, Strip.LOCATION): webp.strip_location,
    (Format.AVIF, Strip.ALL): avif.strip_all,
    (Format.AVIF, Strip.LOCATION): avif.strip_location,
    (Format.TIFF, Strip.ALL): tiff.strip_all,
    (Format.TIFF, Strip.LOCATION): tiff.strip_location,
    (Format.BMP, Strip.ALL): bmp.strip_all,
    (Format.BMP, Strip.LOCATION): bmp.strip_location,
    (Format.HEIC, Strip.ALL): avif.strip_all,
    (Format.HEIC, Strip.LOCATION): avif.strip_location,
}


@dataclass(frozen=True)
class Stripped:
    """A picture without metadata.

    data: the file to keep; the very object that was given when nothing was removed.
    removed: what was found and removed, sorted words of WORDS; empty for nothing.
    """

    data: bytes
    removed: tuple[str, ...]


def strip(data: bytes, format_: Format, mode: Strip) -> Stripped:
    """Return a picture without metadata, or without what tells where it was taken.

    Args:
        data: the whole file. format_: the format that its first bytes are of.
        mode: Strip.NONE does nothing. Strip.LOCATION takes out coordinates, names of places and
        the maker's own notes, in place: a JPEG, WebP, TIFF, AVIF or HEIC stays as long as it was.
        Strip.ALL takes out all that is not needed to show the picture as before.
    Raises: CannotStrip, when the file is damaged in a way that leaves no safe choice.
    """
    if mode is Strip.NONE:
        return Stripped(data, ())
    try:
        kept, words = _HANDLERS[format_, mode](data)
    except (struct.error, IndexError):  # reads go to the end of the data and no further
        raise CannotStrip("it is cut off") from None
    return Stripped(kept, tuple(sorted(words)))

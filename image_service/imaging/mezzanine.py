"""Mezzanines made: an original's pixels reduced, and the file that keeps them."""

from __future__ import annotations

import io

from PIL import Image

from ..domain.formats import Format
from ..domain.mezzanine import Mezzanine
from ..domain.turns import UPRIGHT, Box
from . import color, vips
from .notes import Notes
from .scaling import decode_at_once, resized

_QUALITY = 95
_JPEG_MODES = ("L", "RGB")
_PNG_MODES = ("L", "LA", "RGB", "RGBA")


def reduced(data: bytes, picture: Image.Image, mezzanine: Mezzanine) -> Image.Image | None:
    """Return an original's pixels at its mezzanine's size, None where they are not for that.

    Args: picture: the original, open and not decoded yet.
    """
    if picture.size != mezzanine.full:
        return None
    if mezzanine.divisor:
        if picture.mode not in _JPEG_MODES:
            return None
        # By whole px, for the decoder takes what is at least as large as is asked for.
        width, height = mezzanine.full
        picture.draft(None, (width // mezzanine.divisor, height // mezzanine.divisor))
        decode_at_once(picture)
        return picture if picture.size == mezzanine.size else None
    whole = Box(0, 0, *mezzanine.full)
    if picture.format == "PNG":
        fast = vips.resized_file(data, picture, mezzanine.size, whole)
        if fast:
            return fast
    pixels = color.plain(picture)
    if pixels.mode not in (_JPEG_MODES if mezzanine.format is Format.JPEG else _PNG_MODES):
        return None
    return resized(pixels, mezzanine.full, whole, mezzanine.size, UPRIGHT)


def written(pixels: Image.Image, mezzanine: Mezzanine, notes: Notes) -> bytes:
    """Return the file of a mezzanine. Args: notes: what variants are to keep of the original."""
    pixels = pixels.copy()
    pixels.info = {}  # Pillow's writers would take from it what is not to be kept
    if mezzanine.format is Format.PNG and notes == Notes():
        fast = vips.png(pixels)
        if fast:
            return fast
    target = io.BytesIO()
    kept = {"icc_profile": notes.icc_profile, "exif": notes.exif}
    options = {name: value for name, value in kept.items() if value}
    if mezzanine.format is Format.PNG:
        pixels.save(target, "PNG", compress_level=1, **options)
    else:
        pixels.save(target, "JPEG", quality=_QUALITY, subsampling="4:4:4", **options)
    return target.getvalue()

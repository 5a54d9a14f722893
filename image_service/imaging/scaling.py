"""Scaling: the part of a picture that is wanted, at the size that is wanted."""

from __future__ import annotations

import math

from PIL import Image

from ..domain.mezzanine import GAP
from ..domain.turns import Box, Size, turned_size
from . import vips

# Of other formats than JPEG, what is shrunk by more is first reduced to so many times the size.
_REDUCING_GAP = 2.0


def draft(picture: Image.Image, crop: Size, scaled: Size) -> None:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8 where that is still larger than is needed.

    Args: crop: a part's size as it is stored; scaled: what that will be resized to.
    """
    wanted = (
        max(1, math.ceil(picture.width * scaled.width / crop.width * GAP)),
        max(1, math.ceil(picture.height * scaled.height / crop.height * GAP)),
    )
    picture.draft(None, wanted)
    decode_at_once(picture)


def decode_at_once(picture: Image.Image) -> None:
    """Have a JPEG read in one piece, not 64 KB at a time with what each left copied."""
    setattr(picture, "decodermaxblock", 2**24)  # noqa: B010 - not in the types


def resized(
    pixels: Image.Image,
    stored: Size,
    box: Box,
    result: Size,
    turn: int,
    *,
    zoom: tuple[float, float] | None = None,
    is_exact: bool = False,
) -> Image.Image:
    """Return the box of the stored picture at the size it has before it is turned.

    Args:
        pixels: the picture, perhaps drafted; stored: its size in full; result: after turning.
        zoom: pixels' scale, where it is not one that a JPEG is decoded at.
        is_exact: every pixel is to be filtered, whatever that takes.
    """
    size = turned_size(result, turn)
    x, y = zoom or _zoom(Size(*pixels.size), stored)
    inner = Box(
        max(0.0, box.left * x),
        max(0.0, box.top * y),
        min(float(pixels.width), box.right * x),
        min(float(pixels.height), box.bottom * y),
    )
    if inner == (0, 0, *pixels.size) and pixels.size == size:
        return pixels
    fast = vips.resized(pixels, size, inner)
    if fast:
        return fast
    is_small = Size(*pixels.size) != stored
    return pixels.resize(
        size,
        Image.Resampling.LANCZOS,
        box=inner,
        reducing_gap=None if is_small or is_exact else _REDUCING_GAP,
    )


def _zoom(size: Size, stored: Size) -> tuple[float, float]:
    """Return the scale that a JPEG was decoded at.

    1/2, 1/4 or 1/8 exactly: its size then is rounded up, and what is beyond is no part of it.
    """
    for scale in (1, 2, 4, 8):
        if size == (-(-stored.width // scale), -(-stored.height // scale)):
            return 1 / scale, 1 / scale
    return size.width / stored.width, size.height / stored.height

"""Fingerprints of a decoded picture: what it looks like, whatever its size and format."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from PIL import Image

from ..domain.fingerprint import Fingerprint
from . import color, thumbhash

SIDE_PX = 100
"""Fingerprints are taken from a picture of so many pixels a side, or up to twice as many."""

_HASH_SIDE_PX = 32
_HASH_WAVES = 8
_COLOR_SIDE_PX = 32
_BIN_SHIFT = 5
_HALF_OPAQUE = 128


def warm_up() -> None:
    """Do the first work of each kind, which loads modules and builds tables."""
    color.warm_up()
    fingerprint(Image.new("RGB", (8, 6)), orientation=6)


def fingerprint(picture: Image.Image, *, orientation: int) -> Fingerprint:
    """Return the fingerprint of a decoded picture, or of its first frame.

    Args: orientation: EXIF 1..8, how the pixels must be turned to be upright; 1 where they are.
    """
    srgb = color.to_srgb(_small(picture), picture.info.get("icc_profile"))
    small = color.turned(srgb, orientation)
    return Fingerprint(
        dominant_color=_dominant_color(small),
        thumbhash=thumbhash.encode(np.asarray(_halved(small).convert("RGBA"))),
        perceptual_hash=_perceptual_hash(_on_white(small)),
    )


def _small(picture: Image.Image) -> Image.Image:
    """Return picture in 8 bits a channel, its longer side below 2 * SIDE_PX."""
    picture = color.plain(picture, step=max(1, max(picture.size) // SIDE_PX))
    factor = max(picture.size) // SIDE_PX
    # Alpha counts: the colour of what cannot be seen does not shine through.
    return picture.reduce(factor) if factor > 1 else picture


def _halved(picture: Image.Image) -> Image.Image:
    """Return picture at half its size: a quarter of the work for the same few waves."""
    return picture.reduce(2) if max(picture.size) > SIDE_PX // 2 else picture


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")


def _dominant_color(picture: Image.Image) -> str:
    """Return the mean of the pixels in the fullest of 512 boxes of the colour cube."""
    size = (min(_COLOR_SIDE_PX, picture.width), min(_COLOR_SIDE_PX, picture.height))
    values = np.asarray(picture.resize(size, Image.Resampling.NEAREST)).reshape(
        -1, len(picture.mode)
    )
    if picture.mode == "RGBA":
        seen = values[values[:, 3] >= _HALF_OPAQUE]
        values = seen if len(seen) else values
    colors = values[:, :3].astype(np.int64)
    boxes = colors >> _BIN_SHIFT
    numbers = boxes[:, 0] << 6 | boxes[:, 1] << 3 | boxes[:, 2]
    fullest = np.bincount(numbers, minlength=1).argmax()
    red, green, blue = colors[numbers == fullest].mean(0).round().astype(int)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _perceptual_hash(picture: Image.Image) -> int:
    """Return the 64-bit DCT hash that imagehash.phash() makes of the same pixels."""
    side = (_HASH_SIDE_PX, _HASH_SIDE_PX)
    grey = np.asarray(picture.convert("L").resize(side, Image.Resampling.LANCZOS), np.float64)
    # Rounded: in smooth pictures many waves are nothing but noise of the arithmetic.
    waves = (_dct_rows() @ grey @ _dct_rows().T).round(3)
    bits = (waves > np.median(waves)).ravel()
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


@functools.lru_cache(maxsize=1)
def _dct_rows() -> Any:
    """Return the first rows of the type II cosine transform of 32 samples."""
    places = (np.arange(_HASH_SIDE_PX) + 0.5) * np.pi / _HASH_SIDE_PX
    return 2 * np.cos(np.outer(np.arange(_HASH_WAVES), places))

"""Fingerprints of a decoded picture: what it looks like, whatever its size and format."""

from __future__ import annotations

import functools
import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms

from ..domain.fingerprint import Fingerprint
from . import thumbhash

SIDE_PX = 100
"""Fingerprints are taken from a picture of so many pixels a side, or up to twice as many."""

_HASH_SIDE_PX = 32
_HASH_WAVES = 8
_COLOR_SIDE_PX = 32
_BIN_SHIFT = 5
_HALF_OPAQUE = 128
_WIDE_MODES = frozenset(("I", "F"))
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def warm_up() -> None:
    """Do the first work of each kind, which loads modules and builds tables."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    picture = Image.new("RGB", (8, 6))
    picture.info["icc_profile"] = profile.tobytes()
    fingerprint(picture, orientation=6)
    fingerprint(Image.new("F", (8, 6)), orientation=1)


def fingerprint(picture: Image.Image, *, orientation: int) -> Fingerprint:
    """Return the fingerprint of a decoded picture, or of its first frame.

    Args: orientation: EXIF 1..8, how the pixels must be turned to be upright; 1 where they are.
    """
    small = _upright(_srgb(_small(picture), picture.info.get("icc_profile")), orientation)
    return Fingerprint(
        dominant_color=_dominant_color(small),
        thumbhash=thumbhash.encode(np.asarray(_halved(small).convert("RGBA"))),
        perceptual_hash=_perceptual_hash(_on_white(small)),
    )


def _small(picture: Image.Image) -> Image.Image:
    """Return picture in 8 bits a channel, its longer side below 2 * SIDE_PX."""
    if picture.mode in _WIDE_MODES or picture.mode.startswith("I;"):
        picture = _narrowed(picture)
    mode = _plain_mode(picture)
    if mode != picture.mode:
        picture = picture.convert(mode)
    factor = max(picture.size) // SIDE_PX
    # Alpha counts: the colour of what cannot be seen does not shine through.
    return picture.reduce(factor) if factor > 1 else picture


def _halved(picture: Image.Image) -> Image.Image:
    """Return picture at half its size: a quarter of the work for the same few waves."""
    return picture.reduce(2) if max(picture.size) > SIDE_PX // 2 else picture


def _plain_mode(picture: Image.Image) -> str:
    """Return the mode of 8 bits a channel that loses nothing of picture's."""
    if picture.mode in ("P", "PA"):
        has_alpha = picture.mode == "PA" or "transparency" in picture.info
        return "RGBA" if has_alpha else "RGB"
    return {"1": "L", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}.get(picture.mode, picture.mode)


def _narrowed(picture: Image.Image) -> Image.Image:
    """Bring samples of more than 8 bits to 8, by the range that their kind or content has."""
    step = max(1, max(picture.size) // SIDE_PX)
    values = np.asarray(picture)[::step, ::step].astype(np.float64)
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    if picture.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    else:
        low, high = min(0.0, float(values.min())), max(1.0, float(values.max()))
    scaled = (values - low) * (255 / (high - low))
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))


def _srgb(picture: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Return picture in sRGB, L with alpha kept; colours are as its profile means them."""
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    plain = picture.convert({"RGBA": "RGB", "LA": "L"}[picture.mode]) if alpha else picture
    if plain.mode == "LAB" or (icc_profile and plain.mode in ("RGB", "CMYK", "L")):
        transform = _transform(icc_profile, plain.mode)
        if transform:
            plain = ImageCms.applyTransform(plain, transform) or plain
    plain = plain if plain.mode == "RGB" else plain.convert("RGB")
    if alpha:
        plain.putalpha(alpha)
    return plain


@functools.lru_cache(maxsize=8)
def _transform(icc_profile: bytes | None, mode: str) -> Any:
    """Return the way to sRGB, None where there is none to go."""
    try:
        if mode == "LAB":  # has colours of its own
            source = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
        else:
            source = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile or b""))
        if source.profile.profile_description.startswith("sRGB"):  # type: ignore[union-attr]
            return None
        return ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), mode, "RGB")
    except Exception:  # noqa: BLE001 - a damaged profile: the numbers are taken as they are
        return None


def _upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


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

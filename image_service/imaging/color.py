"""Pixels of any kind as 8 bits a channel in sRGB, which is what the web shows."""

from __future__ import annotations

import contextlib
import functools
import io
from typing import Any

import numpy as np
from PIL import Image, ImageCms

_WIDE_MODES = frozenset(("I", "F"))
_ROWS_AT_ONCE = 256
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
    to_srgb(Image.new("RGB", (8, 6)), profile.tobytes())
    plain(Image.new("F", (8, 6)))


def turned(picture: Image.Image, turn: int) -> Image.Image:
    """Return the picture after one of the eight turns of domain.turns."""
    how = _TURNS.get(turn)
    return picture if how is None else picture.transpose(how)


def plain(picture: Image.Image, *, step: int | None = None) -> Image.Image:
    """Return picture in a mode of 8 bits a channel that loses nothing else.

    A colour or palette entry that stands for transparency becomes an alpha channel.

    Args: step: of samples with more bits only every step-th is taken, down and across, and cut
        off rather than rounded, as fingerprints have always had it.
    """
    picture.load()  # else others do, and hide what is wrong with it in errors of their own
    if picture.mode in _WIDE_MODES or picture.mode.startswith("I;"):
        picture = _narrowed(picture, step)
    mode = _plain_mode(picture)
    return picture if mode == picture.mode else picture.convert(mode)


def _plain_mode(picture: Image.Image) -> str:
    """Return the mode of 8 bits a channel that loses nothing of picture's."""
    mode = {"1": "L", "P": "RGB", "PA": "RGBA", "La": "LA", "RGBa": "RGBA", "RGBX": "RGB"}.get(
        picture.mode, picture.mode
    )
    if "transparency" in picture.info:
        return {"L": "LA", "RGB": "RGBA"}.get(mode, mode)
    return mode


def _narrowed(picture: Image.Image, step: int | None) -> Image.Image:
    """Bring samples of more than 8 bits to 8, by the range that their kind or content has."""
    values = np.asarray(picture)[::step, ::step]
    half = 0.5 if step is None else 0.0
    if picture.mode.startswith("I;16"):
        low, high = 0.0, 65535.0
    else:
        finite = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = min(0.0, float(finite.min())), max(1.0, float(finite.max()))
    narrow = np.empty(values.shape, np.uint8)
    for top in range(0, len(values), _ROWS_AT_ONCE):  # 8 bytes a sample are much for all at once
        rows = slice(top, top + _ROWS_AT_ONCE)
        wide = np.nan_to_num(values[rows].astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        narrow[rows] = np.clip((wide - low) * (255 / (high - low)) + half, 0, 255)
    narrowed = Image.fromarray(narrow)
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        narrowed.putalpha(Image.fromarray(np.where(values == transparent, 0, 255).astype(np.uint8)))
    return narrowed


def to_srgb(picture: Image.Image, icc_profile: bytes | None) -> Image.Image:
    """Return a plain picture in RGB or RGBA; colours are as its profile means them."""
    alpha = picture.getchannel("A") if picture.mode in ("RGBA", "LA") else None
    opaque = picture.convert({"RGBA": "RGB", "LA": "L"}[picture.mode]) if alpha else picture
    if opaque.mode == "LAB" or (icc_profile and opaque.mode in ("RGB", "CMYK", "L")):
        transform = _transform(icc_profile, opaque.mode)
        if transform:
            with contextlib.suppress(ImageCms.PyCMSError):  # the numbers are taken as they are
                opaque = ImageCms.applyTransform(opaque, transform) or opaque
    opaque = opaque if opaque.mode == "RGB" else opaque.convert("RGB")
    if alpha:
        opaque.putalpha(alpha)
    return opaque


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

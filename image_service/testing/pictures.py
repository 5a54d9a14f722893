"""Made pictures of every accepted format: small, and the same bytes for the same arguments.

Sizes are (width, height) in px as stored, before any orientation is applied. Pictures of another
seed look different and have other bytes.
"""

from __future__ import annotations

import io
import random
from typing import TYPE_CHECKING, Any

from ..domain.formats import Format

if TYPE_CHECKING:
    from PIL import Image

Size = tuple[int, int]

_SIZE: Size = (64, 48)
_ORIENTATION_TAG = 0x0112
_TEXTURE_SCALE = 4


def jpeg(
    size: Size = _SIZE,
    *,
    seed: int = 0,
    orientation: int | None = None,
    mode: str = "RGB",
    **options: Any,
) -> bytes:
    """Return a JPEG. mode: "RGB", "L" or "CMYK"; options: Pillow's, as progressive=True."""
    return _saved(draw(size, seed=seed, mode=mode), "JPEG", **_exif(orientation), **options)


def png(
    size: Size = _SIZE,
    *,
    seed: int = 0,
    alpha: bool = False,
    orientation: int | None = None,
    frames: int = 1,
    **options: Any,
) -> bytes:
    """Return a PNG; an APNG with more than one of frames."""
    pictures = _frames(size, frames, seed, "RGBA" if alpha else "RGB")
    return _animated(pictures, "PNG", **_exif(orientation), **options)


def gif(size: Size = _SIZE, *, seed: int = 0, frames: int = 1, **options: Any) -> bytes:
    """Return a GIF with so many frames."""
    pictures = [each.convert("P") for each in _frames(size, frames, seed, "RGB")]
    return _animated(pictures, "GIF", **options)


def webp(
    size: Size = _SIZE,
    *,
    seed: int = 0,
    alpha: bool = False,
    orientation: int | None = None,
    frames: int = 1,
    **options: Any,
) -> bytes:
    """Return a WebP, animated with more than one of frames."""
    pictures = _frames(size, frames, seed, "RGBA" if alpha else "RGB")
    return _animated(pictures, "WEBP", **_exif(orientation), **options)


def avif(
    size: Size = _SIZE,
    *,
    seed: int = 0,
    alpha: bool = False,
    orientation: int | None = None,
    frames: int = 1,
    **options: Any,
) -> bytes:
    """Return an AVIF, animated with more than one of frames."""
    pictures = _frames(size, frames, seed, "RGBA" if alpha else "RGB")
    quick = {"speed": 10, "max_threads": 1, **options}
    return _animated(pictures, "AVIF", **_exif(orientation), **quick)


def tiff(
    size: Size = _SIZE,
    *,
    seed: int = 0,
    orientation: int | None = None,
    pages: int = 1,
    **options: Any,
) -> bytes:
    """Return a TIFF with so many pages."""
    pictures = _frames(size, pages, seed, "RGB")
    tags = {"tiffinfo": {_ORIENTATION_TAG: orientation}} if orientation else {}
    return _animated(pictures, "TIFF", **tags, **options)


def bmp(size: Size = _SIZE, *, seed: int = 0, **options: Any) -> bytes:
    """Return a BMP."""
    return _saved(draw(size, seed=seed), "BMP", **options)


def heic(
    size: Size = _SIZE, *, seed: int = 0, orientation: int | None = None, **options: Any
) -> bytes:
    """Return a HEIC. Needs the package pillow-heif, which can write them."""
    import pillow_heif

    picture = pillow_heif.from_pillow(draw(size, seed=seed))
    buffer = io.BytesIO()
    picture.save(buffer, format="HEIF", **{"quality": 60, **_exif(orientation), **options})
    return buffer.getvalue()


def make(format_: Format, size: Size = _SIZE, *, seed: int = 0) -> bytes:
    """Return a still picture of any accepted format."""
    makers = {
        Format.JPEG: jpeg,
        Format.PNG: png,
        Format.GIF: gif,
        Format.WEBP: webp,
        Format.AVIF: avif,
        Format.TIFF: tiff,
        Format.BMP: bmp,
        Format.HEIC: heic,
    }
    maker: Any = makers[format_]
    data: bytes = maker(size, seed=seed)
    return data


def draw(size: Size, *, seed: int = 0, mode: str = "RGB") -> Image.Image:
    """Return a picture of soft coloured clouds, which compress about as photos do."""
    from PIL import Image

    small = tuple(max(1, -(-side // _TEXTURE_SCALE)) for side in size)
    noise = random.Random(seed).randbytes(small[0] * small[1] * 4)  # noqa: S311 - a picture
    clouds = Image.frombytes("RGBA", (small[0], small[1]), noise).resize(
        size, Image.Resampling.BICUBIC
    )
    return clouds if mode == "RGBA" else clouds.convert("RGB").convert(mode)


def _frames(size: Size, count: int, seed: int, mode: str) -> list[Image.Image]:
    return [draw(size, seed=seed * 1000 + index, mode=mode) for index in range(count)]


def _exif(orientation: int | None) -> dict[str, Any]:
    if orientation is None:
        return {}
    from PIL import Image

    exif = Image.Exif()
    exif[_ORIENTATION_TAG] = orientation
    return {"exif": exif.tobytes()}


def _animated(pictures: list[Image.Image], pillow_format: str, **options: Any) -> bytes:
    if len(pictures) > 1:
        options = {"save_all": True, "append_images": pictures[1:], **options}
    return _saved(pictures[0], pillow_format, **options)


def _saved(picture: Image.Image, pillow_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, pillow_format, **options)
    return buffer.getvalue()

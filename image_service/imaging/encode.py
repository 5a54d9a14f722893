"""Pictures to files: one format each, at a quality or within a number of bytes."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from typing import Any

from PIL import Image, PngImagePlugin

from ..domain.formats import Format
from ..domain.negotiation import LOSSY
from ..domain.transform import AutoQuality
from . import auto_quality as auto
from . import gif, vips
from .frames import Frames, merged
from .notes import Notes

# AVIF of less than this on a side is refused by common decoders.
_MIN_AVIF_SIDE_PX = 16
_PROGRESSIVE_PIXELS = 300_000
# 8 is 5 % smaller than 9, for three times the time; 7 another 2 % for half as much again.
_AVIF_SPEED, _AVIF_SPEED_OF_LARGE = 8, 9
_AVIF_PIXELS = 1_000_000
# At equal SSIM 6 % smaller than what aims at the least squared error, and in less time.
_AVIF_TUNING = {"tune": "ssim"}
# 4 is 5 % smaller than 2, for three times the time.
_WEBP_METHOD, _WEBP_METHOD_OF_LARGE = 4, 2
_WEBP_PIXELS = 1_000_000
_LEAST_QUALITY = 10
_NO_ALPHA = frozenset((Format.JPEG,))
_MAX_SIDES_PX = {
    Format.WEBP: 16_383,
    Format.AVIF: 16_384,
    Format.GIF: 65_535,
    Format.JPEG: 65_500,
}
_MAX_FRAME_MS = {Format.PNG: 65_535, Format.WEBP: 2**24 - 1, Format.AVIF: 2**24 - 1}
_MAX_JPEG_EXIF_BYTES = 65_533
_MAX_JPEG_XMP_BYTES = 65_504

Writer = Callable[[Frames, int, Notes], bytes]


def takes_alpha(format_: Format) -> bool:
    """Tell whether a format has transparency."""
    return format_ not in _NO_ALPHA


def takes_profile(format_: Format) -> bool:
    """Tell whether a colour profile can be embedded in a format."""
    return format_ is not Format.GIF


def possible_format(
    wanted: Format, size: tuple[int, int], *, has_alpha: bool, is_animated: bool
) -> Format:
    """Return the format to write, which is another where the wanted one cannot hold this size."""
    if _can_hold(wanted, size):
        return wanted
    is_photo = not has_alpha and not is_animated
    return Format.JPEG if is_photo and _can_hold(Format.JPEG, size) else Format.PNG


def _can_hold(format_: Format, size: tuple[int, int]) -> bool:
    is_too_small = format_ is Format.AVIF and min(size) < _MIN_AVIF_SIDE_PX
    return not is_too_small and max(size) <= _MAX_SIDES_PX.get(format_, max(size))


def encode(
    frames: Frames,
    format_: Format,
    quality: int,
    *,
    max_bytes: int = 0,
    auto_quality: AutoQuality | None = None,
    colors: int = 0,
    notes: Notes | None = None,
) -> bytes:
    """Return a file.

    Args:
        quality: 1..100, of the lossy formats. max_bytes: 0 for any number; quality is lowered
            until the file is as small, or as bad as is of use. auto_quality: in place of quality,
            of stills. colors: of a still PNG with a palette, 0 for none.
    """
    writer, notes = _WRITERS[format_], notes or Notes()
    is_still = len(frames.pictures) == 1
    if auto_quality and is_still and format_ in LOSSY:
        write = functools.partial(_at_quality, writer, frames, notes)
        return auto.best(frames.first, auto_quality, write)
    if colors and is_still and format_ is Format.PNG:
        frames = Frames([_with_palette(frames.first, colors)])
    written = writer(frames, quality, notes)
    while max_bytes and format_ in LOSSY and len(written) > max_bytes and quality > _LEAST_QUALITY:
        # By how much it is too large tells about how far to go.
        excess = len(written) / max_bytes
        factor = 0.5 if excess > 2 else 0.75 if excess > 1.3 else 0.9
        quality = max(_LEAST_QUALITY, min(quality - 1, int(quality * factor)))
        written = writer(frames, quality, notes)
    return written


def _at_quality(writer: Writer, frames: Frames, notes: Notes, quality: int) -> bytes:
    return writer(frames, quality, notes)


def _with_palette(picture: Image.Image, colors: int) -> Image.Image:
    if picture.mode == "RGBA":
        return picture.quantize(colors, method=Image.Quantize.FASTOCTREE)
    return picture.quantize(colors, method=Image.Quantize.MEDIANCUT)


def _saved(frames: Frames, format_: Format, **options: Any) -> bytes:
    target = io.BytesIO()
    if len(frames.pictures) > 1:
        options = {
            "save_all": True,
            "append_images": list(frames.pictures[1:]),
            "duration": list(frames.durations_ms),
            "loop": frames.plays,
            **options,
        }
    given = {name: value for name, value in options.items() if value is not None}
    frames.first.save(target, format_.name, **given)
    return target.getvalue()


def _jpeg(frames: Frames, quality: int, notes: Notes) -> bytes:
    # What does not fit a marker is not kept.
    exif = notes.exif if len(notes.exif or b"") <= _MAX_JPEG_EXIF_BYTES else None
    xmp = notes.xmp if len(notes.xmp or b"") <= _MAX_JPEG_XMP_BYTES else None
    return _saved(
        Frames([frames.first]),
        Format.JPEG,
        quality=quality,
        optimize=True,
        # Of small pictures 2 % smaller; of large ones less, for three times the work.
        progressive=frames.first.width * frames.first.height <= _PROGRESSIVE_PIXELS,
        icc_profile=notes.icc_profile,
        exif=exif,
        xmp=xmp,
    )


def _png(frames: Frames, quality: int, notes: Notes) -> bytes:  # noqa: ARG001
    is_bare = len(frames.pictures) == 1 and notes == Notes()
    fast = vips.png(frames.first) if is_bare else None
    if fast:
        return fast
    texts = PngImagePlugin.PngInfo()
    if notes.xmp:
        texts.add_itxt("XML:com.adobe.xmp", notes.xmp.decode("utf-8", "replace"))
    return _saved(
        merged(frames, _MAX_FRAME_MS[Format.PNG]),
        Format.PNG,
        compress_level=3,
        icc_profile=notes.icc_profile,
        exif=notes.exif,
        pnginfo=texts,
    )


def _webp(frames: Frames, quality: int, notes: Notes) -> bytes:
    return _saved(
        merged(frames, _MAX_FRAME_MS[Format.WEBP]),
        Format.WEBP,
        quality=quality,
        method=_WEBP_METHOD if _pixels(frames) <= _WEBP_PIXELS else _WEBP_METHOD_OF_LARGE,
        icc_profile=notes.icc_profile,
        exif=notes.exif,
        xmp=notes.xmp,
    )


def _avif(frames: Frames, quality: int, notes: Notes) -> bytes:
    return _saved(
        merged(frames, _MAX_FRAME_MS[Format.AVIF]),
        Format.AVIF,
        quality=quality,
        speed=_AVIF_SPEED if _pixels(frames) <= _AVIF_PIXELS else _AVIF_SPEED_OF_LARGE,
        max_threads=1,
        advanced=_AVIF_TUNING,
        icc_profile=notes.icc_profile,
        exif=notes.exif,
        xmp=notes.xmp,
    )


def _pixels(frames: Frames) -> int:
    return frames.first.width * frames.first.height * len(frames.pictures)


def _gif(frames: Frames, quality: int, notes: Notes) -> bytes:  # noqa: ARG001
    return gif.write(frames)


_WRITERS: dict[Format, Writer] = {
    Format.JPEG: _jpeg,
    Format.PNG: _png,
    Format.WEBP: _webp,
    Format.AVIF: _avif,
    Format.GIF: _gif,
}

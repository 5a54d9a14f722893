"""How a picture is stored: bits of a channel, resolution, and how often it plays."""

from __future__ import annotations

from collections.abc import Mapping

from PIL import Image

from ...domain.formats import Format
from . import boxes, png, tags
from .gif import GifBlocks
from .ifd import Block

_MAX_DEPTH = 64
_MAX_DPI = 100_000
_DPI_DECIMALS = 1  # a PNG counts whole pixels a metre: 72 dpi come back as 72.009
_INCH, _CENTIMETRE = 2, 3
_CENTIMETRES_PER_INCH = 2.54
_BITFIELDS = 3
_BITFIELDS_OFFSET = 54  # of the masks, whichever header is before them


def bit_depth(picture: Image.Image, format_: Format, data: bytes, block: Block | None) -> int:
    """Return the bits of a channel as stored; of an index where there is a palette."""
    depth = 8
    if format_ is Format.JPEG:
        depth = getattr(picture, "bits", 8)
    elif format_ is Format.PNG:
        depth = png.bit_depth(data)
    elif format_ is Format.AVIF:
        depth = boxes.bit_depth(data)
    elif format_ is Format.HEIC:
        depth = int(picture.info.get("bit_depth", 8))
    elif format_ is Format.BMP:
        depth = _bmp_depth(data)
    elif format_ is Format.TIFF and block:
        entry = block.ifd0.get(tags.BITS_PER_SAMPLE)
        depth = int(max(block.numbers(entry) or [1])) if entry else 1
    return depth if 1 <= depth <= _MAX_DEPTH else 8


def loop_count(
    picture: Image.Image, format_: Format, data: bytes, gif: GifBlocks | None
) -> int | None:
    """Return how often an animation plays, 0 for ever; None of a still."""
    if gif:
        return gif.loop_count
    if getattr(picture, "n_frames", 1) == 1:
        return None
    if format_ is Format.PNG:
        return png.loop_count(data)
    if format_ is Format.AVIF:
        return boxes.loop_count(data)
    if format_ is Format.WEBP:
        return int(picture.info["loop"])
    return None


def dpi(
    info: Mapping[object, object], format_: Format, block: Block | None
) -> list[int | float] | None:
    """Return [x, y] in pixels an inch; None where nothing good tells them.

    Pillow's word counts where it stands in the file: without JFIF's density it tells 72 of JPEGs,
    and of TIFFs it tells 1.
    """
    told = format_ is not Format.TIFF
    if format_ is Format.JPEG:
        told = info.get("jfif_unit") in (1, 2)
    found = info.get("dpi") if told else None
    good = _good_dpi(found) if isinstance(found, tuple) else None
    return good or (_dpi_from_tags(block) if block else None)


def _dpi_from_tags(block: Block) -> list[int | float] | None:
    wanted = (tags.X_RESOLUTION, tags.Y_RESOLUTION, tags.RESOLUTION_UNIT)
    x, y, unit = (block.number(block.ifd0[tag]) if tag in block.ifd0 else None for tag in wanted)
    if tags.RESOLUTION_UNIT not in block.ifd0:
        unit = _INCH
    if x is None or y is None or unit not in (_INCH, _CENTIMETRE):
        return None
    scale = _CENTIMETRES_PER_INCH if unit == _CENTIMETRE else 1
    return _good_dpi((x * scale, y * scale))


def _good_dpi(found: tuple[object, ...]) -> list[int | float] | None:
    good = []
    for value in found:
        number = round(float(value), _DPI_DECIMALS)  # type: ignore[arg-type]
        if not 0 < number <= _MAX_DPI:
            return None
        good.append(int(number) if number == int(number) else number)
    return good if len(good) == 2 else None


def _bmp_depth(data: bytes) -> int:
    """Return a BMP's bits of a channel: of 16-bit pixels 5 or, in the green of 5:6:5, 6."""
    short = int.from_bytes(data[14:18], "little") == 12  # the header of OS/2
    start = 24 if short else 28
    bits = int.from_bytes(data[start : start + 2], "little")
    if bits == 16:
        bitfields = not short and int.from_bytes(data[30:34], "little") == _BITFIELDS
        green = int.from_bytes(data[_BITFIELDS_OFFSET + 4 : _BITFIELDS_OFFSET + 8], "little")
        return green.bit_count() if bitfields else 5
    return min(bits, 8)

"""What libvips does in less time, where the optional package is installed: resizing, and PNG.

Lanczos of 0.4 MP to 0.2 MP: 2.6 ms against Pillow's 6. A PNG of 1 MP: decoded in 14 ms against 23,
one of 0.07 MP written 5 % smaller in the same 7 ms.
"""

from __future__ import annotations

import importlib
from typing import Any

from PIL import Image

from ..domain.turns import Size

PACKAGE = "pyvips"
# Edges of boxes are taken as whole pixels where that moves nothing by more than this.
_TOLERANCE_PX = 0.25
# What is shrunk by more is first averaged to so many times the size.
_REDUCING_GAP = 3.0
# Into pixels that are premultiplied, for filtering, and back.
_PREMULTIPLIED = {"RGBA": "RGBa", "LA": "La"}
_BANDS = {"L": 1, "La": 2, "RGB": 3, "RGBa": 4, "CMYK": 4}

_PNG_BITS_AT, _PNG_COLORS_AT = 24, 25
# Grey, RGB and RGBA: what needs no looking up.
_PNG_MODES = {0: "L", 2: "RGB", 6: "RGBA"}
_PNG_COMPRESSION = 6

_loaded: Any = None


def load() -> None:
    """Load the package if it is there. Once per process; later it may open no files."""
    global _loaded
    try:
        _loaded = importlib.import_module(PACKAGE)
    except (ImportError, OSError):  # not installed, or its library is not
        return
    _loaded.cache_set_max(0)  # each picture is another one
    resized(Image.new("RGB", (64, 48)), Size(16, 12), (0, 0, 64, 48))


def resized(
    pixels: Image.Image, size: Size, box: tuple[float, float, float, float]
) -> Image.Image | None:
    """Return the box of a picture at a smaller size, filtered by Lanczos' of three lobes.

    Args: box: left, top, right, bottom in px.
    Returns: None where this is not for it: the package is missing, the picture becomes larger, or
        the box begins or ends between pixels.
    """
    mode = _PREMULTIPLIED.get(pixels.mode, pixels.mode)
    if not _loaded or mode not in _BANDS or not _is_for_it(size, box):
        return None
    stored = pixels if mode == pixels.mode else pixels.convert(mode)
    image = _loaded.Image.new_from_memory(
        stored.tobytes(), stored.width, stored.height, _BANDS[mode], "uchar"
    )
    result = _shrunk(image, mode, size, box)
    return result if result is None or mode == pixels.mode else result.convert(pixels.mode)


def resized_png(
    data: bytes, picture: Image.Image, size: Size, box: tuple[float, float, float, float]
) -> Image.Image | None:
    """Return the box of a PNG at a smaller size, as resized() does; all of it is never in memory.

    Args: picture: the same as Pillow opened it.
    Returns: None where this is not for it: see resized() and decoded(); or it has transparency,
        which is filtered otherwise.
    """
    if picture.mode not in ("L", "RGB") or not _is_for_it(size, box):
        return None
    try:
        image = _loaded_png(data, picture)
        return image and _shrunk(image, picture.mode, size, box)
    except _failures():
        return None


def decoded(data: bytes, picture: Image.Image) -> Image.Image | None:
    """Return the pixels of a PNG.

    Args: picture: the same as Pillow opened it.
    Returns: None where this is not for it: the package is missing, or it is not of 8 bits, has a
        palette or a transparent colour, or is damaged, which Pillow tells.
    """
    try:
        image = _loaded_png(data, picture)
        return image and Image.frombytes(picture.mode, picture.size, image.write_to_memory())
    except _failures():
        return None


def _is_for_it(size: Size, box: tuple[float, float, float, float]) -> bool:
    left, top, right, bottom = _whole(box)
    is_between = any(
        abs(edge - whole) > _TOLERANCE_PX for edge, whole in zip(box, _whole(box), strict=True)
    )
    return not is_between and size.width <= right - left and size.height <= bottom - top


def _whole(box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    left, top, right, bottom = (round(edge) for edge in box)
    return left, top, right, bottom


def _shrunk(
    image: Any, mode: str, size: Size, box: tuple[float, float, float, float]
) -> Image.Image | None:
    left, top, right, bottom = _whole(box)
    if (left, top, right, bottom) != (0, 0, image.width, image.height):
        image = image.extract_area(left, top, right - left, bottom - top)
    # By the box's own sides: what was rounded away is then halved between the edges.
    across, down = size.width / (box[2] - box[0]), size.height / (box[3] - box[1])
    made = image.resize(across, vscale=down, kernel="lanczos3", gap=_REDUCING_GAP)
    if (made.width, made.height) != size:
        return None
    return Image.frombytes(mode, size, made.write_to_memory())


def _loaded_png(data: bytes, picture: Image.Image) -> Any:
    """Return a PNG that is decoded as it is read, None where this is not for it."""
    mode = _PNG_MODES.get(data[_PNG_COLORS_AT])
    is_plain = data[_PNG_BITS_AT] == 8 and "transparency" not in picture.info
    if not _loaded or not is_plain or mode != picture.mode:
        return None
    return _loaded.Image.pngload_buffer(data, access="sequential", fail_on="truncated")


def _failures() -> tuple[type[Exception], ...]:
    """Return what libvips raises; Pillow then tells what is wrong with a picture."""
    return (_loaded.Error, ValueError) if _loaded else ()


def png(picture: Image.Image) -> bytes | None:
    """Return the file of a still, RGB or RGBA, None without the package."""
    if not _loaded or picture.mode not in ("RGB", "RGBA"):
        return None
    bands = len(picture.mode)
    image = _loaded.Image.new_from_memory(picture.tobytes(), *picture.size, bands, "uchar")
    written: bytes = image.copy(interpretation="srgb").pngsave_buffer(
        compression=_PNG_COMPRESSION, filter="all", keep="none"
    )
    return written

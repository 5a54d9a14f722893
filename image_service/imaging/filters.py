"""What changes pixels where they are: brightness, contrast, saturation, blur, sharpen, pixelate."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image, ImageEnhance, ImageFilter

from ..domain.transform import Transform

# libvips' sharpen of a Gaussian of this deviation, as an unsharp mask.
_SHARPEN_PERCENT = 150
_SHARPEN_THRESHOLD = 1

Change = Callable[[Image.Image], Image.Image]


def filtered(picture: Image.Image, transform: Transform) -> Image.Image:
    """Return picture, RGB or RGBA, with the filters a transform asks for."""
    for change in _changes(transform):
        picture = change(picture)
    return picture


def _changes(transform: Transform) -> list[Change]:
    changes: list[Change] = []
    if transform.brightness:
        changes.append(lambda picture: _on_color(picture, _brighter(transform.brightness)))
    if transform.contrast != 1:
        changes.append(lambda picture: _on_color(picture, _contrasted(transform.contrast)))
    if transform.saturation != 1:
        changes.append(
            lambda picture: _on_color(
                picture, lambda color: ImageEnhance.Color(color).enhance(transform.saturation)
            )
        )
    if transform.blur:
        changes.append(lambda picture: _blurred(picture, transform.blur))
    if transform.sharpen:
        changes.append(lambda picture: _sharpened(picture, transform.sharpen))
    if transform.pixelate > 1:
        changes.append(
            lambda picture: _pixelated(picture, min(transform.pixelate, max(picture.size)))
        )
    return changes


def _on_color(picture: Image.Image, change: Change) -> Image.Image:
    """Change the colours and leave the transparency."""
    if picture.mode != "RGBA":
        return change(picture)
    changed = change(picture.convert("RGB"))
    changed.putalpha(picture.getchannel("A"))
    return changed


def _blurred(picture: Image.Image, radius: float) -> Image.Image:
    """Blur so that the colour of what cannot be seen does not bleed."""
    blur = ImageFilter.GaussianBlur(radius)
    if picture.mode != "RGBA":
        return picture.filter(blur)
    return picture.convert("RGBa").filter(blur).convert("RGBA")


def _sharpened(picture: Image.Image, radius: float) -> Image.Image:
    mask = ImageFilter.UnsharpMask(radius, _SHARPEN_PERCENT, _SHARPEN_THRESHOLD)
    if picture.mode != "RGBA":
        return picture.filter(mask)
    # What cannot be seen takes the colour of what is around it, so that no edge is sharpened there.
    alpha = picture.getchannel("A")
    around = _blurred(picture, radius).convert("RGB")
    sharpened = Image.composite(picture.convert("RGB"), around, alpha).filter(mask)
    sharpened.putalpha(alpha)
    return sharpened


def _brighter(brightness: int) -> Change:
    table = [max(0, min(255, value + brightness)) for value in range(256)] * 3
    return lambda color: color.point(table)


def _contrasted(contrast: float) -> Change:
    # Around the middle rather than a picture's mean, which differs from frame to frame.
    values = [round((value - 127.5) * contrast + 127.5) for value in range(256)]
    table = [max(0, min(255, value)) for value in values] * 3
    return lambda color: color.point(table)


def _pixelated(picture: Image.Image, side_px: int) -> Image.Image:
    side_px = min(side_px, max(picture.size))
    small = picture.reduce(side_px)
    large = small.resize((small.width * side_px, small.height * side_px), Image.Resampling.NEAREST)
    return large.crop((0, 0, *picture.size))

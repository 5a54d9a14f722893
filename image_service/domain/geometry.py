"""Which part of an original becomes how large, and where it goes: arithmetic on sizes alone.

Semantics: imgproxy's, https://docs.imgproxy.net/usage/processing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from .transform import Gravity, Transform
from .turns import Box, Size


@dataclass(frozen=True)
class Plan:
    """The sizes a picture goes through, in px, as it is seen after all turning.

    crop: the size that is cut out of the original first. scaled: what that is resized to.
    result: what is then cut out, at most as large. canvas: the size that is extended to, at least
    as large, None for no extending. padding: top, right, bottom, left.
    dpr: what offsets and paddings are multiplied by.
    """

    crop: Size
    scaled: Size
    result: Size
    canvas: Size | None
    padding: tuple[int, int, int, int]
    dpr: float

    @property
    def final(self) -> Size:
        """The size of the finished picture."""
        width, height = self.canvas or self.result
        top, right, bottom, left = self.padding
        return Size(width + left + right, height + top + bottom)


def plan(size: Size, transform: Transform) -> Plan:
    """Return what becomes of a picture that is this large after all turning."""
    crop = Size(
        _cropped(size.width, transform.crop_width), _cropped(size.height, transform.crop_height)
    )
    x_scale, y_scale, dpr = _scales(crop, transform)
    scaled = Size(_scaled(crop.width, x_scale), _scaled(crop.height, y_scale))
    target = Size(
        _asked(transform.width, dpr * transform.zoom_x),
        _asked(transform.height, dpr * transform.zoom_y),
    )
    wanted = _wanted(scaled, target, transform)
    result = Size(
        min(wanted.width or scaled.width, scaled.width),
        min(wanted.height or scaled.height, scaled.height),
    )
    padding = transform.padding
    return Plan(
        crop=crop,
        scaled=scaled,
        result=result,
        canvas=_canvas(result, target, transform),
        padding=(
            round(padding.top * dpr),
            round(padding.right * dpr),
            round(padding.bottom * dpr),
            round(padding.left * dpr),
        ),
        dpr=dpr,
    )


def position(
    outer: Size, inner: Size, gravity: Gravity, dpr: float, *, may_stick_out: bool = False
) -> tuple[int, int]:
    """Return left and top, in px, of inner within outer.

    Args:
        dpr: what offsets in px are multiplied by.
        may_stick_out: only one px of inner must be inside.
    """
    if gravity.kind == "fp":
        left = round(outer.width * gravity.x) - inner.width // 2
        top = round(outer.height * gravity.y) - inner.height // 2
    else:
        x = _offset(gravity.x, outer.width, dpr)
        y = _offset(gravity.y, outer.height, dpr)
        left = round((outer.width - inner.width + 1) / 2) + x
        top = round((outer.height - inner.height + 1) / 2) + y
        if gravity.kind.startswith("no"):
            top = y
        if gravity.kind.startswith("so"):
            top = outer.height - inner.height - y
        if gravity.kind.endswith("we"):
            left = x
        if gravity.kind.endswith("ea"):
            left = outer.width - inner.width - x
    if may_stick_out:
        left = _within(left, 1 - inner.width, outer.width - 1)
        top = _within(top, 1 - inner.height, outer.height - 1)
        return left, top
    return _within(left, 0, outer.width - inner.width), _within(top, 0, outer.height - inner.height)


def crop_box(size: Size, planned: Plan, transform: Transform) -> Box:
    """Return the part of a picture that is cut out first; smart gravity counts as the middle."""
    gravity = transform.crop_gravity or transform.gravity
    left, top = position(size, planned.crop, gravity, 1.0)
    return Box(left, top, left + planned.crop.width, top + planned.crop.height)


def source_box(region: Box, planned: Plan, left: int, top: int) -> Box:
    """Return the part of the original that becomes the result: planned.result at left, top.

    Args: region: what is scaled to planned.scaled.
    """
    width, height = region.size
    x, y = width / planned.scaled.width, height / planned.scaled.height
    return Box(
        region.left + left * x,
        region.top + top * y,
        region.left + (left + planned.result.width) * x,
        region.top + (top + planned.result.height) * y,
    )


def _cropped(side: int, crop: float) -> int:
    """Return a cropped side; crop: 0 for all of it, below 1 a share, else px."""
    if crop == 0:
        return side
    return min(side, int(crop)) if crop >= 1 else max(1, _rounded(side * crop))


def _scales(source: Size, transform: Transform) -> tuple[float, float, float]:
    """Return the factors for width and height, and the dpr that is left of the one asked for."""
    x, y = _shrinks(source, transform)
    x, y = x / transform.zoom_x, y / transform.zoom_y
    dpr = transform.dpr
    if not transform.enlarge:
        least = min(x, y)
        if least < 1:
            x, y = x / least, y / least
            # The size asked for cannot be had. A dpr below 1 would lead still farther from it;
            # where the rest is filled, the composition must stay the same.
            if transform.extend is None:
                dpr /= least
        dpr = min(dpr, x, y)
    # Divided in this order, halves of a px are rounded as imgproxy does.
    if transform.min_width and (least := source.width / transform.min_width) < x:
        x, y = least, y / (x / least)
    if transform.min_height and (least := source.height / transform.min_height) < y:
        x, y = x / (y / least), least
    # No side below 1 px.
    return 1 / min(x / dpr, source.width), 1 / min(y / dpr, source.height), dpr


def _shrinks(source: Size, transform: Transform) -> tuple[float, float]:
    """Return how many times smaller width and height become for the size asked for."""
    x = source.width / transform.width if transform.width else 1.0
    y = source.height / transform.height if transform.height else 1.0
    kind = transform.resizing_type
    if kind == "force" or (x == 1 and y == 1):
        return x, y
    if not transform.width:
        return y, y
    if not transform.height:
        return x, x
    if kind == "auto":
        is_wide = source.width >= source.height
        kind = "fill" if is_wide == (transform.width >= transform.height) else "fit"
    both = max(x, y) if kind == "fit" else min(x, y)
    return both, both


def _wanted(scaled: Size, target: Size, transform: Transform) -> Size:
    """Return the size that is cut out of the scaled picture; 0 for a side that stays."""
    is_downward = transform.resizing_type == "fill-down" and not transform.enlarge
    if not is_downward or not target.width or not target.height:
        return target
    x, y = target.width / scaled.width, target.height / scaled.height
    if x > y and x > 1:
        return Size(scaled.width, _scaled(scaled.width, target.height / target.width))
    if y > x and y > 1:
        return Size(_scaled(scaled.height, target.width / target.height), scaled.height)
    return target


def _canvas(result: Size, target: Size, transform: Transform) -> Size | None:
    """Return the size that the result is extended to."""
    width, height = result
    if transform.extend:
        width, height = max(width, target.width), max(height, target.height)
    elif transform.extend_aspect_ratio and target.width and target.height:
        x, y = target.width / width, target.height / height
        if y > x:
            height = max(height, _rounded(width * target.height / target.width))
        elif x > y:
            width = max(width, _rounded(height * target.width / target.height))
    return Size(width, height) if (width, height) != result else None


def _offset(value: float, side: int, dpr: float) -> int:
    return round(value * dpr) if abs(value) >= 1 else round(side * value)


def _asked(side: int, factor: float) -> int:
    """Return a side that is asked for; 0 stays "not given", and nothing else becomes that."""
    return _scaled(side, factor) if side else 0


def _scaled(side: int, factor: float) -> int:
    return max(1, _rounded(side * factor))


def _rounded(value: float) -> int:
    # Halves go up: Python's own rounding would make every second one a px smaller.
    return math.floor(value + 0.5)


def _within(value: int, low: int, high: int) -> int:
    return max(low, min(value, high))

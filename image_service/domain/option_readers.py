"""What the options of a variant's URL take: each reader makes changes to a transform of arguments.

All raise InvalidArgument naming the option, its range and what it was given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import InvalidArgument
from .arguments import is_clean
from .option_values import (
    COMPASS,
    MAX_SIDE_PX,
    Arguments,
    at_most,
    boolean,
    color,
    from_base64,
    gravity,
    integer,
    number,
    one,
    output_format,
    word,
)
from .transform import (
    RESIZING_TYPES,
    AutoQuality,
    Gradient,
    Gravity,
    Padding,
    Trim,
    Watermark,
)

MAX_SCALE = 100.0
MAX_SIGMA = 100.0
MAX_FILENAME_CHARACTERS = 255
MAX_NAME_CHARACTERS = 100
CUTTING = (*COMPASS, "fp", "sm")

Changes = dict[str, Any]
Reader = Callable[[str, Arguments], Changes]

_DIRECTIONS = {"": 0.0, "down": 0.0, "left": 90.0, "up": 180.0, "right": 270.0}
_EXTENDING = (*COMPASS, "fp")
_WATERMARK = (*COMPASS, "re")


def read_size(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(7, option, arguments)
    changes: Changes = {}
    for name, text in zip(("width", "height"), arguments, strict=False):
        if text:
            changes[name] = integer(option, text, low=0, high=MAX_SIDE_PX)
    if len(arguments) > 2 and arguments[2]:
        changes["enlarge"] = boolean(option, arguments[2])
    if len(arguments) > 3 and arguments[3]:
        changes.update(read_extend("extend")(option, arguments[3:]))
    return changes


def read_resize(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(8, option, arguments)
    changes = read_size(option, arguments[1:])
    if arguments and arguments[0]:
        changes["resizing_type"] = word(option, arguments[0], RESIZING_TYPES)
    return changes


def read_extend(name: str) -> Reader:
    """See transform_options."""

    def read(option: str, arguments: Arguments) -> Changes:
        at_most(4, option, arguments)
        is_on = boolean(option, arguments[0] if arguments else "")
        has_gravity = len(arguments) > 1 and any(arguments[1:])
        where = gravity(option, arguments[1:], _EXTENDING) if has_gravity else Gravity()
        return {name: where if is_on else None}

    return read


def read_zoom(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(2, option, arguments)
    factors = [number(option, text, low=1 / MAX_SCALE, high=MAX_SCALE) for text in arguments]
    if not factors:
        raise InvalidArgument(option, f"it needs a number from {1 / MAX_SCALE:g} to {MAX_SCALE:g}")
    return {"zoom_x": factors[0], "zoom_y": factors[-1]}


def read_crop(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(5, option, arguments)
    sides = [
        number(option, text, low=0, high=MAX_SIDE_PX) if text else 0.0
        for text in [*arguments[:2], "", ""][:2]
    ]
    has_gravity = any(arguments[2:])
    return {
        "crop_width": sides[0],
        "crop_height": sides[1],
        "crop_gravity": gravity(option, arguments[2:], CUTTING) if has_gravity else None,
    }


def read_trim(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(4, option, arguments)
    threshold, shade, horizontal, vertical = [*arguments, "", "", "", ""][:4]
    if not threshold:
        return {"trim": None}
    return {
        "trim": Trim(
            threshold=number(option, threshold, low=0, high=255),
            color=color(option, shade) if shade else None,
            equal_horizontal=bool(horizontal) and boolean(option, horizontal),
            equal_vertical=bool(vertical) and boolean(option, vertical),
        )
    }


def read_padding(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(4, option, arguments)
    texts = [*arguments, "", "", "", ""][:4]
    sides = [integer(option, t, low=0, high=MAX_SIDE_PX) if t else None for t in texts]
    top = sides[0] or 0
    right = top if sides[1] is None else sides[1]
    bottom = top if sides[2] is None else sides[2]
    left = right if sides[3] is None else sides[3]
    return {"padding": Padding(top, right, bottom, left)}


def read_rotate(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    angle = integer(option, one(option, arguments), low=-3600, high=3600)
    if angle % 90:
        raise InvalidArgument(option, f"it must be a multiple of 90, not {angle}")
    return {"rotate": angle % 360}


def read_flip(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(2, option, arguments)
    names = ("flip_horizontal", "flip_vertical")
    pairs = zip(names, arguments, strict=False)
    return {name: boolean(option, text) for name, text in pairs if text}


def read_background(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    if len(arguments) == 3:
        red, green, blue = (integer(option, text, low=0, high=255) for text in arguments)
        return {"background": (red, green, blue)}
    text = one(option, arguments)
    return {"background": color(option, text) if text else None}


def read_adjust(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(3, option, arguments)
    names = ("brightness", "contrast", "saturation")
    changes: Changes = {}
    for name, text in zip(names, arguments, strict=False):
        if text:
            changes.update(ADJUSTMENTS[name](option, [text]))
    return changes


def read_gradient(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(5, option, arguments)
    opacity, shade, direction, start, stop = [*arguments, "", "", "", "", ""][:5]
    strength = number(option, opacity, low=0, high=1)
    gradient = Gradient(
        opacity=strength,
        color=color(option, shade) if shade else (0, 0, 0),
        angle=_angle(option, direction),
        start=number(option, start, low=0, high=1) if start else 0.0,
        stop=number(option, stop, low=0, high=1) if stop else 1.0,
    )
    return {"gradient": gradient if strength else None}


def _angle(option: str, text: str) -> float:
    if text in _DIRECTIONS:
        return _DIRECTIONS[text]
    return number(option, text, low=-360, high=360) % 360


def read_auto_quality(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(5, option, arguments)
    # The allowed error is imgproxy's way to end its search early; here the best of all is found.
    method, target, low, high, _ = [*arguments, "", "", "", "", ""][:5]
    if word(option, method or "none", ("none", "dssim", "size")) == "none":
        return {"auto_quality": None}
    limit, default = (1.0, 0.02) if method == "dssim" else (2.0**31, 0.0)
    if not target and not default:
        raise InvalidArgument(option, "method size needs a target, in bytes")
    quality = AutoQuality(
        method,
        number(option, target, low=0, high=limit) if target else default,
        integer(option, low, low=1, high=100) if low else 70,
        integer(option, high, low=1, high=100) if high else 80,
    )
    if quality.low > quality.high:
        raise InvalidArgument(option, f"{quality.low} is more than {quality.high}")
    return {"auto_quality": quality}


def read_png_options(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(3, option, arguments)
    interlaced, quantize, count = [*arguments, "", "", ""][:3]
    if interlaced and boolean(option, interlaced):
        raise InvalidArgument(option, "interlaced PNG is not made")
    colors = integer(option, count, low=2, high=256) if count else 256
    return {"colors": colors if quantize and boolean(option, quantize) else 0}


def read_watermark(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(5, option, arguments)
    opacity, position, x, y, scale = [*arguments, "", "", "", "", ""][:5]
    strength = number(option, opacity, low=0, high=1)
    where = gravity(option, [position or "ce", x, y], _WATERMARK)
    size = number(option, scale, low=0, high=MAX_SCALE) if scale else 0.0
    return {"watermark": Watermark(strength, where, size) if strength else None}


def read_watermark_name(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    name = from_base64(option, one(option, arguments))
    if len(name) > MAX_NAME_CHARACTERS or not is_clean(name):
        raise InvalidArgument(option, f"it must be at most {MAX_NAME_CHARACTERS} characters")
    return {"watermark_name": name}


def read_format_quality(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    if not arguments or len(arguments) % 2:
        raise InvalidArgument(option, "it must be pairs of a format and a quality")
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return {
        "format_quality": tuple(
            (output_format(option, word), integer(option, quality, low=0, high=100))
            for word, quality in pairs
        )
    }


def read_filename(option: str, arguments: Arguments) -> Changes:
    """See transform_options."""
    at_most(2, option, arguments)
    name, encoded = [*arguments, "", ""][:2]
    text = from_base64(option, name) if encoded and boolean(option, encoded) else name
    if len(text) > MAX_FILENAME_CHARACTERS or not is_clean(text):
        why = f"it must be at most {MAX_FILENAME_CHARACTERS} printable characters"
        raise InvalidArgument(option, why)
    return {"filename": text}


def read_nothing(option: str, arguments: Arguments) -> Changes:
    """Read what makes another URL of the same picture."""
    at_most(1, option, arguments)
    return {}


def integers(name: str, low: int, high: int) -> Reader:
    """Return what reads the one argument of an option into a field of this name."""
    return lambda option, arguments: {
        name: integer(option, one(option, arguments), low=low, high=high)
    }


def numbers(name: str, low: float, high: float) -> Reader:
    """Return what reads the one argument of an option into a field of this name."""
    return lambda option, arguments: {
        name: number(option, one(option, arguments), low=low, high=high)
    }


def booleans(name: str) -> Reader:
    """Return what reads the one argument of an option into a field of this name."""
    return lambda option, arguments: {name: boolean(option, one(option, arguments))}


ADJUSTMENTS: dict[str, Reader] = {
    "brightness": integers("brightness", -255, 255),
    "contrast": numbers("contrast", 0, MAX_SCALE),
    "saturation": numbers("saturation", 0, MAX_SCALE),
}

"""The options of a variant's URL, with imgproxy's names, arguments and meanings.

Source: https://docs.imgproxy.net/usage/processing. Where imgproxy takes what it cannot read for a
default, this says what is wrong instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InvalidArgument
from .arguments import is_clean
from .formats import Format
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
from .transform import RESIZING_TYPES, Gravity, Padding, Transform, Trim, Watermark

MAX_SCALE = 100.0
MAX_SIGMA = 100.0
MAX_FILENAME_CHARACTERS = 255

_MAX_OPTIONS = 100
_EXTENDING = (*COMPASS, "fp")
_CUTTING = (*COMPASS, "fp", "sm")
_WATERMARK = (*COMPASS, "re")


@dataclass(frozen=True)
class Asked:
    """What a URL's options ask for: the variant, and how it is sent.

    expires_s: Unix time after which the URL is refused, None or 0 for never.
    filename: for Content-Disposition, "" for the original's. raw: the original as it is,
        whatever else is asked for. skipped: originals of these formats, too, where no other format
        is asked for.
    """

    transform: Transform = field(default_factory=Transform)
    expires_s: int | None = None
    filename: str = ""
    is_attachment: bool | None = None
    is_raw: bool = False
    skipped: tuple[Format, ...] = ()


Presets = Mapping[str, str]
Changes = dict[str, Any]
Reader = Callable[[str, Arguments], Changes]


def parse_options(parts: Sequence[str], presets: Presets | None = None) -> Asked:
    """Return what options like "rs:fill:300:400" ask for; the preset "default" comes first.

    Args:
        parts: the options between a URL's slashes, each with its arguments, without
            percent-encoding.
        presets: options by name, as in "rs:fit:200:200/q:70".
    Raises: InvalidArgument naming the option, its range and what it was given.
    """
    known = presets or {}
    reading = _Reading(known)
    if "default" in known:
        reading.take_preset("default")
    reading.take(parts)
    return reading.asked()


class _Reading:
    """Options taken one after the other; later ones win."""

    def __init__(self, presets: Presets) -> None:
        self._presets = presets
        self._under_way: list[str] = []
        self._count = 0
        self._transform: Changes = {}
        self._asked: Changes = {}

    def take(self, parts: Sequence[str]) -> None:
        for part in parts:
            self._count += 1
            if self._count > _MAX_OPTIONS:
                raise InvalidArgument("options", f"there are more than {_MAX_OPTIONS}")
            name, *arguments = part.split(":")
            if name in _PRESET_NAMES:
                for preset in arguments:
                    self.take_preset(preset)
                continue
            if name not in _READERS:
                raise InvalidArgument(name[:40] or "options", "there is no such option")
            full_name, read = _READERS[name]
            for change, value in read(full_name, arguments).items():
                self._change(change, value)

    def take_preset(self, name: str) -> None:
        if name not in self._presets:
            raise InvalidArgument("preset", f"there is none named {name[:40]!r}")
        if name in self._under_way:
            raise InvalidArgument("preset", f"{name!r} includes itself")
        self._under_way.append(name)
        self.take([part for part in self._presets[name].split("/") if part])
        self._under_way.pop()

    def _change(self, name: str, value: Any) -> None:
        if name == "format_quality":
            value = tuple({**dict(self._transform.get(name, ())), **dict(value)}.items())
        target = self._asked if name in _ASKED else self._transform
        target[name] = value

    def asked(self) -> Asked:
        return replace(Asked(**self._asked), transform=Transform(**self._transform))


_ASKED = frozenset(("expires_s", "filename", "is_attachment", "is_raw", "skipped"))


def _size(option: str, arguments: Arguments) -> Changes:
    at_most(7, option, arguments)
    changes: Changes = {}
    for name, text in zip(("width", "height"), arguments, strict=False):
        if text:
            changes[name] = integer(option, text, low=0, high=MAX_SIDE_PX)
    if len(arguments) > 2 and arguments[2]:
        changes["enlarge"] = boolean(option, arguments[2])
    if len(arguments) > 3 and arguments[3]:
        changes.update(_extend("extend")(option, arguments[3:]))
    return changes


def _resize(option: str, arguments: Arguments) -> Changes:
    at_most(8, option, arguments)
    changes = _size(option, arguments[1:])
    if arguments and arguments[0]:
        changes["resizing_type"] = word(option, arguments[0], RESIZING_TYPES)
    return changes


def _extend(name: str) -> Reader:
    def read(option: str, arguments: Arguments) -> Changes:
        at_most(4, option, arguments)
        is_on = boolean(option, arguments[0] if arguments else "")
        has_gravity = len(arguments) > 1 and any(arguments[1:])
        where = gravity(option, arguments[1:], _EXTENDING) if has_gravity else Gravity()
        return {name: where if is_on else None}

    return read


def _zoom(option: str, arguments: Arguments) -> Changes:
    at_most(2, option, arguments)
    factors = [number(option, text, low=1 / MAX_SCALE, high=MAX_SCALE) for text in arguments]
    if not factors:
        raise InvalidArgument(option, f"it needs a number from {1 / MAX_SCALE:g} to {MAX_SCALE:g}")
    return {"zoom_x": factors[0], "zoom_y": factors[-1]}


def _crop(option: str, arguments: Arguments) -> Changes:
    at_most(5, option, arguments)
    sides = [
        number(option, text, low=0, high=MAX_SIDE_PX) if text else 0.0
        for text in [*arguments[:2], "", ""][:2]
    ]
    has_gravity = any(arguments[2:])
    return {
        "crop_width": sides[0],
        "crop_height": sides[1],
        "crop_gravity": gravity(option, arguments[2:], _CUTTING) if has_gravity else None,
    }


def _trim(option: str, arguments: Arguments) -> Changes:
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


def _padding(option: str, arguments: Arguments) -> Changes:
    at_most(4, option, arguments)
    texts = [*arguments, "", "", "", ""][:4]
    sides = [integer(option, t, low=0, high=MAX_SIDE_PX) if t else None for t in texts]
    top = sides[0] or 0
    right = top if sides[1] is None else sides[1]
    bottom = top if sides[2] is None else sides[2]
    left = right if sides[3] is None else sides[3]
    return {"padding": Padding(top, right, bottom, left)}


def _rotate(option: str, arguments: Arguments) -> Changes:
    angle = integer(option, one(option, arguments), low=-3600, high=3600)
    if angle % 90:
        raise InvalidArgument(option, f"it must be a multiple of 90, not {angle}")
    return {"rotate": angle % 360}


def _flip(option: str, arguments: Arguments) -> Changes:
    at_most(2, option, arguments)
    names = ("flip_horizontal", "flip_vertical")
    pairs = zip(names, arguments, strict=False)
    return {name: boolean(option, text) for name, text in pairs if text}


def _background(option: str, arguments: Arguments) -> Changes:
    if len(arguments) == 3:
        red, green, blue = (integer(option, text, low=0, high=255) for text in arguments)
        return {"background": (red, green, blue)}
    text = one(option, arguments)
    return {"background": color(option, text) if text else None}


def _adjust(option: str, arguments: Arguments) -> Changes:
    at_most(3, option, arguments)
    names = ("brightness", "contrast", "saturation")
    changes: Changes = {}
    for name, text in zip(names, arguments, strict=False):
        if text:
            changes.update(_READERS[name][1](option, [text]))
    return changes


def _watermark(option: str, arguments: Arguments) -> Changes:
    at_most(5, option, arguments)
    opacity, position, x, y, scale = [*arguments, "", "", "", "", ""][:5]
    strength = number(option, opacity, low=0, high=1)
    where = gravity(option, [position or "ce", x, y], _WATERMARK)
    size = number(option, scale, low=0, high=MAX_SCALE) if scale else 0.0
    return {"watermark": Watermark(strength, where, size) if strength else None}


def _format_quality(option: str, arguments: Arguments) -> Changes:
    if not arguments or len(arguments) % 2:
        raise InvalidArgument(option, "it must be pairs of a format and a quality")
    pairs = zip(arguments[::2], arguments[1::2], strict=True)
    return {
        "format_quality": tuple(
            (output_format(option, word), integer(option, quality, low=0, high=100))
            for word, quality in pairs
        )
    }


def _filename(option: str, arguments: Arguments) -> Changes:
    at_most(2, option, arguments)
    name, encoded = [*arguments, "", ""][:2]
    text = from_base64(option, name) if encoded and boolean(option, encoded) else name
    if len(text) > MAX_FILENAME_CHARACTERS or not is_clean(text):
        why = f"it must be at most {MAX_FILENAME_CHARACTERS} printable characters"
        raise InvalidArgument(option, why)
    return {"filename": text}


def _nothing(option: str, arguments: Arguments) -> Changes:
    """Read what makes another URL of the same picture."""
    at_most(1, option, arguments)
    return {}


def _integers(name: str, low: int, high: int) -> Reader:
    return lambda option, arguments: {
        name: integer(option, one(option, arguments), low=low, high=high)
    }


def _numbers(name: str, low: float, high: float) -> Reader:
    return lambda option, arguments: {
        name: number(option, one(option, arguments), low=low, high=high)
    }


def _booleans(name: str) -> Reader:
    return lambda option, arguments: {name: boolean(option, one(option, arguments))}


_PRESET_NAMES = ("preset", "pr")
_TABLE: tuple[tuple[str, Reader], ...] = (
    ("resize rs", _resize),
    ("size s", _size),
    (
        "resizing_type rt",
        lambda o, a: {"resizing_type": word(o, one(o, a), RESIZING_TYPES)},
    ),
    ("width w", _integers("width", 0, MAX_SIDE_PX)),
    ("height h", _integers("height", 0, MAX_SIDE_PX)),
    ("min-width min_width mw", _integers("min_width", 0, MAX_SIDE_PX)),
    ("min-height min_height mh", _integers("min_height", 0, MAX_SIDE_PX)),
    ("zoom z", _zoom),
    ("dpr", _numbers("dpr", 1 / MAX_SCALE, MAX_SCALE)),
    ("enlarge el", _booleans("enlarge")),
    ("extend ex", _extend("extend")),
    ("extend_aspect_ratio extend_ar exar", _extend("extend_aspect_ratio")),
    ("gravity g", lambda o, a: {"gravity": gravity(o, a, _CUTTING)}),
    ("crop c", _crop),
    ("trim t", _trim),
    ("padding pd", _padding),
    ("auto_rotate ar", _booleans("auto_rotate")),
    ("rotate rot", _rotate),
    ("flip fl", _flip),
    ("background bg", _background),
    ("adjust a", _adjust),
    ("brightness br", _integers("brightness", -255, 255)),
    ("contrast co", _numbers("contrast", 0, MAX_SCALE)),
    ("saturation sa", _numbers("saturation", 0, MAX_SCALE)),
    ("blur bl", _numbers("blur", 0, MAX_SIGMA)),
    ("sharpen sh", _numbers("sharpen", 0, MAX_SIGMA)),
    ("pixelate pix", _integers("pixelate", 0, MAX_SIDE_PX)),
    ("watermark wm", _watermark),
    ("strip_metadata sm", _booleans("strip_metadata")),
    ("keep_copyright kcr", _booleans("keep_copyright")),
    ("strip_color_profile scp", _booleans("strip_color_profile")),
    ("quality q", _integers("quality", 0, 100)),
    ("format_quality fq", _format_quality),
    ("max_bytes mb", _integers("max_bytes", 0, 2**31)),
    ("format f ext", lambda o, a: {"format": output_format(o, one(o, a))}),
    ("raw", _booleans("is_raw")),
    ("skip_processing skp", lambda o, a: {"skipped": tuple(output_format(o, t) for t in a)}),
    ("cachebuster cb", _nothing),
    ("expires exp", _integers("expires_s", 0, 2**53)),
    ("filename fn", _filename),
    ("return_attachment att", _booleans("is_attachment")),
)
_READERS: dict[str, tuple[str, Reader]] = {
    alias: (names.partition(" ")[0], read) for names, read in _TABLE for alias in names.split()
}

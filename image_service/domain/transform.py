"""What a variant is: everything that decides about its pixels and bytes, and nothing else."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .formats import Format

Color = tuple[int, int, int]
"""Red, green and blue in sRGB, each 0..255."""

RESIZING_TYPES = ("fit", "fill", "fill-down", "force", "auto")
OUTPUT_FORMATS = (Format.JPEG, Format.PNG, Format.WEBP, Format.AVIF, Format.GIF)

_RENDERING = 1
"""Raised when the same transform begins to give another picture: cached ones are not used then."""


@dataclass(frozen=True)
class Gravity:
    """Which part stays when something is cut, or where a smaller picture is put on a larger.

    kind: ce no so ea we noea nowe soea sowe, sm (smart: the most striking part) or fp (focus
        point); a watermark may also be at re (repeated).
    x, y: offset from there, towards the middle; px from 1 on, below that a share of the side. Of a
        focus point 0..1 from the left and the top.
    """

    kind: str = "ce"
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Trim:
    """Cut away what surrounds the picture in one colour.

    threshold: how far a channel may differ, 0..255; color: None for that of the top left corner.
    equal_horizontal, equal_vertical: as much from either side.
    """

    threshold: float
    color: Color | None = None
    equal_horizontal: bool = False
    equal_vertical: bool = False


@dataclass(frozen=True)
class Watermark:
    """A configured image over the picture.

    opacity: 0..1; scale: its size as a share of the picture's, 0 for as it is.
    """

    opacity: float
    gravity: Gravity = field(default_factory=Gravity)
    scale: float = 0.0


@dataclass(frozen=True)
class Gradient:
    """A colour laid over the picture, from nothing to its opacity.

    angle: the way it grows, clockwise degrees from downwards; start, stop: where along that way
    it begins and where it is full, 0..1.
    """

    opacity: float
    color: Color = (0, 0, 0)
    angle: float = 0.0
    start: float = 0.0
    stop: float = 1.0


@dataclass(frozen=True)
class AutoQuality:
    """The quality, between two, that comes nearest to a target from below.

    method: dssim, 1 / SSIM - 1 of the encoded picture at most target; or size, bytes at most.
    """

    method: str
    target: float
    low: int
    high: int


@dataclass(frozen=True)
class Padding:
    """Room around the picture, in px before dpr."""

    top: int = 0
    right: int = 0
    bottom: int = 0
    left: int = 0


@dataclass(frozen=True)
class Transform:
    """How a variant is made of an original. Sides in px; 0 is "not given" where that makes sense.

    The steps are in this order, whatever the order of a URL's options: orientation, trim, crop,
    resize, rotate and flip, cut to the size asked for, colours and filters, extend, padding,
    background, gradient, watermark, encode.
    """

    resizing_type: str = "fit"
    width: int = 0
    height: int = 0
    min_width: int = 0
    min_height: int = 0
    zoom_x: float = 1.0
    zoom_y: float = 1.0
    dpr: float = 1.0
    enlarge: bool = False
    extend: Gravity | None = None
    extend_aspect_ratio: Gravity | None = None
    gravity: Gravity = field(default_factory=Gravity)
    # From 1 on px, below that a share of the side.
    crop_width: float = 0.0
    crop_height: float = 0.0
    crop_gravity: Gravity | None = None
    trim: Trim | None = None
    padding: Padding = field(default_factory=Padding)
    auto_rotate: bool = True
    # Clockwise: 0, 90, 180 or 270.
    rotate: int = 0
    flip_horizontal: bool = False
    flip_vertical: bool = False
    brightness: int = 0
    contrast: float = 1.0
    saturation: float = 1.0
    background: Color | None = None
    # Standard deviations of Gaussians, in px.
    blur: float = 0.0
    sharpen: float = 0.0
    pixelate: int = 0
    gradient: Gradient | None = None
    watermark: Watermark | None = None
    watermark_name: str = ""
    # None until it is resolved for a client; then one of OUTPUT_FORMATS.
    format: Format | None = None
    # 0 until it is resolved: 1..100.
    quality: int = 0
    format_quality: tuple[tuple[Format, int], ...] = ()
    max_bytes: int = 0
    auto_quality: AutoQuality | None = None
    # Of a PNG with a palette, 2..256; 0: without one.
    colors: int = 0
    strip_metadata: bool = True
    keep_copyright: bool = True
    strip_color_profile: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults, as JSON."""
        return {
            spec.name: _plain(value)
            for spec in dataclasses.fields(self)
            if (value := getattr(self, spec.name)) != _DEFAULTS[spec.name]
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Transform:
        """Return the transform that to_json() made values of."""
        return cls(**{name: _rich(name, value) for name, value in values.items()})

    @property
    def key(self) -> str:
        """A name for it in 32 hex digits; equal transforms have equal names."""
        text = json.dumps([_RENDERING, self.to_json()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


_DEFAULTS: dict[str, Any] = vars(Transform())
_GRAVITIES = ("gravity", "crop_gravity", "extend", "extend_aspect_ratio")


def _plain(value: Any) -> Any:
    if isinstance(value, Format):
        return value.value
    # 2.0 and 2 are equal, and so are -0.0 and 0: one spelling, one key.
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(item) for name, item in vars(value).items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _rich(name: str, value: Any) -> Any:
    read = _READERS.get(name)
    return value if value is None or read is None else read(value)


def _colored(value: Any) -> Color | None:
    return None if value is None else tuple(value)


_READERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(_GRAVITIES, lambda value: Gravity(**value)),
    "trim": lambda value: Trim(**{**value, "color": _colored(value["color"])}),
    "gradient": lambda value: Gradient(**{**value, "color": _colored(value["color"])}),
    "watermark": lambda value: Watermark(**{**value, "gravity": Gravity(**value["gravity"])}),
    "padding": lambda value: Padding(**value),
    "auto_quality": lambda value: AutoQuality(**value),
    "background": _colored,
    "format": Format,
    "format_quality": lambda value: tuple((Format(word), quality) for word, quality in value),
}

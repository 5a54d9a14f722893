"""The options of a variant's URL, with imgproxy's names, arguments and meanings.

Source: https://docs.imgproxy.net/usage/processing. Where imgproxy takes what it cannot read for a
default, this says what is wrong instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..errors import InvalidArgument
from .formats import Format
from .option_readers import (
    ADJUSTMENTS,
    CUTTING,
    MAX_SCALE,
    MAX_SIGMA,
    Changes,
    Reader,
    booleans,
    integers,
    numbers,
    read_adjust,
    read_auto_quality,
    read_background,
    read_crop,
    read_extend,
    read_filename,
    read_flip,
    read_format_quality,
    read_gradient,
    read_nothing,
    read_padding,
    read_png_options,
    read_resize,
    read_rotate,
    read_size,
    read_trim,
    read_watermark,
    read_watermark_name,
    read_zoom,
)
from .option_values import MAX_SIDE_PX, gravity, one, output_format, word
from .transform import RESIZING_TYPES, Transform

_MAX_OPTIONS = 100


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

    def skips(self, original: Format) -> bool:
        """Tell whether an original of this format is one of those skipped."""
        return original in self.skipped and not self.transform.format


Presets = Mapping[str, str]


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

_PRESET_NAMES = ("preset", "pr")
_TABLE: tuple[tuple[str, Reader], ...] = (
    ("resize rs", read_resize),
    ("size s", read_size),
    (
        "resizing_type rt",
        lambda o, a: {"resizing_type": word(o, one(o, a), RESIZING_TYPES)},
    ),
    ("width w", integers("width", 0, MAX_SIDE_PX)),
    ("height h", integers("height", 0, MAX_SIDE_PX)),
    ("min-width min_width mw", integers("min_width", 0, MAX_SIDE_PX)),
    ("min-height min_height mh", integers("min_height", 0, MAX_SIDE_PX)),
    ("zoom z", read_zoom),
    ("dpr", numbers("dpr", 1 / MAX_SCALE, MAX_SCALE)),
    ("enlarge el", booleans("enlarge")),
    ("extend ex", read_extend("extend")),
    ("extend_aspect_ratio extend_ar exar", read_extend("extend_aspect_ratio")),
    ("gravity g", lambda o, a: {"gravity": gravity(o, a, CUTTING)}),
    ("crop c", read_crop),
    ("trim t", read_trim),
    ("padding pd", read_padding),
    ("auto_rotate ar", booleans("auto_rotate")),
    ("rotate rot", read_rotate),
    ("flip fl", read_flip),
    ("background bg", read_background),
    ("adjust a", read_adjust),
    ("brightness br", ADJUSTMENTS["brightness"]),
    ("contrast co", ADJUSTMENTS["contrast"]),
    ("saturation sa", ADJUSTMENTS["saturation"]),
    ("blur bl", numbers("blur", 0, MAX_SIGMA)),
    ("sharpen sh", numbers("sharpen", 0, MAX_SIGMA)),
    ("pixelate pix", integers("pixelate", 0, MAX_SIDE_PX)),
    ("gradient gr", read_gradient),
    ("watermark wm", read_watermark),
    ("watermark_url wmu", read_watermark_name),
    ("strip_metadata sm", booleans("strip_metadata")),
    ("keep_copyright kcr", booleans("keep_copyright")),
    ("strip_color_profile scp", booleans("strip_color_profile")),
    ("quality q", integers("quality", 0, 100)),
    ("format_quality fq", read_format_quality),
    ("autoquality aq", read_auto_quality),
    ("png_options pngo", read_png_options),
    ("max_bytes mb", integers("max_bytes", 0, 2**31)),
    ("format f ext", lambda o, a: {"format": output_format(o, one(o, a))}),
    ("raw", booleans("is_raw")),
    ("skip_processing skp", lambda o, a: {"skipped": tuple(output_format(o, t) for t in a)}),
    ("cachebuster cb", read_nothing),
    ("expires exp", integers("expires_s", 0, 2**53)),
    ("filename fn", read_filename),
    ("return_attachment att", booleans("is_attachment")),
)
_READERS: dict[str, tuple[str, Reader]] = {
    alias: (names.partition(" ")[0], read) for names, read in _TABLE for alias in names.split()
}

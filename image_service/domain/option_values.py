"""One argument of an option at a time: the one bounded parser for what stands in a URL."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Sequence

from ..errors import InvalidArgument
from .formats import EXTENSIONS, Format
from .transform import OUTPUT_FORMATS, Color, Gravity

MAX_SIDE_PX = 16384

COMPASS = ("ce", "no", "so", "ea", "we", "noea", "nowe", "soea", "sowe")

Arguments = Sequence[str]

# As many decimals as the shortest spelling of a double needs: builders write 1/3 in full.
_NUMBER = re.compile(r"[+-]?([0-9]{1,12}(\.[0-9]{0,24})?|\.[0-9]{1,24})")
_INTEGER = re.compile(r"[+-]?[0-9]{1,16}")
_HEX = re.compile(r"[0-9a-fA-F]{3}|[0-9a-fA-F]{6}")
# As Go's strconv.ParseBool has them.
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("0", "f", "F", "false", "False", "FALSE"), False),
}


def one(option: str, arguments: Arguments) -> str:
    """Return the only argument, "" if there is none."""
    at_most(1, option, arguments)
    return arguments[0] if arguments else ""


def at_most(count: int, option: str, arguments: Arguments) -> None:
    """Raise InvalidArgument if there are more arguments than count."""
    if len(arguments) > count:
        raise InvalidArgument(option, f"it has {len(arguments)} arguments, more than {count}")


def integer(option: str, text: str, *, low: int, high: int) -> int:
    """Return text as an int within low..high, both inclusive."""
    if not _INTEGER.fullmatch(text) or not low <= int(text) <= high:
        raise InvalidArgument(
            option, f"it must be a whole number from {low} to {high}, not {text[:40]!r}"
        )
    return int(text)


def number(option: str, text: str, *, low: float, high: float) -> float:
    """Return text as a float within low..high, both inclusive."""
    if not _NUMBER.fullmatch(text) or not low <= float(text) <= high:
        raise InvalidArgument(
            option, f"it must be a number from {low:g} to {high:g}, not {text[:40]!r}"
        )
    return float(text)


def boolean(option: str, text: str) -> bool:
    """Return text as a truth value."""
    if text not in _BOOLEANS:
        raise InvalidArgument(option, f"it must be 1, t, true, 0, f or false, not {text[:40]!r}")
    return _BOOLEANS[text]


def word(option: str, text: str, words: Sequence[str]) -> str:
    """Return text if it is one of words."""
    if text not in words:
        raise InvalidArgument(option, f"it must be one of {', '.join(words)}, not {text[:40]!r}")
    return text


def color(option: str, text: str) -> Color:
    """Return the colour that three or six hex digits spell."""
    if not _HEX.fullmatch(text):
        why = f"it must be a colour as ff8800 or f80, not {text[:40]!r}"
        raise InvalidArgument(option, why)
    digits = text if len(text) == 6 else "".join(digit * 2 for digit in text)
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def output_format(option: str, text: str) -> Format:
    """Return the format that an extension names, if variants can have it."""
    format_ = EXTENSIONS.get(text.lower())
    if format_ not in OUTPUT_FORMATS:
        words = ", ".join(known.extension for known in OUTPUT_FORMATS)
        raise InvalidArgument(option, f"it must be one of {words}, not {text[:40]!r}")
    return format_


def gravity(option: str, arguments: Arguments, kinds: Sequence[str]) -> Gravity:
    """Return the gravity that kind:x:y spells, if it is one of kinds."""
    kind = word(option, arguments[0] if arguments else "", kinds)
    offsets = list(arguments[1:])
    at_most({"sm": 0}.get(kind, 2), option, offsets)
    if kind == "fp":
        if len(offsets) != 2:
            raise InvalidArgument(option, "a focus point needs x and y, each from 0 to 1")
        x, y = (number(option, text, low=0, high=1) for text in offsets)
        return Gravity(kind, x, y)
    low, high = -float(MAX_SIDE_PX), float(MAX_SIDE_PX)
    x, y = (
        number(option, text, low=low, high=high) if text else 0.0 for text in [*offsets, "", ""][:2]
    )
    return Gravity(kind, x, y)


def from_base64(
    option: str, text: str, *, why: str = "it is not URL-safe base64 of UTF-8 text"
) -> str:
    """Return the text that URL-safe base64 spells."""
    try:
        padded = text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidArgument(option, why) from None

"""The one bounded parser for what callers pass beside the picture: tags, checksums, numbers."""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping

from ..errors import InvalidArgument

MAX_TAGS = 64
MAX_ATTRIBUTES = 64
MAX_LABEL_CHARACTERS = 128
MAX_ATTRIBUTE_VALUE_CHARACTERS = 2048
MAX_IDEMPOTENCY_KEY_CHARACTERS = 255
MAX_OWNER_CHARACTERS = 255

_MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
_CHECKSUM = re.compile(r"sha256:([0-9a-f]{64})", re.IGNORECASE)


def integer(value: object, name: str, *, low: int, high: int) -> int:
    """Return value as an int within low..high, both inclusive.

    Raises: InvalidArgument naming the range; a bool or a float is no integer.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidArgument(name, f"it must be a whole number from {low} to {high}")
    if not low <= value <= high:
        shown = value if abs(value) < 2**64 else "the number"  # not thousands of digits
        raise InvalidArgument(name, f"{shown} is not from {low} to {high}")
    return value


def text(value: object, name: str, *, max_characters: int) -> str:
    """Return value if it is text of 1..max_characters without control characters."""
    if not isinstance(value, str) or not value.strip():
        raise InvalidArgument(name, "it must be non-empty text")
    if len(value) > max_characters:
        raise InvalidArgument(name, f"it has {len(value)} characters, more than {max_characters}")
    if not is_clean(value):
        raise InvalidArgument(name, "it contains control characters or broken unicode")
    return value


def is_clean(value: str) -> bool:
    """Tell whether text holds no control characters and no halves of surrogate pairs.

    They break headers and terminals. Joiners and unusual spaces, as emoji and the screenshots of
    some systems have them, are fine.
    """
    return all(unicodedata.category(c) not in ("Cc", "Cs") for c in value)


def tags(value: object) -> tuple[str, ...]:
    """Return tags without repetitions, in the order given; None means none."""
    if value is None:
        return ()
    if not isinstance(value, (list, tuple)):
        raise InvalidArgument("tags", "it must be a list of text")
    if len(value) > MAX_TAGS:
        raise InvalidArgument("tags", f"there are {len(value)}, more than {MAX_TAGS}")
    return tuple(
        dict.fromkeys(text(tag, "tags", max_characters=MAX_LABEL_CHARACTERS) for tag in value)
    )


def attributes(value: object) -> dict[str, str]:
    """Return a flat mapping of text to text; None means none."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidArgument("attributes", "it must be a flat mapping of text to text")
    if len(value) > MAX_ATTRIBUTES:
        raise InvalidArgument("attributes", f"there are {len(value)}, more than {MAX_ATTRIBUTES}")
    for key, item in value.items():
        text(key, "attributes", max_characters=MAX_LABEL_CHARACTERS)
        if not isinstance(item, str):
            raise InvalidArgument("attributes", f"the value of {key!r} must be text")
        if item:
            _attribute_value(item)
    return dict(value)


def _attribute_value(value: str) -> None:
    if len(value) > MAX_ATTRIBUTE_VALUE_CHARACTERS:
        raise InvalidArgument(
            "attributes", f"a value is longer than {MAX_ATTRIBUTE_VALUE_CHARACTERS} characters"
        )
    try:
        value.encode()
    except UnicodeEncodeError:
        raise InvalidArgument("attributes", "a value contains broken unicode") from None


def checksum(value: object) -> bytes | None:
    """Return the 32 bytes of a "sha256:<64 hex digits>" text, None for None."""
    return None if value is None else _checksum(value, "checksum")


def _checksum(value: object, name: str) -> bytes:
    match = _CHECKSUM.fullmatch(value) if isinstance(value, str) else None
    if not match:
        raise InvalidArgument(name, 'it must be "sha256:" and 64 hexadecimal digits')
    return bytes.fromhex(match[1])


def checksums(value: object, *, at_most: int) -> list[bytes]:
    """Return the 32 bytes of each of 1..at_most "sha256:<64 hex digits>" texts."""
    if not isinstance(value, (list, tuple)) or not value:
        raise InvalidArgument("checksums", "it must be a list of checksums")
    if len(value) > at_most:
        raise InvalidArgument("checksums", f"there are {len(value)}, more than {at_most}")
    return [_checksum(each, "checksums") for each in value]


def owner(value: object) -> str:
    """Return who a caller says that it is, "" for None; a number as its digits."""
    if value is None or value == "":
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64:
        value = str(value)
    return text(value, "owner", max_characters=MAX_OWNER_CHARACTERS)


def flag(value: object, name: str) -> bool:
    """Return value if it is true or false."""
    if not isinstance(value, bool):
        raise InvalidArgument(name, "it must be true or false")
    return value


def _parse_moment(text: str, name: str) -> dt.datetime:
    match = _MOMENT.fullmatch(text)
    try:
        if match:
            seconds, fraction, offset = match.groups()
            # Python 3.10 reads fractions of three or six digits only, and no Z.
            fraction = (fraction or "0")[:6].ljust(6, "0")
            offset = "+00:00" if offset in (None, "Z", "z") else offset
            return dt.datetime.fromisoformat(f"{seconds}.{fraction}{offset}")
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(name, "it must be RFC 3339, as 2026-01-31T12:00:00Z") from None


def moment_ms(value: object, name: str, *, round_up: bool = False) -> int | None:
    """Return an RFC 3339 text or datetime as Unix milliseconds; without an offset it is UTC.

    Args:
        round_up: what to do with fractions of a millisecond, so that comparisons stay exact.
    Raises: InvalidArgument if value is no such thing, or lies outside the years 1 to 9999.
    """
    if value is None:
        return None
    if isinstance(value, str):
        value = _parse_moment(value.strip(), name)
    if not isinstance(value, dt.datetime):
        raise InvalidArgument(name, "it must be RFC 3339 text, as 2026-01-31T12:00:00Z")
    if value.tzinfo is None:
        value = value.replace(tzinfo=dt.timezone.utc)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    microseconds = (value - epoch) // dt.timedelta(microseconds=1)
    return -(-microseconds // 1000) if round_up else microseconds // 1000

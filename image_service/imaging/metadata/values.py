"""Texts and numbers from files, made safe for JSON and bounded."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable

MAX_TEXT = 2_000
"""Most characters of a text."""
MAX_LIST = 200
"""Most texts in a list, as keywords."""
MAX_JSON_BYTES = 32 * 1024
"""Most bytes of a list of texts, or of all EXIF, as ASCII JSON."""

_MAX_READ_BYTES = 4 * MAX_TEXT
_UNSAFE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_BIGGEST_EXACT = 2**53
_SIGNIFICANT_DIGITS = 8


def clean_text(text: str) -> str | None:
    """Return text up to its first NUL, trimmed, without control characters; None if blank."""
    text = text[: 2 * _MAX_READ_BYTES].partition("\0")[0]
    if not text.isprintable():
        text = _UNSAFE.sub("", text)
    return text.strip()[:MAX_TEXT].rstrip() or None


def decode_text(raw: bytes) -> str | None:
    """Return the text of raw up to its first NUL: UTF-8, or Latin-1 where it is not."""
    raw = raw.partition(b"\0")[0][:_MAX_READ_BYTES]
    try:
        return clean_text(raw.decode("utf-8"))
    except UnicodeDecodeError as exc:
        if len(raw) == _MAX_READ_BYTES and exc.start > len(raw) - 4:  # cut through a character
            return clean_text(raw[: exc.start].decode("utf-8"))
    return clean_text(raw.decode("latin-1"))


def decode_utf16(raw: bytes, codec: str) -> str | None:
    """Return the text of raw up to its first NUL. codec: "utf-16-le" or "utf-16-be"."""
    raw = raw[:_MAX_READ_BYTES]
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16-le" if raw[0] == 0xFF else "utf-16-be"
        raw = raw[2:]
    return clean_text(raw.decode(codec, "ignore"))


def any_text(value: object) -> str | None:
    """Return the text of what Pillow's info holds under a key, which may be anything."""
    if isinstance(value, bytes):
        return decode_text(value)
    return clean_text(str(value)) if isinstance(value, str) else None


def unique_texts(texts: Iterable[str | None]) -> list[str]:
    """Return the texts without blanks and repetitions: the first 200, and 32 KiB of JSON."""
    seen: dict[str, None] = {}
    room = MAX_JSON_BYTES - 2
    for text in texts:
        if text is None or text in seen:
            continue
        room -= len(json.dumps(text)) + 2
        if room < 0 or len(seen) == MAX_LIST:
            break
        seen[text] = None
    return list(seen)


def to_number(value: int | float) -> int | float | None:
    """Return value as an int where it is whole, else with 8 digits; None beyond 64 bits."""
    if isinstance(value, int):
        return value if -(2**63) <= value < 2**63 else None
    if not math.isfinite(value):
        return None
    if value == int(value) and abs(value) < _BIGGEST_EXACT:
        return int(value)
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}")


def to_ratio(numerator: int, denominator: int) -> int | float | None:
    """Return a rational as a number; None where the denominator is 0."""
    if denominator == 0:
        return None
    whole, rest = divmod(numerator, denominator)
    return to_number(numerator / denominator) if rest else whole

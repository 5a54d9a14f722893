"""Dates as cameras write them, told as RFC 3339."""

from __future__ import annotations

import datetime as dt
import re

_DATE = re.compile(
    r"(?P<date>[0-9]{4}[-:/.][0-9]{2}[-:/.][0-9]{2})[ T]"
    r"(?P<time>(?:[01][0-9]|2[0-3]):[0-9]{2}(:[0-9]{2})?)"
    r"(\.(?P<fraction>[0-9]{1,9}))?(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?"
)
_FRACTION = re.compile(r"[0-9]{1,9}")
_OFFSET = re.compile(r"Z|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9]")


def to_rfc3339(text: str, fraction: str | None, offset: str | None) -> str | None:
    """Return an EXIF date ("2020:07:01 10:20:30") as "2020-07-01T10:20:30.12+02:00".

    Args:
        fraction: digits behind the second's point (SubSecTime). offset: from UTC (OffsetTime).
    Returns: None for what is no day or time that ever was; without offset where that is unknown.
    """
    match = _DATE.fullmatch(text.strip())
    if not match:
        return None
    date, time = re.sub("[:/.]", "-", match["date"]), match["time"]
    try:
        dt.datetime.fromisoformat(f"{date}T{time}")
    except ValueError:
        return None
    if len(time) == len("10:20"):
        time += ":00"
    fraction = match["fraction"] or _if_it_is(_FRACTION, fraction)
    offset = _if_it_is(_OFFSET, match["offset"]) or _if_it_is(_OFFSET, offset)
    return f"{date}T{time}{'.' + fraction if fraction else ''}{offset or ''}"


def _if_it_is(pattern: re.Pattern[str], text: str | None) -> str | None:
    return text.strip() if text and pattern.fullmatch(text.strip()) else None

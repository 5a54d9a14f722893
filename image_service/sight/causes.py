"""What lay behind an error that callers are told: for the log, in one line."""

from __future__ import annotations

import logging

from ..errors import ImageServiceError, StorageUnavailable

_LONGEST = 300


def log_cause(log: logging.Logger, exc: ImageServiceError) -> None:
    """Log why the store was not available, where that is known. On the hub only."""
    if isinstance(exc, StorageUnavailable) and (cause := cause_of(exc)):
        log.warning("%s: %s", exc.args[0], cause)


def cause_of(exc: BaseException) -> str:
    """Return the first line of what an exception was raised from, "" for nothing.

    Of a database's error what its driver said: what SQLAlchemy makes of it repeats every value.
    """
    cause = exc.__cause__
    if cause is None:
        return ""
    said = getattr(cause, "orig", None) or cause
    line = (str(said).strip().splitlines() or [""])[0]
    return f"{type(said).__name__}: {line}"[:_LONGEST]

"""What databases' errors mean: ours that callers get, and what may be run again."""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from ..domain.listing import ListQuery
from ..errors import SearchTooSlow, StorageFull, StorageUnavailable

_DISK_FULL = "53100"
_TOOK_TOO_LONG = "57014"
_BUSY = frozenset(("55P03", _TOOK_TOO_LONG, "53300", "40001", "40P01"))
_CONFLICTS = frozenset(("40001", "40P01", "23505"))
_TABLE_IS_MISSING = "42P01"
_READ_ONLY = "25006"
_ENDING = ("57P01", "57P02", "57P03", "08")


class Remedy(enum.Enum):
    """What may be done about a transaction that failed before its commit."""

    NONE = "nothing"
    PREPARE = "make what is missing and run it again"
    RECONNECT = "run it again on another connection"
    AGAIN = "run it again: somebody else was in the way"


class CommitUnknown(Exception):
    """Raised when a commit failed in such a way that it may have been carried out."""


def remedy_for(exc: BaseException) -> Remedy:
    """Return what may be done about an error of a transaction that has not been committed."""
    if isinstance(exc, sa.exc.OperationalError) and _has_vanished(str(exc.orig)):
        return Remedy.PREPARE
    code = code_of(exc)
    if code == _TABLE_IS_MISSING:
        return Remedy.PREPARE
    if is_disconnected(exc):
        return Remedy.RECONNECT
    return Remedy.AGAIN if code in _CONFLICTS else Remedy.NONE


def is_disconnected(exc: BaseException) -> bool:
    """Tell whether a connection is of no use any more: lost, or to a server that only reads now."""
    if not isinstance(exc, sa.exc.DBAPIError):
        return False
    return exc.connection_invalidated or code_of(exc) == _READ_ONLY or _ends(code_of(exc))


def code_of(exc: BaseException) -> str:
    """Return PostgreSQL's code of an error, "" where there is none."""
    return getattr(getattr(exc, "orig", None), "pgcode", None) or ""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the database's errors into ours."""
    try:
        yield
    except CommitUnknown as exc:
        raise StorageUnavailable("its catalogue did not say whether it kept the change") from exc
    except sa.exc.SQLAlchemyError as exc:
        message = str(getattr(exc, "orig", None) or exc).lower()
        if code_of(exc) == _DISK_FULL or (not _is_of_postgres(exc) and "full" in message):
            raise StorageFull from exc
        raise StorageUnavailable(_what_failed(exc, message)) from exc
    except OSError as exc:
        raise StorageUnavailable(f"its catalogue: {exc.strerror}") from exc


@contextlib.contextmanager
def told_as_too_slow(query: ListQuery) -> Iterator[None]:
    """Raise SearchTooSlow where a search for a word was ended for the time it took.

    It would take as long again: it is not to be tried elsewhere, or by the caller once more.
    """
    try:
        yield
    except sa.exc.DBAPIError as exc:
        if query.filename is not None and code_of(exc) == _TOOK_TOO_LONG:
            raise SearchTooSlow from exc
        raise


def _has_vanished(message: str) -> bool:
    return "no such table" in message or "unable to open database file" in message


def _ends(code: str) -> bool:
    return code.startswith(_ENDING)


def _is_of_postgres(exc: Any) -> bool:
    return hasattr(getattr(exc, "orig", None), "pgcode")


def _what_failed(exc: sa.exc.SQLAlchemyError, message: str) -> str:
    if isinstance(exc, sa.exc.TimeoutError) or code_of(exc) in _BUSY:
        return "its catalogue is busy"
    if _is_of_postgres(exc):
        is_down = is_disconnected(exc) or not code_of(exc)
        return "its catalogue cannot be reached" if is_down else "its catalogue failed"
    if "locked" in message:
        return "its catalogue is busy"
    if "malformed" in message or "not a database" in message:
        return "its catalogue is damaged: see A damaged catalogue in docs/operations.md"
    return "its catalogue failed"

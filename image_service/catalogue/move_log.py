"""A catalogue in SQLite on its way to another database: what changes meanwhile, and the end of it.

While a log is kept, triggers note which images and requests were changed, whoever by: what is
copied need not be a picture of one moment then. In the end everything in the file stays as it is,
by triggers, too, and its `user_version` says so, which a transaction reads for next to nothing.
"""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from .tables import images, outbox, requests, turns

_MOVED = 1
_WAYS = ("INSERT", "UPDATE", "DELETE")
_LOG = sa.table("move_log", sa.column("number"), sa.column("kind"), sa.column("key"))
_FORGET = sa.delete(_LOG).where(_LOG.c.number == sa.bindparam("of_number"))
_MAKE = (
    # A key that changes again gets another number: one that was copied meanwhile stays noted.
    "CREATE TABLE move_log (number INTEGER PRIMARY KEY AUTOINCREMENT,"
    " kind TEXT NOT NULL, key TEXT NOT NULL, UNIQUE (kind, key))"
)


class Kind(enum.Enum):
    """What was changed: an image, by its id, or a request, by its key."""

    IMAGE = "image"
    REQUEST = "request"


_KEYS = {Kind.IMAGE: (images.name, images.c.id.name), Kind.REQUEST: (requests.name, "key")}


@dataclass(frozen=True)
class Noted:
    """A change that was noted. number: of the note, which the next change replaces."""

    number: int
    kind: Kind
    key: str


def has_moved(connection: sa.Connection) -> bool:
    """Tell whether a SQLite catalogue has been given up for another database."""
    return bool(connection.exec_driver_sql("PRAGMA user_version").scalar() == _MOVED)


def file_has_moved(path: Path) -> bool:
    """Tell the same of a file; False where none is. Raises: sqlite3.Error."""
    if not path.is_file():
        return False
    connection = sqlite3.connect(path)
    try:
        return bool(connection.execute("PRAGMA user_version").fetchone()[0] == _MOVED)
    finally:
        connection.close()


def has_log(connection: sa.Connection) -> bool:
    """Tell whether changes are noted."""
    return sa.inspect(connection).has_table(_LOG.name)


def begin_log(connection: sa.Connection) -> None:
    """Note changes from now on; a log that is there goes on."""
    if has_log(connection):
        return
    connection.exec_driver_sql(_MAKE)
    for kind, (table, key) in _KEYS.items():
        for way in _WAYS:
            which = "OLD" if way == "DELETE" else "NEW"
            values = f"'{kind.value}', {which}.{key}"
            # A trigger takes no parameters; all of these are names of ours. Not OR REPLACE: what is
            # done about a conflict the statement that fired it would say.
            forget = f"DELETE FROM move_log WHERE (kind, key) = ({values})"  # noqa: S608
            note = f"INSERT INTO move_log (kind, key) VALUES ({values})"  # noqa: S608
            connection.exec_driver_sql(
                f"CREATE TRIGGER move_log_{table}_{way.lower()} AFTER {way} ON {table}"
                f" BEGIN {forget}; {note}; END"
            )


def end_log(connection: sa.Connection) -> None:
    """Note nothing any more, and forget what was noted."""
    for table, _ in _KEYS.values():
        for way in _WAYS:
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS move_log_{table}_{way.lower()}")
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {_LOG.name}")


def noted(connection: sa.Connection, at_most: int) -> list[Noted]:
    """Return what was noted and not forgotten, the oldest first."""
    found = sa.select(_LOG).order_by(_LOG.c.number).limit(at_most)
    return [Noted(row.number, Kind(row.kind), row.key) for row in connection.execute(found)]


def count_noted(connection: sa.Connection) -> int:
    """Return how many notes there are."""
    return connection.scalar(sa.select(sa.func.count()).select_from(_LOG)) or 0


def forget(connection: sa.Connection, notes: Collection[Noted]) -> None:
    """Forget notes; those of what has been changed again meanwhile stay."""
    if notes:
        connection.execute(_FORGET, [{"of_number": each.number} for each in notes])


def give_up(connection: sa.Connection) -> None:
    """Have nothing in this catalogue change any more: another one has taken its place."""
    end_log(connection)
    for table in (images, requests, outbox, turns):
        for way in _WAYS:
            connection.exec_driver_sql(
                f"CREATE TRIGGER moved_{table.name}_{way.lower()} BEFORE {way} ON {table.name}"
                " BEGIN SELECT RAISE(ABORT, 'the catalogue has moved'); END"
            )
    connection.exec_driver_sql(f"PRAGMA user_version = {_MOVED}")

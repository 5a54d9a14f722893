"""SQLite's index of filenames: which images have a word in theirs, without reading the names.

A virtual table of FTS5 that triggers keep (migration 0012), of the living alone. Its documents are
numbered in the order of creation, so that a page of a word that most names have is a short walk,
too. PostgreSQL's index is one that LIKE finds by itself: trigrams.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ..domain.listing import ListQuery
from .tables import images
from .walks import counted

CHARACTERS_AT_LEAST = 3
"""What is shorter no index knows, of either database: these are of runs of three characters."""
NUMBERS_PER_MS = 500_000
"""Of the documents of one millisecond, which are in the order of their images' ids."""

# 500000: NUMBERS_PER_MS, which the triggers have, too.
_FILL = (
    "INSERT INTO filename_index (rowid, filename_folded, image_id) SELECT created_ms * 500000 "
    "+ row_number() OVER (PARTITION BY created_ms ORDER BY id) - 1, filename_folded, id "
    "FROM images WHERE deleted_ms IS NULL ORDER BY created_ms, id"
)
# What was put in at once is in many parts, which later uploads would merge, some for 0.2 s each.
_MERGE = "INSERT INTO filename_index (filename_index) VALUES ('optimize')"
_TRIGGERS = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'filename_index_%'"
)
_LAST_MS = (2**63 - 1) // NUMBERS_PER_MS - 1

_index = sa.table("filename_index", sa.column("rowid", sa.Integer), sa.column("image_id"))
_TABLE: sa.ColumnElement[Any] = sa.literal_column(_index.name)

created_ms: sa.ColumnElement[int] = (_index.c.rowid // NUMBERS_PER_MS).label("created_ms")
"""When what matches() returns was created, in Unix milliseconds."""


def has_word(query: ListQuery) -> bool:
    """Tell whether a query has a word that an index may know: a long one, of the living."""
    return len(query.filename or "") >= CHARACTERS_AT_LEAST and not query.trashed


def are_indexed(connection: sa.Connection) -> bool:
    """Tell whether a database has this index."""
    return connection.dialect.name == "sqlite"


def is_more_than_a_word(query: ListQuery) -> bool:
    """Tell whether a query asks for something that the index does not know."""
    known = replace(query, filename=None, created_from_ms=None, created_until_ms=None)
    return known.is_filtered


def count(connection: sa.Connection, query: ListQuery) -> int:
    """Return how many images of the time asked for have the word: COUNTED_AT_MOST + 1 at most."""
    return counted(connection, matches(query, _index.c.rowid))


def matches(query: ListQuery, column: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Return what has the word, of the time asked for, in no order."""
    word = str(query.filename).replace('"', '""')
    found = sa.select(column).select_from(_index)
    found = found.where(_TABLE.op("MATCH", is_comparison=True)(f'"{word}"'))
    if query.created_from_ms is not None:
        found = found.where(_index.c.rowid >= _number(query.created_from_ms))
    if query.created_until_ms is not None:
        found = found.where(_index.c.rowid < _number(query.created_until_ms))
    return found


def join_images(found: sa.Select[Any]) -> sa.Select[Any]:
    """Return matches() with their images."""
    return found.join_from(_index, images, images.c.id == _index.c.image_id)


def walk(query: ListQuery, found: sa.Select[Any]) -> sa.Select[Any]:
    """Return matches() in the order of creation, from where the page begins."""
    number, id_ = _index.c.rowid, _index.c.image_id
    found = found.order_by(number.desc() if query.descending else number.asc())
    if not query.after:
        return found
    moment_ms, last_id = query.after
    first, end = _number(moment_ms), _number(moment_ms + 1)
    if query.descending:
        return found.where(number < end, (number < first) | (id_ < last_id))
    return found.where(number >= first, (number >= end) | (id_ > last_id))


def fill(connection: sa.Connection) -> None:
    """Put in whatever there is, into an empty index, in a fraction of what one by one takes."""
    connection.exec_driver_sql(_FILL)
    connection.exec_driver_sql(_MERGE)


@contextlib.contextmanager
def filled_at_the_end(connection: sa.Connection) -> Iterator[None]:
    """Leave the index of a new catalogue empty until all its images are in."""
    triggers = connection.exec_driver_sql(_TRIGGERS).all()
    for name, _ in triggers:
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
    yield
    fill(connection)
    for _, statement in triggers:
        connection.exec_driver_sql(statement)


def _number(moment_ms: int) -> int:
    # Callers may ask for times at which nothing was created, such as the year 1.
    return max(-1, min(moment_ms, _LAST_MS)) * NUMBERS_PER_MS

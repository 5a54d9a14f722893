"""Copies of a catalogue as it is at one moment: SQLite files, whatever it is kept in."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from . import slots
from .failures import translated
from .filenames import filled_at_the_end
from .migrate import upgrade
from .postgres import PostgresOptions, create_postgres_engine
from .sqlite import create_sqlite_writer
from .tables import image_tags, images, months, owners, requests, sent_digests, tags, totals

_ROWS_AT_ONCE = 1_000


def copy_sqlite(file: Path, target: Path) -> None:
    """Copy a database file. Raises: sqlite3.Error."""
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def copy_postgres(options: PostgresOptions, target: Path) -> None:
    """Fill a new SQLite file with what a PostgreSQL has. Raises: StorageUnavailable."""
    with contextlib.ExitStack() as stack:
        stack.enter_context(translated())
        source = create_postgres_engine(options, is_bounded=False)
        stack.callback(source.dispose)
        copy = create_sqlite_writer(target, timeout_s=10, is_shared=False)
        stack.callback(copy.dispose)
        upgrade(copy)
        moment = source.connect().execution_options(
            isolation_level="REPEATABLE READ", stream_results=True, max_row_buffer=_ROWS_AT_ONCE
        )
        read = stack.enter_context(moment)
        with (
            copy.connect().execution_options(writes=True) as write,
            write.begin(),
            filled_at_the_end(write),
        ):
            write.execute(sa.delete(totals))
            for table, wanted in _statements():
                for rows in _batches(read, wanted):
                    write.execute(sa.insert(table), rows)
        read.rollback()
        with copy.connect() as connection:  # one file, without a log beside it
            raw = connection.connection.dbapi_connection
            assert raw
            raw.execute("PRAGMA journal_mode = DELETE")


def _statements() -> list[tuple[sa.Table, sa.Select[Any]]]:
    """Return what is copied: counts as they are told, no leases, nothing that is in flight."""
    return [
        *((table, sa.select(table)) for table in (images, image_tags, sent_digests)),
        (requests, sa.select(requests).where(requests.c.image_id.is_not(None))),
        (totals, slots.read_totals()),
        (months, slots.read_months()),
        (owners, slots.read_owners()),
        (tags, slots.read_all_tags()),
    ]


def _batches(connection: sa.Connection, wanted: sa.Select[Any]) -> Iterator[list[dict[str, Any]]]:
    for rows in connection.execute(wanted).mappings().partitions(_ROWS_AT_ONCE):
        yield [dict(row) for row in rows]

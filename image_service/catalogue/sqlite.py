"""The SQLite engine of a catalogue: write-ahead log, every commit on disk before it returns."""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .transactions import Transactions

_NATIVE_THREADS_AT_MOST = 512
# Of the pages that a reading connection keeps, which the next commit makes worthless: with SQLite's
# own 2 MB dozens of threads grow for hours.
_READ_CACHE_KIB = 256


def create_sqlite_engine(path: Path, *, timeout_s: float) -> sa.Engine:
    """Return an engine with one connection for each thread that uses it.

    A queue of connections would block threads on locks that eventlet has replaced; connections
    that belong to their thread need none, and opening one for each transaction costs 0.3 ms.

    Args:
        path: the database file; made when missing, its folder is not.
        timeout_s: how long a transaction waits for another process's.
    """
    pool = {"poolclass": sa.pool.SingletonThreadPool, "pool_size": _NATIVE_THREADS_AT_MOST}
    engine = _create_engine(path, timeout_s, pool)
    sa.event.listen(engine, "connect", _keep_few_pages)
    return engine


def create_sqlite_writer(path: Path, *, timeout_s: float) -> sa.Engine:
    """Return an engine with one connection, for one thread at a time.

    A connection forgets the pages it has in memory whenever another one commits. With one for
    each thread every commit read 29 pages again; with one for all it finds them.
    Args: as create_sqlite_engine's.
    """
    return _create_engine(path, timeout_s, {"poolclass": sa.pool.StaticPool})


def open_sqlite(
    path: Path,
    *,
    timeout_s: float,
    prepare: Callable[[sa.Engine], None],
    committed: Callable[[float], object] = lambda _: None,
) -> Transactions:
    """Return the transactions of a database file.

    Args:
        path, timeout_s: as create_sqlite_engine's.
        prepare: makes the tables that are missing, with the engine it is given.
        committed: see Transactions.
    """
    engine = create_sqlite_engine(path, timeout_s=timeout_s)
    return Transactions(
        engine,
        prepare=functools.partial(prepare, engine),
        writer=create_sqlite_writer(path, timeout_s=timeout_s),
        committed=committed,
    )


def _create_engine(path: Path, timeout_s: float, pool: dict[str, Any]) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        # Every transaction is ended where it began: nothing is left for the pool to roll back.
        pool_reset_on_return=None,
        connect_args={"timeout": timeout_s, "check_same_thread": False},
        **pool,
    )
    sa.event.listen(engine, "connect", _configure)
    sa.event.listen(engine, "checkout", _refuse_vanished_file(path))
    sa.event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: sqlite3.Connection, record: Any) -> None:
    connection.isolation_level = None  # BEGIN is ours, below
    connection.execute("PRAGMA journal_mode = WAL")
    # FULL: NORMAL loses the last commits on power loss.
    connection.execute("PRAGMA synchronous = FULL")
    database = next(iter(connection.execute("PRAGMA database_list")))[2]
    record.info["file"] = os.stat(database)  # noqa: PTH116


def _keep_few_pages(connection: sqlite3.Connection, record: Any) -> None:  # noqa: ARG001
    connection.execute(f"PRAGMA cache_size = -{_READ_CACHE_KIB}")


def _refuse_vanished_file(path: Path) -> Any:
    """Return a listener that renews connections to a file which is no longer at path.

    Without it, commits after the directory was removed would go to a file nobody can find.
    """

    def check(connection: sqlite3.Connection, record: Any, proxy: Any) -> None:  # noqa: ARG001
        try:
            is_there = os.path.samestat(path.stat(), record.info["file"])
        except FileNotFoundError:
            is_there = False
        if not is_there:
            raise sa.exc.DisconnectionError("the database file is not the one this was opened on")

    return check


def _begin(connection: sa.Connection) -> None:
    # A transaction that reads first and writes later can fail as busy halfway: take the write
    # lock at once, where waiting for it is possible.
    writes = connection.get_execution_options().get("writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

"""The SQLite engine of a catalogue: write-ahead log, every commit on disk before it returns."""

from __future__ import annotations

import functools
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..native import time
from .transactions import Transactions
from .writers_queue import WritersQueue

_NATIVE_THREADS_AT_MOST = 512
# Of the pages that a reading connection keeps, which the next commit makes worthless: with SQLite's
# own 2 MB dozens of threads grow for hours.
_READ_CACHE_KIB = 256
_LOOK_AGAIN_S = 0.001


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
    sa.event.listen(engine, "begin", _begin)
    return engine


def create_sqlite_writer(path: Path, *, timeout_s: float, is_shared: bool = True) -> sa.Engine:
    """Return an engine with one connection, for one thread at a time.

    A connection forgets the pages it has in memory whenever another one commits. With one for
    each thread every commit read 29 pages again; with one for all it finds them.
    Args:
        path, timeout_s: as create_sqlite_engine's.
        is_shared: whether other processes write to it.
    """
    engine = _create_engine(path, timeout_s, {"poolclass": sa.pool.StaticPool})
    if not is_shared:
        sa.event.listen(engine, "begin", _begin)
        return engine
    sa.event.listen(engine, "connect", _queue_up_beside(path))
    sa.event.listen(engine, "begin", _begin_in_turn(timeout_s))
    sa.event.listen(engine, "checkin", _leave_queue)
    return engine


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


def _queue_up_beside(path: Path) -> Any:
    def connect(connection: sqlite3.Connection, record: Any) -> None:
        connection.execute("PRAGMA busy_timeout = 0")  # waiting is ours
        record.info["queue"] = WritersQueue(path)

    return connect


def _begin_in_turn(timeout_s: float) -> Any:
    """Return a listener that waits for other processes' transactions.

    SQLite's own waiting sleeps ever longer, up to 100 ms, while others come and go: with two or
    four processes that write without pause the longest wait was three times as long. So they queue
    up; for others, such as the sqlite3 command, it looks often. Each look is the driver's alone:
    the errors that SQLAlchemy makes of its errors cost eight times as much.
    """

    def begin(connection: sa.Connection) -> None:
        if connection.get_execution_options().get("writes"):
            raw: Any = connection.connection.dbapi_connection
            deadline_s = time.monotonic() + timeout_s
            connection.info["queue"].enter(timeout_s)
            while _is_others_turn(raw) and time.monotonic() < deadline_s:
                time.sleep(_LOOK_AGAIN_S)
            if raw.in_transaction:
                return
        _begin(connection)  # or fail, as all statements do

    return begin


def _leave_queue(connection: sqlite3.Connection | None, record: Any) -> None:  # noqa: ARG001
    if "queue" in record.info:
        record.info["queue"].leave()


def _is_others_turn(connection: sqlite3.Connection) -> bool:
    """Begin a transaction that writes, or return True where another connection has begun one."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.Error as exc:
        return "locked" in str(exc)
    return False

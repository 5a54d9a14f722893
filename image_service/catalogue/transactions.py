"""Transactions: begun, committed, and run again where that is safe and may help."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from .. import native
from ..errors import StorageUnavailable
from .failures import CommitUnknown, Remedy, code_of, is_disconnected, remedy_for, translated
from .together import GroupCommit, Work, timed

T = TypeVar("T")
_TRIES = 5
_LONGEST_PAUSE_S = 0.05


class Transactions:
    """Runs work on a database, each in a transaction of its own or of several writers."""

    def __init__(
        self,
        engine: sa.Engine,
        *,
        prepare: Callable[[], None],
        writer: sa.Engine | None = None,
        is_shared: bool = True,
        committed: Callable[[float], object] = lambda _: None,
    ) -> None:
        """Args:
        engine: for what only reads; writer: for what writes, the same one for None.
        prepare: makes the database and its tables where they are missing.
        is_shared: one transaction for the writes of several threads: where one connection
            writes at a time.
        committed: is told of each transaction that wrote, and how many seconds it took.
        """
        self.engine = engine
        self.writer = writer or engine
        self._prepare = prepare
        write = timed(functools.partial(self._run, writes=True), committed)
        self._write = GroupCommit(write).write if is_shared else write

    def prepare(self) -> None:
        """Make the database and its tables. Raises: StorageFull, StorageUnavailable."""
        with translated():
            self._prepare()

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        self.writer.dispose()

    def read(self, work: Work[T]) -> T:
        """Run what only reads. Raises: StorageUnavailable."""
        return self._run(work, writes=False)

    def write(self, work: Work[T]) -> T:
        """Run what writes; return its result once that is on disk.

        Args: work: may be run more than once, each time after all it did has been undone.
        Raises: StorageFull; StorageUnavailable, where the change may have been kept, too.
        """
        result: T = self._write(work)
        return result

    def _run(self, work: Work[T], *, writes: bool) -> T:
        with translated():
            tried: list[Remedy] = []
            while True:
                try:
                    return self._once(work, writes=writes)
                except sa.exc.SQLAlchemyError as exc:
                    remedy = remedy_for(exc)
                    if not _may_help(remedy, tried):
                        raise
                    tried.append(remedy)
                if remedy is Remedy.PREPARE:
                    self._prepare_again()
                elif remedy is Remedy.AGAIN:
                    native.time.sleep(random.uniform(0, _LONGEST_PAUSE_S))  # noqa: S311

    def _prepare_again(self) -> None:
        try:
            self._prepare()
        except StorageUnavailable as exc:  # callers need not know where it is
            raise StorageUnavailable("its catalogue cannot be reached") from exc

    def _once(self, work: Work[T], *, writes: bool) -> T:
        engine = self.writer if writes else self.engine
        with engine.connect().execution_options(writes=writes) as connection:
            transaction = connection.begin()
            try:
                result = work(connection)
            except BaseException as exc:
                _give_up(connection, transaction, exc)
                raise
            try:
                transaction.commit()
            except sa.exc.DBAPIError as exc:
                # What the server itself refused it has undone; else nobody knows.
                if is_disconnected(exc) and not (code_of(exc) and not _is_over(exc)):
                    raise CommitUnknown from exc
                raise
            return result


def _give_up(
    connection: sa.Connection, transaction: sa.RootTransaction, exc: BaseException
) -> None:
    if is_disconnected(exc) and not connection.invalidated:
        connection.invalidate(exc)  # a server that only reads now: look for the other one
    transaction.rollback()


def _is_over(exc: sa.exc.DBAPIError) -> bool:
    return exc.connection_invalidated or code_of(exc).startswith(("57P", "08"))


def _may_help(remedy: Remedy, tried: list[Remedy]) -> bool:
    if remedy is Remedy.NONE or len(tried) >= _TRIES:
        return False
    return remedy is Remedy.AGAIN or remedy not in tried

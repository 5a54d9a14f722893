"""Two databases of which the second takes the first one's place, in the middle of the work.

Each transaction on the first looks whether it has been given up, within itself: nothing is read
that a change in the second has overtaken, and nothing written that would be lost.
"""

from __future__ import annotations

import functools
from typing import TypeVar

import sqlalchemy as sa

from .holders import Holder
from .leases import SqlLease
from .move_log import has_moved
from .together import Work
from .transactions import Transactions

T = TypeVar("T")


class _Moved(Exception):
    """Raised by work on a database that has been given up, before it began."""


class SwitchingTransactions(Transactions):
    """Transactions of a SQLite file until it has moved, of another database from then on."""

    def __init__(self, before: Transactions, after: Transactions) -> None:
        self.before = before
        self.after = after
        self.has_switched = False

    @property
    def engine(self) -> sa.Engine:  # type: ignore[override]
        """What reads at this time."""
        return (self.after if self.has_switched else self.before).engine

    @property
    def writer(self) -> sa.Engine:  # type: ignore[override]
        """What writes at this time."""
        return (self.after if self.has_switched else self.before).writer

    def look(self) -> bool:
        """Tell whether the second is in use by now. Raises: StorageUnavailable."""
        self.read(lambda _: None)
        return self.has_switched

    def prepare(self) -> None:
        """See Transactions.prepare: both, as either may be asked next."""
        self.before.prepare()
        self.after.prepare()

    def close(self) -> None:
        """See Transactions.close."""
        self.before.close()
        self.after.close()

    def read(self, work: Work[T]) -> T:
        """See Transactions.read."""
        if not self.has_switched:
            try:
                return self.before.read(functools.partial(_run_if_there, work))
            except _Moved:
                self.has_switched = True
        return self.after.read(work)

    def write(self, work: Work[T]) -> T:
        """See Transactions.write."""
        if not self.has_switched:
            try:
                return self.before.write(functools.partial(_run_if_there, work))
            except _Moved:
                self.has_switched = True
        return self.after.write(work)


def _run_if_there(work: Work[T], connection: sa.Connection) -> T:
    if has_moved(connection):
        raise _Moved
    return work(connection)


class SwitchingHolder:
    """A Holder in both: what is in flight when the second takes over stays this process's."""

    def __init__(
        self, transactions: SwitchingTransactions, before: Holder, after: SqlLease
    ) -> None:
        """Args: before, after: this process's lease in each, under the same id."""
        self._transactions = transactions
        self._before = before
        self._after = after

    @property
    def id(self) -> str:
        """See Holder.id."""
        return (self._after if self._transactions.has_switched else self._before).id

    @property
    def former_ids(self) -> frozenset[str]:
        """See Holder.former_ids."""
        return self._before.former_ids | self._after.former_ids | {self._before.id}

    def begin(self) -> None:
        """See Holder.begin."""
        self._before.begin()
        self._after.begin()

    def end(self) -> None:
        """See Holder.end."""
        self._after.end()
        self._before.end()

    def check(self, connection: sa.Connection) -> None:
        """See Holder.check."""
        self._of(connection).check(connection)

    def is_alive(self, connection: sa.Connection, lease_id: str) -> bool:
        """See Holder.is_alive."""
        return self._of(connection).is_alive(connection, lease_id)

    def _of(self, connection: sa.Connection) -> Holder:
        return self._before if connection.dialect.name == "sqlite" else self._after

"""The Journal in the database: names of blobs whose work is under way, under their leases."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..errors import StorageUnavailable
from ..native import threading
from .clock import now_ms
from .holders import Holder
from .tables import leases, provisional
from .transactions import Transactions

_INSERT = {
    "sqlite": sqlite.insert(provisional).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(provisional).on_conflict_do_nothing(),
}
_BURY = {
    "sqlite": sqlite.insert(leases).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(leases).on_conflict_do_nothing(),
}
_DEAD = sa.select(leases.c.id).where(leases.c.dead_ms.is_not(None))


class SqlJournal:
    """A Journal in the catalogue's database. See domain.ports.Journal."""

    def __init__(self, transactions: Transactions, holder: Holder, *, grace_s: float) -> None:
        """Args: grace_s: for how long what a process began may still happen after its death."""
        self._transactions = transactions
        self._holder = holder
        self._grace_ms = int(grace_s * 1000)
        # Names that the catalogue has ended in a transaction of its own.
        self._ended: set[str] = set()
        self._lock = threading.Lock()

    def begin(self, name: str) -> None:
        """See Journal.begin."""

        def work(connection: sa.Connection) -> None:
            self._holder.check(connection)
            self.begin_within(connection, name)

        self._transactions.write(work)

    def end(self, name: str) -> None:
        """See Journal.end."""
        with self._lock:
            if name in self._ended:
                self._ended.remove(name)
                return
        mine = provisional.c.holder.in_([self._holder.id, *self._holder.former_ids])
        ended = sa.delete(provisional).where(
            provisional.c.name == name, mine | provisional.c.holder.in_(_DEAD)
        )
        self._transactions.write(lambda connection: connection.execute(ended))

    def left_over(self) -> list[str]:
        """See Journal.left_over."""
        return self._transactions.write(self._left_over)

    def noted(self) -> set[str]:
        """See Journal.noted."""
        select = sa.select(provisional.c.name).distinct()
        return set(self._transactions.read(lambda connection: connection.scalars(select).all()))

    def begin_within(self, connection: sa.Connection, name: str) -> None:
        """Note a name in a transaction, one that has ended in another, too."""
        with self._lock:
            self._ended.discard(name)
        row = {"name": name, "holder": self._holder.id}
        connection.execute(_INSERT[connection.dialect.name], row)

    def check(self, connection: sa.Connection, name: str) -> None:
        """In a transaction, see to it that a name is this process's until that has ended.

        Raises: StorageUnavailable where others may clear it up.
        """
        mine = sa.select(provisional.c.name).where(
            provisional.c.name == name, provisional.c.holder == self._holder.id
        )
        if not connection.scalar(mine.with_for_update()):
            raise StorageUnavailable("this process was taken for dead meanwhile")

    def end_within(self, connection: sa.Connection, name: str) -> None:
        """End a name in a transaction; told() says that it was committed. Raises: as check()."""
        mine = sa.delete(provisional).where(
            provisional.c.name == name, provisional.c.holder == self._holder.id
        )
        if not connection.execute(mine).rowcount:
            raise StorageUnavailable("this process was taken for dead meanwhile")

    def told(self, name: str) -> None:
        """Take note that end_within() was committed: end() has nothing left to do."""
        with self._lock:
            self._ended.add(name)

    def _left_over(self, connection: sa.Connection) -> list[str]:
        others = (
            sa.select(provisional.c.holder)
            .distinct()
            .where(provisional.c.holder != self._holder.id, provisional.c.holder.not_in(_DEAD))
        )
        for holder in connection.scalars(others).all():
            if not self._holder.is_alive(connection, holder):
                # Whose lease nobody has any more: dead from now on.
                row = {"id": holder, "expires_ms": 0, "dead_ms": now_ms()}
                connection.execute(_BURY[connection.dialect.name].values(row))
        living = sa.select(provisional.c.name).where(provisional.c.holder.not_in(_DEAD))
        long_dead = leases.c.dead_ms <= now_ms() - self._grace_ms
        names = (
            sa.select(provisional.c.name)
            .distinct()
            .join(leases, leases.c.id == provisional.c.holder)
            # What one that lives is at work on, too, is left to it.
            .where(long_dead, provisional.c.name.not_in(living))
            .order_by(provisional.c.name)
        )
        return list(connection.scalars(names))

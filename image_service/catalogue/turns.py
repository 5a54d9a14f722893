"""Turns: work that one process at a time does, whatever machine it is on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from .. import native
from ..errors import ImageServiceError, StorageFull
from .clock import now_ms
from .holders import Holder
from .tables import turns
from .transactions import Transactions

_RENEWALS = 3
_OLD_MS = 24 * 3_600_000
_INSERT = {
    "sqlite": sqlite.insert(turns).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(turns).on_conflict_do_nothing(),
}


class SqlTurns:
    """Turns as rows of a table: who has one, and until when. See domain.ports.Turns."""

    def __init__(self, transactions: Transactions, holder: Holder) -> None:
        self._transactions = transactions
        self._holder = holder
        self._has_had_any = False

    @contextlib.contextmanager
    def take(self, name: str, ttl_s: float) -> Iterator[bool]:
        """See Turns.take."""
        if not self._take(name, ttl_s):
            yield False
            return
        self._has_had_any = True
        ended = native.threading.Event()
        thread = native.threading.Thread(
            target=self._renew, args=(name, ttl_s, ended), name=f"turn {name}", daemon=True
        )
        thread.start()
        try:
            yield True
        finally:
            ended.set()
            thread.join()

    def claim(self, name: str, ttl_s: float) -> bool:
        """Have a turn for ttl_s, or for so much longer; tell whether it is ours.

        Raises: StorageUnavailable.
        """
        is_ours = self._take(name, ttl_s)
        self._has_had_any |= is_ours
        return is_ours

    def leave(self, name: str) -> None:
        """See Turns.leave."""
        self._forget(turns.c.name == name)

    def give_up(self) -> None:
        """See Turns.give_up."""
        if not self._has_had_any:
            return  # there may be no table
        self._forget()

    def _forget(self, *which: sa.ColumnElement[bool]) -> None:
        mine = sa.delete(turns).where(turns.c.holder.in_(self._ids()), *which)
        with contextlib.suppress(ImageServiceError):  # they run out
            self._transactions.write(lambda connection: connection.execute(mine))

    def _take(self, name: str, ttl_s: float) -> bool:
        until = now_ms() + int(ttl_s * 1000)
        may_have = turns.c.holder.in_(self._ids()) | (turns.c.until_ms <= now_ms())
        take = sa.update(turns).where(turns.c.name == name, may_have)
        row = {"holder": self._holder.id, "until_ms": until}

        def work(connection: sa.Connection) -> bool:
            if connection.execute(take.values(row)).rowcount:
                return True
            new = _INSERT[connection.dialect.name].values(name=name, **row)
            return bool(connection.execute(new).rowcount)

        try:
            return self._transactions.write(work)
        except StorageFull:
            return True  # what makes room must go on

    def _renew(self, name: str, ttl_s: float, ended: native.threading.Event) -> None:
        while not ended.wait(ttl_s / _RENEWALS):
            with contextlib.suppress(ImageServiceError):
                if not self._take(name, ttl_s):
                    return  # somebody else has it: this one was gone for too long

    def _ids(self) -> list[str]:
        return [self._holder.id, *self._holder.former_ids]


def forget_old(connection: sa.Connection) -> None:
    """Remove the turns that somebody who died has left, and that nobody has asked for since."""
    connection.execute(sa.delete(turns).where(turns.c.until_ms < now_ms() - _OLD_MS))


class SqlTurn:
    """One Turn of domain.events, for ttl_s from each time that it is taken."""

    def __init__(self, turns_: SqlTurns, name: str, *, ttl_s: float) -> None:
        self._turns = turns_
        self._name = name
        self._ttl_s = ttl_s

    def take(self) -> bool:
        """See Turn.take."""
        return self._turns.claim(self._name, self._ttl_s)

    def release(self) -> None:
        """See Turn.release."""
        self._turns.leave(self._name)

"""Leases in the database, for processes on many machines: signs of life, by its clock.

Who is dead is decided once: a row whose time is over is marked, under a lock that waits for what
its process has under way. That commits nothing under this lease from then on; it takes another.
"""

from __future__ import annotations

import contextlib
import os
import secrets

import sqlalchemy as sa

from .. import native
from ..errors import ImageServiceError, StorageUnavailable
from .clock import now_ms
from .tables import leases, provisional
from .transactions import Transactions

_BEATS = 3
_RETRY_S = 1.0
_FORGOTTEN_AFTER_MS = 86_400_000
_MINE = leases.c.id == sa.bindparam("lease_id")
_IS_OVER = (leases.c.expires_ms <= now_ms()) & leases.c.dead_ms.is_(None)
_CHECK = (
    sa.select(leases.c.id)
    .where(_MINE, leases.c.expires_ms > now_ms(), leases.c.dead_ms.is_(None))
    # Does not keep others from the same, nor the next sign of life; only who marks it dead.
    .with_for_update(read=True, key_share=True)
)
_OVER = sa.select(leases.c.id).where(_MINE, _IS_OVER).with_for_update()
_BURY = sa.update(leases).where(_MINE).values(dead_ms=now_ms())
_LIVES = sa.select(sa.func.count()).where(_MINE, leases.c.dead_ms.is_(None))


class SqlLease:
    """A Holder whose process gives signs of life to the database, from a native thread."""

    def __init__(self, transactions: Transactions, *, ttl_s: float, lease_id: str = "") -> None:
        """Args:
        ttl_s: after how long without one it counts as dead.
        lease_id: what this process is known by, for as long as it does not; a new one for "".
        """
        self._transactions = transactions
        self._ttl_ms = int(ttl_s * 1000)
        self._beat_s = ttl_s / _BEATS
        self.id = lease_id or _new_id()
        self.former_ids: frozenset[str] = frozenset()
        self._wake = native.threading.Event()
        self._ended = native.threading.Event()
        self._thread: native.threading.Thread | None = None
        self._lock = native.threading.Lock()

    def begin(self) -> None:
        """See Holder.begin. Raises: StorageFull, StorageUnavailable."""
        self.beat()
        with self._lock:
            if self._thread is None and not self._ended.is_set():
                self._thread = native.threading.Thread(target=self._run, name="lease", daemon=True)
                self._thread.start()

    def end(self) -> None:
        """See Holder.end."""
        self.stop_beating()
        if self._thread is None:
            return  # it never began: there may be no table
        with contextlib.suppress(ImageServiceError):  # it runs out
            self._transactions.write(self._give_up)

    def stop_beating(self) -> None:
        """Give no further signs of life."""
        self._ended.set()
        self._wake.set()
        if self._thread:
            self._thread.join()

    def beat(self) -> None:
        """Give a sign of life, under a new id where this process was taken for dead."""
        renewed = self._transactions.write(self._renew)
        if renewed != self.id:
            self.former_ids |= {self.id}
            self.id = renewed

    def check(self, connection: sa.Connection) -> None:
        """See Holder.check."""
        if not connection.scalar(_CHECK, {"lease_id": self.id}):
            self._wake.set()
            raise StorageUnavailable("its catalogue had no sign of life from here for too long")

    def is_alive(self, connection: sa.Connection, lease_id: str) -> bool:
        """See Holder.is_alive."""
        this = {"lease_id": lease_id}
        if connection.scalar(_OVER, this):
            connection.execute(_BURY, this)
        return bool(connection.scalar(_LIVES, this))

    def _run(self) -> None:
        pause_s = self._beat_s
        while not self._ended.is_set():
            self._wake.wait(pause_s)
            self._wake.clear()
            if self._ended.is_set():
                return
            try:
                self.beat()
                pause_s = self._beat_s
            except ImageServiceError:
                pause_s = min(_RETRY_S, self._beat_s)

    def _renew(self, connection: sa.Connection) -> str:
        until = {"expires_ms": now_ms() + self._ttl_ms}
        mine = (leases.c.id == self.id) & leases.c.dead_ms.is_(None)
        if connection.execute(sa.update(leases).where(mine).values(until)).rowcount:
            return self.id
        is_known = connection.scalar(sa.select(leases.c.id).where(leases.c.id == self.id))
        lease_id = _new_id() if is_known or self._thread else self.id
        connection.execute(sa.insert(leases).values(id=lease_id, **until))
        forget_old(connection)
        return lease_id

    def _give_up(self, connection: sa.Connection) -> None:
        ids = [self.id, *self.former_ids]
        mine = leases.c.id.in_(ids)
        connection.execute(sa.update(leases).where(mine).values(dead_ms=now_ms()))
        named = sa.select(provisional.c.holder)
        connection.execute(sa.delete(leases).where(mine, leases.c.id.not_in(named)))


def living_leases(connection: sa.Connection) -> set[str]:
    """Return the ids of all that have given a sign of life in time."""
    living = leases.c.dead_ms.is_(None) & (leases.c.expires_ms > now_ms())
    return set(connection.scalars(sa.select(leases.c.id).where(living)))


def forget_old(connection: sa.Connection) -> None:
    """Forget who has been dead for long and has left nothing."""
    old = leases.c.dead_ms < now_ms() - _FORGOTTEN_AFTER_MS
    never = leases.c.expires_ms < now_ms() - _FORGOTTEN_AFTER_MS
    named = sa.select(provisional.c.holder)
    connection.execute(sa.delete(leases).where(old | never, leases.c.id.not_in(named)))


def _new_id() -> str:
    return f"{os.getpid()}-{secrets.token_hex(8)}"

"""A standby that listings are read from, and what is done while it does not do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa

from ..errors import StorageUnavailable
from ..native import threading, time
from .clock import now_ms
from .tables import leases
from .together import Work
from .transactions import Transactions

T = TypeVar("T")
_LOOKS_EVERY_S = 1.0
_LEFT_ALONE_S = 10.0
_IS_CURRENT = sa.select(sa.func.count()).where(
    leases.c.dead_ms.is_(None), leases.c.expires_ms > now_ms()
)


class Replica:
    """Reads from a standby; from the primary while that is away or too far behind.

    Every process of the service signs its lease on the primary, and the standby has the signatures
    with everything else: where each has run out it is behind by lease_ttl_s or so, whatever the
    reason, and whether or not anything else was written.
    """

    def __init__(
        self,
        standby: Transactions,
        primary: Transactions,
        *,
        name: str,
        report: Callable[[str], object] = lambda _: None,
        told: Callable[[bool], object] = lambda _: None,
    ) -> None:
        """Args:
        name: what a report calls it.
        report: is given a line when it is left and when it is gone back to, in any thread.
        told: is told of each reading whether it was the standby's.
        """
        self._standby = standby
        self._primary = primary
        self._name = name
        self._report = report
        self._told = told
        self._is_looking = threading.Lock()
        self._is_good = True
        self._decided_until_s = 0.0

    def look(self) -> bool:
        """Tell whether it does, of late; while another thread finds that out, say no."""
        if time.monotonic() < self._decided_until_s:
            return self._is_good
        if not self._is_looking.acquire(blocking=False):
            return False
        try:
            return self._look()
        finally:
            self._is_looking.release()

    def read(self, work: Work[T]) -> T:
        """See Transactions.read. What it tells may be as old as its lease."""
        if self.look():
            try:
                found = self._standby.read(work)
            except StorageUnavailable as exc:
                self._leave(str(exc.args[0]))
            else:
                self._told(True)
                return found
        result: T = self._primary.read(work)
        self._told(False)
        return result

    def close(self) -> None:
        """Close every connection."""
        self._standby.close()

    def _look(self) -> bool:
        try:
            if not self._standby.read(_is_current):
                raise StorageUnavailable("it is too far behind")
        except StorageUnavailable as exc:
            self._leave(str(exc.args[0]))
            return False
        self._decided_until_s = time.monotonic() + _LOOKS_EVERY_S
        if not self._is_good:
            self._is_good = True
            self._report(f"listings are read from {self._name} again")
        return True

    def _leave(self, why: str) -> None:
        self._decided_until_s = time.monotonic() + _LEFT_ALONE_S
        if self._is_good:
            self._is_good = False
            self._report(f"listings are read from the primary, not from {self._name}: {why}")


def _is_current(connection: sa.Connection) -> Any:
    return connection.scalar(_IS_CURRENT)

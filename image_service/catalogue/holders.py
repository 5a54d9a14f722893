"""Whose work in a catalogue something is, and whether that process lives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import sqlalchemy as sa


class Holder(Protocol):
    """This process' lease, as transactions need it."""

    @property
    def id(self) -> str:
        """What others know this process by."""

    @property
    def former_ids(self) -> frozenset[str]:
        """What it was known by before it was taken for dead."""

    def begin(self) -> None:
        """Take the lease, now that there are tables."""

    def end(self) -> None:
        """Give it up."""

    def check(self, connection: sa.Connection) -> None:
        """Raise StorageUnavailable where others may take this process for dead.

        Until this transaction has ended nobody does then.
        """

    def is_alive(self, connection: sa.Connection, lease_id: str) -> bool:
        """Tell whether a process lives; one that does not never commits under this id again."""


class KernelHolder:
    """A Holder by locks of the kernel, which know who lives without a clock."""

    former_ids: frozenset[str] = frozenset()

    def __init__(self, lease_id: str, is_alive: Callable[[str], bool]) -> None:
        """Args: is_alive: tells whether a lease's process lives."""
        self.id = lease_id
        self._is_alive = is_alive

    def begin(self) -> None:
        """See Holder.begin: it was taken before."""

    def end(self) -> None:
        """See Holder.end: who took it does that."""

    def check(self, connection: sa.Connection) -> None:
        """See Holder.check: the kernel takes nobody for dead who lives."""

    def is_alive(self, connection: sa.Connection, lease_id: str) -> bool:  # noqa: ARG002
        """See Holder.is_alive."""
        return self._is_alive(lease_id)


NOBODY = KernelHolder("", lambda _: False)
"""Of who only reads, or writes where nobody else does."""

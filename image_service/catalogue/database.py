"""A database and what is kept in it: the catalogue, a journal for stores, turns."""

from __future__ import annotations

from .holders import Holder
from .journal import SqlJournal
from .outbox import Announcer
from .reserve import Reserve
from .sql import SqlCatalogue
from .transactions import Transactions
from .turns import SqlTurns


class Database:
    """What one process has in a database, under its lease."""

    def __init__(
        self, transactions: Transactions, holder: Holder, reserve: Reserve | None = None
    ) -> None:
        """Args: reserve: room for deletions on a full disk."""
        self.transactions = transactions
        self.holder = holder
        self.turns = SqlTurns(transactions, holder)
        self._reserve = reserve

    def catalogue(
        self, journal: SqlJournal | None = None, events: Announcer | None = None
    ) -> SqlCatalogue:
        """Return the catalogue.

        Args:
            journal: where the store notes names, if it does: ended with the commit then.
            events: writes the events of changes.
        """
        return SqlCatalogue(
            self.transactions,
            holder=self.holder,
            reserve=self._reserve,
            journal=journal,
            events=events,
        )

    def journal(self, *, grace_s: float) -> SqlJournal:
        """Return a journal for a store.

        Args: grace_s: for how long what a process began may still happen after its death: at
            least the store's timeout for a write.
        """
        return SqlJournal(self.transactions, self.holder, grace_s=grace_s)

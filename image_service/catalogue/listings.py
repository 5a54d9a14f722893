"""What lists images and counts them, and may so be asked of a copy."""

from __future__ import annotations

import functools
from typing import Protocol, TypeVar

from ..domain.listing import ListQuery
from ..domain.ports import MonthTotals, Page, TagCount, Timeline
from .counts import read_months, read_tags
from .pages import read_page
from .timeline import read_changes, read_timeline
from .together import Work

T = TypeVar("T")


class Read(Protocol):
    """Runs what only reads: see Transactions.read."""

    def __call__(self, work: Work[T]) -> T:
        """Return what work returns."""


class SqlListings:
    """Listings in a database, each method one transaction. They block: see `off_hub.OffHub`."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def page(self, query: ListQuery) -> Page:
        """See Listings.page."""
        return self._read(functools.partial(read_page, query=query))

    def months(self) -> list[MonthTotals]:
        """See Listings.months."""
        return self._read(read_months)

    def timeline(self, query: ListQuery) -> Timeline:
        """See Listings.timeline."""
        return self._read(functools.partial(read_timeline, query=query))

    def changes(self) -> int:
        """See Listings.changes."""
        return self._read(read_changes)

    def tags(self, prefix: str, limit: int) -> list[TagCount]:
        """See Listings.tags."""
        return self._read(functools.partial(read_tags, prefix=prefix, limit=limit))

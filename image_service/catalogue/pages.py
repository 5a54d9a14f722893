"""Pages of the listing, and how many images there are of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sqlalchemy as sa

from ..domain.listing import COUNTED_AT_MOST, ListQuery
from ..domain.ports import Page
from . import searches, slots
from .counts import files_of_tag
from .failures import told_as_too_slow
from .records import from_row
from .tables import images, totals
from .walks import conditions, counted, page_of

_TOTALS = sa.select(totals)


def read_page(connection: sa.Connection, query: ListQuery) -> Page:
    """Return the page that a query asks for; see Catalogue.page."""
    with told_as_too_slow(query):
        rows, total = _rows_and_total(connection, query)
    return Page(
        images=tuple(from_row(dict(row)) for row in rows[: query.limit]),
        has_more=len(rows) > query.limit,
        total=min(total, COUNTED_AT_MOST) if query.is_filtered else total,
        total_is_exact=not query.is_filtered or total <= COUNTED_AT_MOST,
    )


def read_moments(connection: sa.Connection, query: ListQuery) -> Sequence[int]:
    """Return when what a query asks for was created, in no order; COUNTED_AT_MOST + 1 at most."""
    with told_as_too_slow(query):
        found = searches.moments(connection, query)
        if found is None:
            found = sa.select(images.c.created_ms).where(*conditions(query))
        return connection.scalars(found.limit(COUNTED_AT_MOST + 1)).all()


def count_all(connection: sa.Connection, query: ListQuery) -> int:
    """Return how many images there are, or in the trash, of one format or all: in constant time."""
    rows = connection.execute(slots.read_totals() if slots.are_used(connection) else _TOTALS)
    return sum(
        row.trashed_files if query.trashed else row.files
        for row in rows
        if query.format is None or query.format.value == row.format
    )


def _rows_and_total(connection: sa.Connection, query: ListQuery) -> searches.Found:
    found = searches.search(connection, query)
    if found is not None:
        return found
    total = (_filtered_total if query.is_filtered else count_all)(connection, query)
    if query.filename is not None and not total:
        return searches.Found((), 0)  # all names were read
    return searches.Found(connection.execute(page_of(query)).mappings().all(), total)


def _filtered_total(connection: sa.Connection, query: ListQuery) -> int:
    """Return how many there are, counted no further than needed; what is kept is not counted."""
    if query.tag is not None and not query.trashed and not replace(query, tag=None).is_filtered:
        return files_of_tag(connection, query.tag)
    if query.format is not None and not replace(query, format=None).is_filtered:
        return count_all(connection, query)
    return counted(connection, sa.select(images.c.id).where(*conditions(query)))

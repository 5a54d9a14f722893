"""Searches for a word in filenames, by whichever index of them there is.

What few images have is found first and put in order then: nobody knows how many names a walk along
the order would read. What many have is walked along, and met soon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..domain.listing import COUNTED_AT_MOST, ListQuery
from . import filenames
from .counts import files_of_tag
from .tables import image_tags, images
from .walks import begun, conditions, counted, order_column, page_of, paged, with_ids

# So many names are read sooner than the index counts a word of runs that all names have.
_FEW = 1_000


class Found(NamedTuple):
    """Rows of a page, and one more where there are more; how many images there are in all.

    total: of what narrows the listing, counted to COUNTED_AT_MOST + 1.
    """

    rows: Sequence[Any]
    total: int


def search(connection: sa.Connection, query: ListQuery) -> Found | None:
    """Return the page of a query with a word; None where reading the names is as good."""
    if not filenames.has_word(query):
        return None
    if not filenames.are_indexed(connection):
        return _searched_by_like(connection, query)
    if _are_few(connection, query):
        return None
    count = filenames.count(connection, query)
    is_few = count <= COUNTED_AT_MOST
    if filenames.is_more_than_a_word(query):
        if not is_few:
            return None
        count = counted(connection, _in_index(query, images.c.id))
    if not count:
        return Found((), 0)
    if query.order == "createdAt":
        ids = filenames.walk(query, _in_index(query, images.c.id))
    elif is_few:
        ids = begun(query, _in_index(query, images.c.id))
    else:
        return Found(_rows(connection, page_of(query)), count)
    return Found(_rows(connection, with_ids(query, paged(query, ids))), count)


def moments(connection: sa.Connection, query: ListQuery) -> sa.Select[Any] | None:
    """Return when the images of a query with a word were created; None as search() does."""
    if not (filenames.has_word(query) and filenames.are_indexed(connection)):
        return None
    if not filenames.is_more_than_a_word(query):
        return filenames.matches(query, filenames.created_ms)
    if _are_few(connection, query) or filenames.count(connection, query) > COUNTED_AT_MOST:
        return None
    return _in_index(query, images.c.created_ms)


def _are_few(connection: sa.Connection, query: ListQuery) -> bool:
    return query.tag is not None and files_of_tag(connection, query.tag) <= _FEW


def _in_index(query: ListQuery, column: sa.Column[Any]) -> sa.Select[Any]:
    beside = conditions(replace(query, filename=None, tag=None))
    if query.tag is not None:  # looked up for each, as all that have it may be a million
        its = image_tags.c.image_id == images.c.id
        beside.append(sa.exists().where(image_tags.c.tag == query.tag, its))
    return filenames.join_images(filenames.matches(query, column)).where(*beside)


def _searched_by_like(connection: sa.Connection, query: ListQuery) -> Found | None:
    """Return a page and its total of what LIKE finds, once."""
    found = (
        sa.select(images.c.id, order_column(query).label("place"))
        .where(*conditions(query))
        .limit(COUNTED_AT_MOST + 1)
        .cte("found")
        .prefix_with("MATERIALIZED")
    )
    ids = paged(query, begun(query, sa.select(found.c.id), found.c.place, found.c.id))
    count = sa.select(sa.func.count()).select_from(found).scalar_subquery().label("total")
    rows = _rows(connection, with_ids(query, ids, count))
    if not rows:
        return None if query.after or query.skip else Found((), 0)
    total = rows[0]["total"]
    return Found(rows if total <= COUNTED_AT_MOST else _rows(connection, page_of(query)), total)


def _rows(connection: sa.Connection, statement: sa.Select[Any]) -> Sequence[Any]:
    return connection.execute(statement).mappings().all()

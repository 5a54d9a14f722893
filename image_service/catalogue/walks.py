"""Listings as statements: what an image must be, and keyset walks along one index each."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ..domain.listing import COUNTED_AT_MOST, ListQuery
from .tables import image_tags, images, listed

_ORDER_COLUMNS = {
    "createdAt": images.c.created_ms,
    "filename": images.c.filename_folded,
    "sizeBytes": images.c.size_bytes,
}

# A run of three has two letters or digits beside each other, and something at one end of them.
_HAS_RUNS = re.compile(r"(?=...)(?=.*[^\W_]{2})", re.DOTALL)


def order_column(query: ListQuery) -> sa.Column[Any]:
    """Return what a query is in order by, before the id."""
    return _ORDER_COLUMNS[query.order]


def page_of(query: ListQuery) -> sa.Select[Any]:
    """Return the images of a page, and one more where there are more."""
    if not query.skip:
        return paged(query, _walk(query, *listed))
    # What is skipped is counted in the index alone, where the order and the filters are all in it.
    return with_ids(query, paged(query, _walk(query, images.c.id)))


def with_ids(query: ListQuery, ids: sa.Select[Any], *more: Any) -> sa.Select[Any]:
    """Return images by the ids of a page, in its order. Args: more: what is told beside them."""
    return ordered(query, sa.select(*listed, *more).where(images.c.id.in_(ids)))


def paged(query: ListQuery, statement: sa.Select[Any]) -> sa.Select[Any]:
    """Return as much of a statement as is of the page, and one more."""
    statement = statement.limit(query.limit + 1)
    return statement.offset(query.skip) if query.skip else statement


def begun(query: ListQuery, statement: sa.Select[Any], *by: Any) -> sa.Select[Any]:
    """Return a statement in its order, from where the page begins.

    Args: by: what it is in order by, where not the columns of images: the value and the id.
    """
    by = by or _by(query)
    if query.after:
        last = sa.tuple_(*map(sa.literal, query.after))
        statement = statement.where(_beyond(query, sa.tuple_(*by), last))
    return ordered(query, statement, *by)


def ordered(query: ListQuery, statement: sa.Select[Any], *by: Any) -> sa.Select[Any]:
    """Return a statement in its order. Args: by: as begun()'s."""
    order = sa.desc if query.descending else sa.asc
    return statement.order_by(*map(order, by or _by(query)))


def counted(connection: sa.Connection, found: sa.Select[Any]) -> int:
    """Return how many rows a statement finds, counted no further than COUNTED_AT_MOST + 1."""
    some = found.limit(COUNTED_AT_MOST + 1).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0


def conditions(query: ListQuery) -> list[sa.ColumnElement[bool]]:
    """Return what an image must be to be listed."""
    tagged = sa.select(image_tags.c.image_id).where(image_tags.c.tag == query.tag)
    wanted = (
        (query.format, lambda v: images.c.format == v.value),
        (query.tag, lambda _: images.c.id.in_(tagged)),
        (query.filename, lambda v: _contains(str(v))),
        (query.created_from_ms, lambda v: images.c.created_ms >= v),
        (query.created_until_ms, lambda v: images.c.created_ms < v),
        (query.min_bytes, lambda v: images.c.size_bytes >= v),
        (query.max_bytes, lambda v: images.c.size_bytes <= v),
    )
    state = images.c.deleted_ms.is_not(None) if query.trashed else images.c.deleted_ms.is_(None)
    return [state, *(condition(value) for value, condition in wanted if value is not None)]


def _contains(word: str) -> sa.ColumnElement[bool]:
    name: sa.ColumnElement[str] = images.c.filename_folded
    if not _HAS_RUNS.search(word):
        # PostgreSQL would go over the whole index of runs first, for none.
        name = name.concat("")
    return name.contains(word, autoescape=True)


def _walk(query: ListQuery, *columns: sa.Column[Any]) -> sa.Select[Any]:
    if query.tag is not None and query.order == "createdAt":
        return _walk_of_tag(query, *columns)
    return begun(query, sa.select(*columns).where(*conditions(query)))


def _walk_of_tag(query: ListQuery, *columns: sa.Column[Any]) -> sa.Select[Any]:
    """Return a walk along the images of a tag alone: their ids are in the order of creation."""
    of_tag = image_tags.c.image_id
    statement = (
        sa.select(*columns)
        .select_from(image_tags.join(images, images.c.id == of_tag))
        .where(image_tags.c.tag == query.tag, *conditions(replace(query, tag=None)))
    )
    if query.after:
        _, last_id = query.after
        statement = statement.where(_beyond(query, of_tag, sa.literal(last_id)))
    return ordered(query, statement, of_tag)


def _by(query: ListQuery) -> tuple[sa.ColumnElement[Any], ...]:
    return order_column(query), images.c.id


def _beyond(
    query: ListQuery, here: sa.ColumnElement[Any], last: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    return here < last if query.descending else here > last

"""Pages of the listing: keyset walks along one index each."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ..domain.listing import COUNTED_AT_MOST, ListQuery
from ..domain.ports import Page
from . import slots
from .records import from_row
from .tables import image_tags, images, listed, tags, totals

_TOTALS = sa.select(totals)
_OF_TAG = sa.select(tags.c.files).where(tags.c.tag == sa.bindparam("of_tag"))
_ORDER_COLUMNS = {
    "createdAt": images.c.created_ms,
    "filename": images.c.filename_folded,
    "sizeBytes": images.c.size_bytes,
}


def read_page(connection: sa.Connection, query: ListQuery) -> Page:
    """Return the page that a query asks for; see Catalogue.page."""
    rows = connection.execute(_page_statement(query)).mappings().all()
    count = _filtered_total if query.is_filtered else count_all
    total = count(connection, query)
    return Page(
        images=tuple(from_row(dict(row)) for row in rows[: query.limit]),
        has_more=len(rows) > query.limit,
        total=min(total, COUNTED_AT_MOST) if query.is_filtered else total,
        total_is_exact=not query.is_filtered or total <= COUNTED_AT_MOST,
    )


def count_all(connection: sa.Connection, query: ListQuery) -> int:
    """Return how many images there are, or in the trash, of one format or all: in constant time."""
    rows = connection.execute(slots.read_totals() if slots.are_used(connection) else _TOTALS)
    return sum(
        row.trashed_files if query.trashed else row.files
        for row in rows
        if query.format is None or query.format.value == row.format
    )


def _of_tag(connection: sa.Connection, tag: str) -> int:
    statement = slots.read_tag() if slots.are_used(connection) else _OF_TAG
    return int(connection.scalar(statement, {"of_tag": tag}) or 0)


def _page_statement(query: ListQuery) -> sa.Select[Any]:
    if not query.skip:
        return _walk(query, *listed).limit(query.limit + 1)
    # What is skipped is counted in the index alone, where the order and the filters are all in it.
    wanted = _walk(query, images.c.id).limit(query.limit + 1).offset(query.skip)
    return _ordered(query, sa.select(*listed).where(images.c.id.in_(wanted)))


def _walk(query: ListQuery, *columns: sa.Column[Any]) -> sa.Select[Any]:
    if query.tag is not None and query.order == "createdAt":
        return _walk_of_tag(query, *columns)
    statement = sa.select(*columns).where(*conditions(query))
    if query.after:
        here = sa.tuple_(_ORDER_COLUMNS[query.order], images.c.id)
        last = sa.tuple_(*map(sa.literal, query.after))
        statement = statement.where(_beyond(query, here, last))
    return _ordered(query, statement)


def _walk_of_tag(query: ListQuery, *columns: sa.Column[Any]) -> sa.Select[Any]:
    """Return a walk along the images of a tag alone: their ids are in the order of creation."""
    of_tag = image_tags.c.image_id
    statement = (
        sa.select(*columns)
        .select_from(image_tags.join(images, images.c.id == of_tag))
        .where(image_tags.c.tag == query.tag, *conditions(replace(query, tag=None)))
        .order_by(of_tag.desc() if query.descending else of_tag.asc())
    )
    if not query.after:
        return statement
    _, last_id = query.after
    return statement.where(_beyond(query, of_tag, sa.literal(last_id)))


def _beyond(
    query: ListQuery, here: sa.ColumnElement[Any], last: sa.ColumnElement[Any]
) -> sa.ColumnElement[bool]:
    return here < last if query.descending else here > last


def _ordered(query: ListQuery, statement: sa.Select[Any]) -> sa.Select[Any]:
    order = sa.desc if query.descending else sa.asc
    return statement.order_by(order(_ORDER_COLUMNS[query.order]), order(images.c.id))


def _filtered_total(connection: sa.Connection, query: ListQuery) -> int:
    """Return how many there are, counted no further than needed; what is kept is not counted."""
    if query.tag is not None and not query.trashed and not replace(query, tag=None).is_filtered:
        return _of_tag(connection, query.tag)
    if query.format is not None and not replace(query, format=None).is_filtered:
        return count_all(connection, query)
    found = sa.select(images.c.id).where(*conditions(query)).limit(COUNTED_AT_MOST + 1)
    return int(connection.scalar(sa.select(sa.func.count()).select_from(found.subquery())) or 0)


def conditions(query: ListQuery) -> list[sa.ColumnElement[bool]]:
    """Return what an image must be to be listed."""
    tagged = sa.select(image_tags.c.image_id).where(image_tags.c.tag == query.tag)
    wanted = (
        (query.format, lambda v: images.c.format == v.value),
        (query.tag, lambda _: images.c.id.in_(tagged)),
        (query.filename, lambda v: images.c.filename_folded.contains(v, autoescape=True)),
        (query.created_from_ms, lambda v: images.c.created_ms >= v),
        (query.created_until_ms, lambda v: images.c.created_ms < v),
        (query.min_bytes, lambda v: images.c.size_bytes >= v),
        (query.max_bytes, lambda v: images.c.size_bytes <= v),
    )
    state = images.c.deleted_ms.is_not(None) if query.trashed else images.c.deleted_ms.is_(None)
    return [state, *(condition(value) for value, condition in wanted if value is not None)]

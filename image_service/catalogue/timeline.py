"""How many images of a listing are of each month, and whether a listing is what it was."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import sqlalchemy as sa

from ..domain.formats import Format
from ..domain.image import Image, month_of
from ..domain.listing import COUNTED_AT_MOST, ListQuery
from ..domain.ports import MonthCount, Timeline
from . import slots
from .pages import read_moments
from .tables import months, totals

_CHANGES = sa.select(sa.func.coalesce(sa.func.sum(totals.c.changes), 0))


def read_timeline(connection: sa.Connection, query: ListQuery) -> Timeline:
    """Return it; see Catalogue.timeline."""
    if replace(query, format=None).is_filtered or query.trashed:
        return _counted_now(connection, query)
    return _kept(connection, query.format)


def read_changes(connection: sa.Connection) -> int:
    """Return their number; see Catalogue.changes."""
    in_slots = slots.are_used(connection)
    return int(connection.scalar(slots.read_changes() if in_slots else _CHANGES) or 0)


def note_change(connection: sa.Connection, image: Image) -> None:
    """Count a change of what is told of an image, which changes no total."""
    if slots.are_used(connection):
        slots.add(connection, slots.of_change(image))
        return
    mine = totals.c.format == image.facts.format.value
    connection.execute(sa.update(totals).where(mine).values(changes=totals.c.changes + 1))


def _kept(connection: sa.Connection, format_: Format | None) -> Timeline:
    kept = slots.read_months() if slots.are_used(connection) else sa.select(months)
    each = kept.subquery().c
    found = sa.select(each.month, sa.func.sum(each.files)).group_by(each.month)
    found = found.order_by(each.month)
    if format_:
        found = found.where(each.format == format_.value)
    return _timeline((month, int(count)) for month, count in connection.execute(found))


def _counted_now(connection: sa.Connection, query: ListQuery) -> Timeline:
    moments = read_moments(connection, query)
    if len(moments) > COUNTED_AT_MOST:
        return Timeline(None, COUNTED_AT_MOST)
    counts: dict[str, int] = {}
    for month in map(month_of, moments):
        counts[month] = counts.get(month, 0) + 1
    return _timeline(sorted(counts.items()))


def _timeline(counts: Iterable[tuple[str, int]]) -> Timeline:
    told = tuple(MonthCount(month, files) for month, files in counts)
    return Timeline(told, sum(each.files for each in told))

"""How many images there are: of each format, month, owner and tag, counted where that changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from ..domain.filename import fold
from ..domain.formats import Format
from ..domain.image import Image, month_of
from ..domain.ports import FormatTotals, MonthTotals, TagCount
from . import slots
from .owners import count_owner
from .tables import count_slots, months, tags, totals

# Of so many the most frequent are told: a look at all may take as long as there are images.
_AMONG_FREQUENT, _AMONG_ALIKE = 1_000, 10_000
_AFTER_ALL = "\U0010ffff"
_COUNT = (
    sa.update(totals)
    .where(totals.c.format == sa.bindparam("of_format"))
    .values(
        files=totals.c.files + sa.bindparam("more_files"),
        bytes=totals.c.bytes + sa.bindparam("more_bytes"),
        trashed_files=totals.c.trashed_files + sa.bindparam("more_trashed_files"),
        trashed_bytes=totals.c.trashed_bytes + sa.bindparam("more_trashed_bytes"),
        changes=totals.c.changes + 1,
    )
)

_THIS_MONTH = (months.c.month == sa.bindparam("of_month")) & (
    months.c.format == sa.bindparam("of_format")
)
_COUNT_MONTH = (
    sa.update(months)
    .where(_THIS_MONTH)
    .values(
        files=months.c.files + sa.bindparam("more_files"),
        bytes=months.c.bytes + sa.bindparam("more_bytes"),
    )
)
_FORGET_MONTH = sa.delete(months).where(_THIS_MONTH & (months.c.files <= 0))

_OF_TAG = sa.select(tags.c.files).where(tags.c.tag == sa.bindparam("of_tag"))
_THESE_TAGS = tags.c.tag.in_(sa.bindparam("names", expanding=True))
_KNOWN_TAGS = sa.select(tags.c.tag).where(_THESE_TAGS)
_COUNT_TAGS = (
    sa.update(tags).where(_THESE_TAGS).values(files=tags.c.files + sa.bindparam("more_files"))
)
_FORGET_TAGS = sa.delete(tags).where(_THESE_TAGS & (tags.c.files <= 0))


def count(connection: sa.Connection, image: Image, files: int) -> None:
    """Count an image that came (+1) or went (-1), as its owner's, too."""
    if slots.are_used(connection):
        slots.add(connection, [*slots.of_owner(image, files), *slots.of_image(image, files)])
        return
    if image.owner:
        count_owner(connection, image, files)
    change_totals(connection, image, files)


def change_totals(connection: sa.Connection, image: Image, files: int) -> None:
    """Count it among the living, or in the trash."""
    if slots.are_used(connection):
        slots.add(connection, slots.of_image(image, files))
        return
    more = (files, files * image.size_bytes)
    living, trashed = (more, (0, 0)) if image.deleted_ms is None else ((0, 0), more)
    change = {
        "of_format": image.facts.format.value,
        "more_files": living[0],
        "more_bytes": living[1],
        "more_trashed_files": trashed[0],
        "more_trashed_bytes": trashed[1],
    }
    if image.deleted_ms is None:
        count_tags(connection, image.tags, files)
        count_month(connection, image, files)
    connection.execute(_COUNT, change)


def count_month(connection: sa.Connection, image: Image, files: int) -> None:
    """Count a living image that came (+1) or went (-1)."""
    this = {"of_month": month_of(image.created_ms), "of_format": image.facts.format.value}
    more = {"more_files": files, "more_bytes": files * image.size_bytes}
    if not connection.execute(_COUNT_MONTH, this | more).rowcount:
        names, values = ("month", "format", "files", "bytes"), (*this.values(), *more.values())
        connection.execute(sa.insert(months), dict(zip(names, values, strict=True)))
    if files < 0:  # a month that has nothing is forgotten
        connection.execute(_FORGET_MONTH, this)


def count_tags(connection: sa.Connection, names: Sequence[str], files: int) -> None:
    """Count a living image that got (+1) or lost (-1) these tags."""
    if slots.are_used(connection):
        slots.add(connection, slots.of_tags(names, files))
        return
    if not names:
        return
    these = {"names": list(names)}
    known = set(connection.scalars(_KNOWN_TAGS, these))
    if known:
        connection.execute(_COUNT_TAGS, {**these, "more_files": files})
    new = [
        {"tag": name, "folded": fold(name), "files": files} for name in names if name not in known
    ]
    if new:
        connection.execute(sa.insert(tags), new)
    if files < 0:
        connection.execute(_FORGET_TAGS, these)


def read_totals(connection: sa.Connection) -> dict[Format, FormatTotals]:
    """Return them by format; see Catalogue.totals."""
    in_slots = slots.are_used(connection)
    rows = connection.execute(slots.read_totals() if in_slots else sa.select(totals))
    return {
        Format(row.format): FormatTotals(row.files, row.bytes, row.trashed_files, row.trashed_bytes)
        for row in rows
    }


def read_months(connection: sa.Connection) -> list[MonthTotals]:
    """Return them, the oldest first; see Catalogue.months."""
    plain = sa.select(months).order_by(months.c.month, months.c.format)
    rows = connection.execute(slots.read_months() if slots.are_used(connection) else plain)
    return [MonthTotals(row.month, Format(row.format), row.files, row.bytes) for row in rows]


def read_tags(connection: sa.Connection, prefix: str, limit: int) -> list[TagCount]:
    """Return them, the most frequent first; see Catalogue.tags."""
    some = sa.select(tags.c.tag, tags.c.files)
    is_alike = None
    if prefix:
        some = some.where(_begins(tags.c.folded, prefix)).order_by(tags.c.folded)
        some = some.limit(_AMONG_ALIKE)
        is_alike = _begins(count_slots.c.part, prefix)
    else:
        some = some.order_by(tags.c.files.desc()).limit(_AMONG_FREQUENT)
    if slots.are_used(connection):
        some = slots.read_tags(some, is_alike)
    found = some.subquery()
    wanted = sa.select(found).order_by(found.c.files.desc(), found.c.tag).limit(limit)
    return [TagCount(row.tag, row.files) for row in connection.execute(wanted)]


def files_of_tag(connection: sa.Connection, tag: str) -> int:
    """Return how many of the living have a tag, in constant time."""
    statement = slots.read_tag() if slots.are_used(connection) else _OF_TAG
    return int(connection.scalar(statement, {"of_tag": tag}) or 0)


def _begins(column: sa.Column[Any], prefix: str) -> sa.ColumnElement[bool]:
    return (column >= prefix) & (column < prefix + _AFTER_ALL)

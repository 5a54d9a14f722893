"""How many images there are: of each format, month, owner and tag, counted where that changes."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..domain.filename import fold
from ..domain.formats import Format
from ..domain.image import Image, month_of
from ..domain.ports import MonthTotals, TagCount
from .owners import count_owner
from .tables import months, tags, totals

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


def count(connection: sa.Connection, image: Image, files: int) -> None:
    """Count an image that came (+1) or went (-1), as its owner's, too."""
    if image.owner:
        count_owner(connection, image, files)
    # Last in its transaction: where rows are locked one by one, everyone wants this one.
    change_totals(connection, image, files)


def change_totals(connection: sa.Connection, image: Image, files: int) -> None:
    """Count it among the living, or in the trash."""
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
    if not names:
        return
    these = tags.c.tag.in_(names)
    known = set(connection.scalars(sa.select(tags.c.tag).where(these)))
    change = sa.update(tags).where(these).values(files=tags.c.files + files)
    if known:
        connection.execute(change)
    new = [
        {"tag": name, "folded": fold(name), "files": files} for name in names if name not in known
    ]
    if new:
        connection.execute(sa.insert(tags), new)
    if files < 0:
        connection.execute(sa.delete(tags).where(these & (tags.c.files <= 0)))


def read_months(connection: sa.Connection) -> list[MonthTotals]:
    """Return them, the oldest first; see Catalogue.months."""
    rows = connection.execute(sa.select(months).order_by(months.c.month, months.c.format))
    return [MonthTotals(row.month, Format(row.format), row.files, row.bytes) for row in rows]


def read_tags(connection: sa.Connection, prefix: str, limit: int) -> list[TagCount]:
    """Return them, the most frequent first; see Catalogue.tags."""
    some = sa.select(tags.c.tag, tags.c.files)
    if prefix:
        alike = (tags.c.folded >= prefix) & (tags.c.folded < prefix + _AFTER_ALL)
        some = some.where(alike).order_by(tags.c.folded).limit(_AMONG_ALIKE)
    else:
        some = some.order_by(tags.c.files.desc()).limit(_AMONG_FREQUENT)
    found = some.subquery()
    wanted = sa.select(found).order_by(found.c.files.desc(), found.c.tag).limit(limit)
    return [TagCount(row.tag, row.files) for row in connection.execute(wanted)]

"""Counts on PostgreSQL, where many write at once: nobody waits for anybody's row.

A row that everyone counts in would be locked until its writer has committed, one after the other.
So each server process, which does one thing at a time, has rows of its own (`count_slots`); what
is told is their sum with the tables that SQLite counts in, and fold() moves it there. Each number
is read by one statement, and so exact whatever goes on beside it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import sqlalchemy as sa

from ..domain.filename import fold as folded
from ..domain.image import Image, month_of
from .tables import count_slots, months, owners, tags, totals

TOTAL, MONTH, OWNER, TAG = "total", "month", "owner", "tag"
_FOLDED_AT_ONCE = 20_000
_FOLD_LOCK = 0x696D6701
_COUNTED = ("files", "bytes", "trashed_files", "trashed_bytes", "changes")


@dataclass(frozen=True)
class Change:
    """What is added to one count."""

    kind: str
    key: str = ""
    part: str = ""
    files: int = 0
    bytes: int = 0
    trashed_files: int = 0
    trashed_bytes: int = 0
    changes: int = 0


_NAMES = [field.name for field in fields(Change)]
_ADD = sa.text(
    f"""
    INSERT INTO count_slots ({", ".join(_NAMES)}, slot)
    SELECT {", ".join(_NAMES)}, pg_backend_pid()
    FROM unnest(
        CAST(:kind AS text[]), CAST(:key AS text[]), CAST(:part AS text[]),
        {", ".join(f"CAST(:{name} AS bigint[])" for name in _COUNTED)}
    ) AS change ({", ".join(_NAMES)})
    ON CONFLICT (kind, key, part, slot) DO UPDATE
    SET {", ".join(f"{name} = count_slots.{name} + excluded.{name}" for name in _COUNTED)}
    """  # noqa: S608 - of this module's own words
)


def are_used(database: sa.Connection | sa.Engine) -> bool:
    """Tell whether this database counts in slots."""
    return database.dialect.name == "postgresql"


def add(connection: sa.Connection, changes: Iterable[Change]) -> None:
    """Add to counts, all in one statement."""
    columns = list(zip(*map(astuple, changes), strict=True))
    if columns:
        connection.execute(_ADD, dict(zip(_NAMES, map(list, columns), strict=True)))


def of_image(image: Image, files: int) -> list[Change]:
    """Return what changes where an image comes (+1) or goes (-1), but its owner's count."""
    format_, size_bytes = image.facts.format.value, files * image.size_bytes
    if image.deleted_ms is not None:
        return [
            Change(TOTAL, part=format_, trashed_files=files, trashed_bytes=size_bytes, changes=1)
        ]
    month = month_of(image.created_ms)
    return [
        Change(TOTAL, part=format_, files=files, bytes=size_bytes, changes=1),
        Change(MONTH, month, format_, files, size_bytes),
        *of_tags(image.tags, files),
    ]


def of_owner(image: Image, files: int) -> list[Change]:
    """Return what changes for the owner of an image that comes or goes."""
    if not image.owner:
        return []
    return [Change(OWNER, image.owner, "", files, files * image.size_bytes)]


def of_tags(names: Sequence[str], files: int) -> list[Change]:
    """Return what changes where a living image gets or loses tags."""
    return [Change(TAG, name, folded(name), files) for name in names]


@functools.cache
def read_totals() -> sa.Select[Any]:
    """Return what selects (format, files, bytes, trashed_files, trashed_bytes)."""
    both = _both(TOTAL, totals, {"format": count_slots.c.part}, _COUNTED)
    return _sums(both, ("format",), _COUNTED)


def of_change(image: Image) -> list[Change]:
    """Return what changes where what is told of an image does."""
    return [Change(TOTAL, part=image.facts.format.value, changes=1)]


@functools.cache
def read_changes() -> sa.Select[Any]:
    """Return what selects how often anything changed."""
    both = _both(TOTAL, totals, {}, ("changes",))
    return sa.select(sa.cast(sa.func.coalesce(sa.func.sum(both.c.changes), 0), sa.BigInteger))


@functools.cache
def read_months() -> sa.Select[Any]:
    """Return what selects (month, format, files, bytes) of months that have any, in order."""
    keys = {"month": count_slots.c.key, "format": count_slots.c.part}
    both = _both(MONTH, months, keys, _COUNTED[:2])
    found = _sums(both, ("month", "format"), _COUNTED[:2])
    return found.having(sa.func.sum(both.c.files) > 0).order_by(both.c.month, both.c.format)


def read_owners() -> sa.Select[Any]:
    """Return what selects (owner, files, bytes) of owners that have any."""
    both = _both(OWNER, owners, {"owner": count_slots.c.key}, _COUNTED[:2])
    return _sums(both, ("owner",), _COUNTED[:2]).having(sa.func.sum(both.c.files) > 0)


def read_all_tags() -> sa.Select[Any]:
    """Return what selects (tag, folded, files) of tags that have any."""
    keys = {"tag": count_slots.c.key, "folded": count_slots.c.part}
    both = _both(TAG, tags, keys, _COUNTED[:1])
    return _sums(both, ("tag", "folded"), _COUNTED[:1]).having(sa.func.sum(both.c.files) > 0)


@functools.cache
def read_owner() -> sa.Select[Any]:
    """Return what selects (owner, files, bytes) of :of_owner; no row where that has nothing."""
    both = _both(OWNER, owners, {"owner": count_slots.c.key}, _COUNTED[:2])
    return _sums(both, ("owner",), _COUNTED[:2]).where(both.c.owner == sa.bindparam("of_owner"))


@functools.cache
def read_tag() -> sa.Select[Any]:
    """Return what selects how many have :of_tag."""
    this: sa.BindParameter[str] = sa.bindparam("of_tag")
    both = sa.union_all(
        sa.select(tags.c.files).where(tags.c.tag == this),
        sa.select(count_slots.c.files).where(count_slots.c.kind == TAG, count_slots.c.key == this),
    ).subquery()
    return sa.select(sa.cast(sa.func.sum(both.c.files), sa.BigInteger))


def read_tags(some: sa.Select[Any], is_alike: sa.ColumnElement[bool] | None) -> sa.Select[Any]:
    """Return what selects (tag, files) of tags that have any.

    Args: some: those of the table that matter; is_alike: says which of the slots do.
    """
    mine = count_slots.c.kind == TAG
    wanted = mine if is_alike is None else mine & is_alike
    names = sa.union(
        sa.select(some.subquery().c.tag), sa.select(count_slots.c.key).where(wanted)
    ).subquery()
    more = (
        sa.select(count_slots.c.key, sa.func.sum(count_slots.c.files).label("files"))
        .where(wanted)
        .group_by(count_slots.c.key)
        .subquery()
    )
    files = sa.func.coalesce(tags.c.files, 0) + sa.func.coalesce(more.c.files, 0)
    return (
        sa.select(names.c.tag, sa.cast(files, sa.BigInteger).label("files"))
        .outerjoin(tags, tags.c.tag == names.c.tag)
        .outerjoin(more, more.c.key == names.c.tag)
        .where(files > 0)
    )


def _both(
    kind: str, table: sa.Table, keys: dict[str, sa.Column[Any]], counted: Sequence[str]
) -> sa.Subquery:
    kept = sa.select(*(table.c[name] for name in (*keys, *counted)))
    moving = sa.select(
        *(column.label(name) for name, column in keys.items()),
        *(count_slots.c[name] for name in counted),
    ).where(count_slots.c.kind == kind)
    return sa.union_all(kept, moving).subquery()


def _sums(both: sa.Subquery, keys: Sequence[str], counted: Sequence[str]) -> sa.Select[Any]:
    sums = (sa.cast(sa.func.sum(both.c[name]), sa.BigInteger).label(name) for name in counted)
    return sa.select(*(both.c[key] for key in keys), *sums).group_by(*(both.c[k] for k in keys))


_FOLD = sa.text(
    """
    WITH gone AS (
        DELETE FROM count_slots WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM count_slots LIMIT :at_most FOR UPDATE SKIP LOCKED
        )) RETURNING *
    ), in_totals AS (
        INSERT INTO totals (format, files, bytes, trashed_files, trashed_bytes, changes)
        SELECT part, sum(files), sum(bytes), sum(trashed_files), sum(trashed_bytes), sum(changes)
        FROM gone WHERE kind = 'total' GROUP BY part
        ON CONFLICT (format) DO UPDATE SET
            files = totals.files + excluded.files, bytes = totals.bytes + excluded.bytes,
            trashed_files = totals.trashed_files + excluded.trashed_files,
            trashed_bytes = totals.trashed_bytes + excluded.trashed_bytes,
            changes = totals.changes + excluded.changes
    ), in_months AS (
        INSERT INTO months (month, format, files, bytes)
        SELECT key, part, sum(files), sum(bytes) FROM gone WHERE kind = 'month' GROUP BY key, part
        ON CONFLICT (month, format) DO UPDATE SET
            files = months.files + excluded.files, bytes = months.bytes + excluded.bytes
    ), in_owners AS (
        INSERT INTO owners (owner, files, bytes)
        SELECT key, sum(files), sum(bytes) FROM gone WHERE kind = 'owner' GROUP BY key
        ON CONFLICT (owner) DO UPDATE SET
            files = owners.files + excluded.files, bytes = owners.bytes + excluded.bytes
    ), in_tags AS (
        INSERT INTO tags (tag, folded, files)
        SELECT key, min(part), sum(files) FROM gone WHERE kind = 'tag' GROUP BY key
        ON CONFLICT (tag) DO UPDATE SET files = tags.files + excluded.files
    )
    SELECT count(*) FROM gone
    """
)


def fold(connection: sa.Connection) -> int:
    """Move what the slots hold into the tables; return how many rows that were."""
    lock = sa.select(sa.func.pg_try_advisory_xact_lock(_FOLD_LOCK))
    if not connection.scalar(lock):
        return 0  # somebody else is at it
    moved = int(connection.scalar(_FOLD, {"at_most": _FOLDED_AT_ONCE}) or 0)
    if moved:  # what has nothing is forgotten
        for table in (months, owners, tags):
            counted = [table.c[name] for name in ("files", "bytes") if name in table.c]
            connection.execute(sa.delete(table).where(*(column == 0 for column in counted)))
    return moved

"""What a catalogue that moves is made of: how rows are read from one, and put into the other."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa

from . import moves
from .counts import read_months, read_totals
from .move_log import Kind
from .records import from_row, to_row
from .tables import images, outbox, requests, turns

ROWS_AT_ONCE = 500
Row = dict[str, Any]

REST = (outbox, turns)
"""Tables that are copied in the last moment, as they are short and always in motion."""


class Part:
    """One table of what moves."""

    def __init__(self, kind: Kind, key: sa.Column[Any], means: Callable[[Row], Any]) -> None:
        """Args: key: what tells rows apart; means: returns what two equal rows have in common."""
        self.kind = kind
        self._key = key
        self._means = means
        self._all = sa.select(key.table).order_by(key)

    def page(self, connection: sa.Connection, after: str) -> list[Row]:
        """Return the next rows, by their keys."""
        wanted = self._all.where(self._key > after).limit(ROWS_AT_ONCE)
        return rows_of(connection, wanted)

    def these(self, connection: sa.Connection, keys: Collection[str]) -> list[Row]:
        """Return the rows of some keys."""
        return rows_of(connection, self._all.where(self._key.in_(keys)))

    def beside(self, connection: sa.Connection, page: list[Row], after: str) -> list[Row]:
        """Return what there is where another database has this page of rows. Args: as page()'s."""
        del after  # of texts in a locale's order there is no range that is the same in both
        return self.these(connection, [self.key_of(row) for row in page])

    def key_of(self, row: Row) -> str:
        """Return what a row is told from others by."""
        return str(row[self._key.name])

    def differing(self, some: list[Row], others: list[Row]) -> set[str]:
        """Return the keys of rows that are not the same in both."""
        one, other = self._by_key(some), self._by_key(others)
        return {key for key in one.keys() | other.keys() if one.get(key) != other.get(key)}

    def put(self, connection: sa.Connection, keys: Collection[str], rows: list[Row]) -> int:
        """Have exactly these rows under some keys; return how many were not so."""
        there = self.these(connection, keys)
        differing = self.differing(rows, there)
        self._take_out(connection, [row for row in there if self.key_of(row) in differing])
        self._add(connection, [row for row in rows if self.key_of(row) in differing])
        return len(differing)

    def _by_key(self, rows: list[Row]) -> dict[str, Any]:
        return {self.key_of(row): self._means(row) for row in rows}

    def _take_out(self, connection: sa.Connection, rows: list[Row]) -> None:
        keys = [self.key_of(row) for row in rows]
        if keys:
            connection.execute(sa.delete(self._key.table).where(self._key.in_(keys)))

    def _add(self, connection: sa.Connection, rows: list[Row]) -> None:
        if rows:
            connection.execute(sa.insert(self._key.table), rows)


class _Images(Part):
    """Images, which are counted and have tags in tables of their own."""

    def beside(self, connection: sa.Connection, page: list[Row], after: str) -> list[Row]:
        """See Part.beside: with what the other one does not have."""
        wanted = self._all.where(images.c.id > after)
        if len(page) == ROWS_AT_ONCE:
            wanted = wanted.where(images.c.id <= page[-1]["id"])
        return rows_of(connection, wanted)

    def _take_out(self, connection: sa.Connection, rows: list[Row]) -> None:
        for row in rows:
            moves.delete(connection, from_row(row))

    def _add(self, connection: sa.Connection, rows: list[Row]) -> None:
        for row in rows:
            image = from_row(row)
            moves.insert(connection, image, to_row(image))


IMAGES = _Images(Kind.IMAGE, images.c.id, from_row)
REQUESTS = Part(Kind.REQUEST, requests.c.key, lambda row: row | {"digest": bytes(row["digest"])})
PARTS = {part.kind: part for part in (IMAGES, REQUESTS)}


def rows_of(connection: sa.Connection, wanted: sa.Select[Any]) -> list[Row]:
    """Return rows as what can be inserted."""
    return [dict(row) for row in connection.execute(wanted).mappings()]


def read_rest(connection: sa.Connection) -> dict[sa.Table, list[Row]]:
    """Return all rows of the tables in REST, in their order."""
    return {
        table: rows_of(connection, sa.select(table).order_by(*table.primary_key.columns))
        for table in REST
    }


def replace_rest(connection: sa.Connection, rest: dict[sa.Table, list[Row]]) -> None:
    """Have exactly these rows in the tables of REST."""
    for table, rows in rest.items():
        connection.execute(sa.delete(table))
        for row in rows:
            row.pop("number", None)  # drawn anew, in the same order
            connection.execute(sa.insert(table), row)


def counts(connection: sa.Connection) -> Any:
    """Return what must be the same where the same images are."""
    totals = read_totals(connection)
    some = {format_: total for format_, total in totals.items() if any(vars(total).values())}
    return some, read_months(connection)

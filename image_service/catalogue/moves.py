"""Images coming, going, and moving between the trash and the rest, within a transaction."""

from __future__ import annotations

import dataclasses
from typing import Any

import sqlalchemy as sa

from ..domain.image import Image
from .counts import change_totals, count
from .digests import forget_sent, note_sent
from .tables import image_tags, images

_IDS_AT_ONCE = 500
_INSERT_IMAGE = sa.insert(images)
_INSERT_TAGS = sa.insert(image_tags)


def among(
    connection: sa.Connection, ids: list[str], condition: sa.ColumnElement[bool] | None = None
) -> set[str]:
    """Return those of ids that are there and meet a condition."""
    found: set[str] = set()
    for start in range(0, len(ids), _IDS_AT_ONCE):
        statement = sa.select(images.c.id).where(images.c.id.in_(ids[start : start + _IDS_AT_ONCE]))
        found.update(
            connection.scalars(statement if condition is None else statement.where(condition))
        )
    return found


def insert(connection: sa.Connection, image: Image, row: dict[str, Any]) -> None:
    """Add an image and its row, counted."""
    connection.execute(_INSERT_IMAGE, row)
    if image.tags:
        rows = [{"tag": tag, "image_id": image.id} for tag in image.tags]
        connection.execute(_INSERT_TAGS, rows)
    note_sent(connection, image)
    count(connection, image, +1)


def delete(connection: sa.Connection, image: Image) -> None:
    """Take an image out for good, uncounted."""
    connection.execute(sa.delete(images).where(images.c.id == image.id))
    if image.tags:
        connection.execute(sa.delete(image_tags).where(image_tags.c.image_id == image.id))
    forget_sent(connection, image)
    count(connection, image, -1)


def moved(connection: sa.Connection, image: Image, deleted_ms: int | None) -> Image:
    """Put an image into the trash, or for None take it out."""
    connection.execute(
        sa.update(images).where(images.c.id == image.id).values(deleted_ms=deleted_ms)
    )
    changed = dataclasses.replace(image, deleted_ms=deleted_ms)
    change_totals(connection, image, -1)
    change_totals(connection, changed, +1)
    return changed

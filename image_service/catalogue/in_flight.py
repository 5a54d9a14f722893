"""Transactions whose commit nobody answered: on PostgreSQL they may be on their way still.

What is true afterwards is known once they have ended; what they have locked tells.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from .tables import images

_PROBE = postgresql.insert(images).on_conflict_do_nothing()


def wait_for(connection: sa.Connection, row: dict[str, Any]) -> None:
    """Wait for whoever is adding this image."""
    # SQLite has one writer at a time: there is nobody.
    if connection.dialect.name == "postgresql" and connection.execute(_PROBE, row).rowcount:
        connection.execute(sa.delete(images).where(images.c.id == row["id"]))


def left_of(connection: sa.Connection, ids: list[str]) -> set[str]:
    """Return those of some images that are there once all who may be removing them have ended."""
    found = sa.select(images.c.id).where(images.c.id.in_(ids))
    return set(connection.scalars(found.with_for_update(read=True, key_share=True)))

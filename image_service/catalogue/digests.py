"""Images by the SHA-256 of their bytes: of those stored, and of those sent where they differ."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ..domain.image import Image
from .tables import images, sent_digests

_AT_ONCE = 500
_LIVE = images.c.deleted_ms.is_(None)
_INSERT = sa.insert(sent_digests)
_DELETE = sa.delete(sent_digests).where(sent_digests.c.image_id == sa.bindparam("of_image"))


def note_sent(connection: sa.Connection, image: Image) -> None:
    """Remember the digest of what was sent, where it is not what is stored."""
    if image.sent_sha256:
        connection.execute(_INSERT, {"sha256": image.sent_sha256, "image_id": image.id})


def forget_sent(connection: sa.Connection, image: Image) -> None:
    """Undo note_sent()."""
    if image.sent_sha256:
        connection.execute(_DELETE, {"of_image": image.id})


def find_digests(connection: sa.Connection, digests: Collection[bytes]) -> dict[bytes, str]:
    """Return the ids of living images by digest; see Catalogue.find_digests."""
    found: dict[bytes, str] = {}
    left = iter(digests)
    while part := list(islice(left, _AT_ONCE)):
        for statement in (_stored(part), _sent(part)):
            for digest, image_id in connection.execute(statement):
                first = found.get(bytes(digest))
                found[bytes(digest)] = min(first, image_id) if first else image_id
    return found


# Ids begin with their time: the least is the oldest image's.
def _stored(digests: list[bytes]) -> sa.Select[Any]:
    column = images.c.sha256
    return (
        sa.select(column, sa.func.min(images.c.id))
        .where(column.in_(digests), _LIVE)
        .group_by(column)
    )


def _sent(digests: list[bytes]) -> sa.Select[Any]:
    column = sent_digests.c.sha256
    return (
        sa.select(column, sa.func.min(images.c.id))
        .join(images, images.c.id == sent_digests.c.image_id)
        .where(column.in_(digests), _LIVE)
        .group_by(column)
    )

"""Requests that were carried out, or are in flight: what makes a second one not happen twice."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..domain.image import Image
from ..domain.ports import DuplicateRequest, RequestKey
from ..errors import Busy, InvalidArgument
from .records import from_snapshot
from .tables import requests

_INSERT_IF_NEW = {
    "sqlite": sqlite.insert(requests).on_conflict_do_nothing(),
    "postgresql": postgresql.insert(requests).on_conflict_do_nothing(),
}


# In the place of a request's holder, once it has ended and somebody else was told of its image.
_VOUCHED = "vouched"


def find(connection: sa.Connection, request: RequestKey) -> Image | None:
    """Return the image of a request that has ended, None if it never came or is in flight."""
    row = _row(connection, request)
    if row is None or row.image is None or request.is_another_than(row.created_ms):
        return None
    _check_digest(row, request)
    return from_snapshot(row.image)


def raise_if_done(connection: sa.Connection, request: RequestKey) -> None:
    """Raise DuplicateRequest if request has ended."""
    image = find(connection, request)
    if image:
        raise DuplicateRequest(image)


def begin(
    connection: sa.Connection,
    request: RequestKey,
    *,
    holder: str,
    is_kept: Callable[[str], bool],
) -> None:
    """Mark request as in flight; see Catalogue.begin_request.

    Args: is_kept: tells whether a holder that is at it keeps it.
    """
    row = _row(connection, request, to_change=True)
    if row is not None:
        _check_digest(row, request)
        if row.image is not None:
            raise DuplicateRequest(from_snapshot(row.image))
        if is_kept(row.holder):
            raise Busy("a request with this idempotency_key is still being worked on")
        _delete(connection, request)
    mark = {
        "key": request.key,
        "created_ms": request.made_ms,
        "digest": request.digest,
        "holder": holder,
    }
    connection.execute(sa.insert(requests), mark)


def finish(
    connection: sa.Connection, request: RequestKey, image_id: str, snapshot: Any, *, holder: str
) -> None:
    """Record that request ended with an image, and its snapshot.

    Raises: DuplicateRequest if it had ended before; Busy if another process took it over.
    """
    outcome = {"image_id": image_id, "image": snapshot, "holder": None}
    new = {"key": request.key, "created_ms": request.made_ms, "digest": request.digest}
    # Nearly always it is new: written at once, and looked at only where that fails.
    insert = _INSERT_IF_NEW[connection.dialect.name]
    if connection.execute(insert, {**new, **outcome}).rowcount:
        return
    row = _row(connection, request, to_change=True)
    if row is None:  # it was abandoned or forgotten between the two
        connection.execute(sa.insert(requests), {**new, **outcome})
        return
    if not request.is_another_than(row.created_ms):
        if row.image is not None:
            raise DuplicateRequest(from_snapshot(row.image))
        if row.holder != holder:
            raise Busy("another process has taken this request over")
    update = sa.update(requests).where(requests.c.key == request.key)
    connection.execute(update, {**new, **outcome})


def abandon(connection: sa.Connection, request: RequestKey, *, holder: str) -> None:
    """Forget a request that holder had in flight."""
    mine = (requests.c.key == request.key) & (requests.c.holder == holder)
    new = {"key": request.key, "created_ms": request.made_ms, "digest": request.digest}
    if connection.dialect.name == "postgresql":
        # A commit that nobody answered may be on its way: the same key waits for its end.
        connection.execute(_INSERT_IF_NEW["postgresql"], {**new, "holder": holder})
    connection.execute(sa.delete(requests).where(mine))


def vouch_for(connection: sa.Connection, image_ids: Collection[str]) -> bool:
    """Vouch for images; tell whether a request ended with any. See Catalogue.vouch_for."""
    ended = sa.update(requests).where(requests.c.image_id.in_(list(image_ids)))
    return bool(connection.execute(ended, {"holder": _VOUCHED}).rowcount)


def not_vouched_for(connection: sa.Connection, image_ids: Collection[str]) -> set[str]:
    """Return those of image_ids that a request ended with of which nobody has vouched so far."""
    # SQLite takes 32,766 values, of more than may be asked for at once.
    ended = sa.select(requests.c.image_id).where(
        requests.c.image_id.in_(list(image_ids)), requests.c.holder.is_distinct_from(_VOUCHED)
    )
    return set(connection.scalars(ended))


def may_be_vouched_for(
    connection: sa.Connection, image_id: str, asked: Collection[RequestKey]
) -> bool:
    """Tell whether somebody may have been told of an image that these requests ended with.

    Nobody is until this transaction has ended. What is remembered no more may have said so.
    """
    ended = sa.select(requests.c.holder).where(requests.c.image_id == image_id)
    holders = connection.scalars(ended.with_for_update()).all()
    return _VOUCHED in holders if holders else bool(asked)


def forget_image(connection: sa.Connection, image_id: str) -> None:
    """Forget the requests that ended with this image."""
    connection.execute(sa.delete(requests).where(requests.c.image_id == image_id))


def forget_before(connection: sa.Connection, before_ms: int) -> int:
    """Forget requests made before before_ms; return how many."""
    old = sa.delete(requests).where(requests.c.created_ms < before_ms)
    return int(connection.execute(old).rowcount)


def _row(connection: sa.Connection, request: RequestKey, *, to_change: bool = False) -> Any:
    found = sa.select(requests).where(requests.c.key == request.key)
    return connection.execute(found.with_for_update() if to_change else found).first()


def _delete(connection: sa.Connection, request: RequestKey) -> None:
    connection.execute(sa.delete(requests).where(requests.c.key == request.key))


def _check_digest(row: Any, request: RequestKey) -> None:
    if bytes(row.digest) != request.digest:
        raise InvalidArgument(
            "idempotency_key", "it was used before with other bytes; use a new key for a new upload"
        )

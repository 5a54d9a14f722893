"""What is stored, in all and by each owner, counted where it changes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import sqlalchemy as sa

from ..domain.image import Image
from ..domain.quota import Quotas, Used
from . import slots
from .tables import owners, totals

_ALL = sa.select(
    sa.func.coalesce(sa.func.sum(totals.c.files + totals.c.trashed_files), 0),
    sa.func.coalesce(sa.func.sum(totals.c.bytes + totals.c.trashed_bytes), 0),
)
_LOCKS, _STORE = 0x696D6702, 0
_HOLD = sa.select(sa.func.pg_advisory_xact_lock(_LOCKS, sa.bindparam("whose", type_=sa.Integer)))
_OF_OWNER = sa.select(owners.c.files, owners.c.bytes).where(
    owners.c.owner == sa.bindparam("of_owner")
)


def used(connection: sa.Connection, owner: str) -> Used:
    """Return what an owner has stored, or all together have for "", trash included."""
    if slots.are_used(connection):
        return _used_in_slots(connection, owner)
    if not owner:
        return Used(*map(int, connection.execute(_ALL).one()))
    row = connection.execute(_OF_OWNER, {"of_owner": owner}).first()
    return Used(*row) if row else Used()


def used_beside(connection: sa.Connection, image: Image) -> Callable[[str], Used]:
    """Return what tells the same beside an image that this transaction has added."""

    def told(owner: str) -> Used:
        all_of_it = used(connection, owner)
        return Used(all_of_it.files - 1, all_of_it.bytes - image.size_bytes)

    return told


def hold_quotas(connection: sa.Connection, quotas: Quotas, owner: str) -> None:
    """Keep others that the same quotas count from adding until this transaction has ended."""
    if not slots.are_used(connection):
        return  # one writes at a time
    if quotas.store.is_set:
        connection.execute(_HOLD, {"whose": _STORE})
    if quotas.owner.is_set and owner:
        digest = hashlib.blake2b(owner.encode(), digest_size=4).digest()
        connection.execute(_HOLD, {"whose": int.from_bytes(digest, "big", signed=True)})


def _used_in_slots(connection: sa.Connection, owner: str) -> Used:
    if owner:
        row = connection.execute(slots.read_owner(), {"of_owner": owner}).first()
        return Used(row.files, row.bytes) if row else Used()
    rows = connection.execute(slots.read_totals()).all()
    return Used(
        sum(row.files + row.trashed_files for row in rows),
        sum(row.bytes + row.trashed_bytes for row in rows),
    )


def count_owner(connection: sa.Connection, image: Image, files: int) -> None:
    """Count an image that came (+1) or went (-1) as its owner's."""
    mine = owners.c.owner == image.owner
    more_bytes = files * image.size_bytes
    change = {"files": owners.c.files + files, "bytes": owners.c.bytes + more_bytes}
    if not connection.execute(sa.update(owners).where(mine).values(change)).rowcount:
        row = {"owner": image.owner, "files": files, "bytes": more_bytes}
        connection.execute(sa.insert(owners), row)
    if files < 0:  # who has nothing is forgotten
        connection.execute(sa.delete(owners).where(mine & (owners.c.files <= 0)))

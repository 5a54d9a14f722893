"""What is stored, in all and by each owner, counted where it changes."""

from __future__ import annotations

import sqlalchemy as sa

from ..domain.image import Image
from ..domain.quota import Used
from .tables import owners, totals

_ALL = sa.select(
    sa.func.coalesce(sa.func.sum(totals.c.files + totals.c.trashed_files), 0),
    sa.func.coalesce(sa.func.sum(totals.c.bytes + totals.c.trashed_bytes), 0),
)
_OF_OWNER = sa.select(owners.c.files, owners.c.bytes).where(
    owners.c.owner == sa.bindparam("of_owner")
)


def used(connection: sa.Connection, owner: str) -> Used:
    """Return what an owner has stored, or all together have for "", trash included."""
    if not owner:
        return Used(*map(int, connection.execute(_ALL).one()))
    row = connection.execute(_OF_OWNER, {"of_owner": owner}).first()
    return Used(*row) if row else Used()


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

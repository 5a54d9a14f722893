"""HEIC, which an optional package decodes."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    totals = sa.table("totals", sa.column("format"), sa.column("files"), sa.column("bytes"))
    op.bulk_insert(totals, [{"format": "heic", "files": 0, "bytes": 0}])

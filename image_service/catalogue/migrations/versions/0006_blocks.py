"""Digests of each image's blocks."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("images", sa.Column("block_digests", sa.LargeBinary))

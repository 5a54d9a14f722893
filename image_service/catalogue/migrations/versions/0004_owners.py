"""Whose an image is, and what each owner has stored."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("images", sa.Column("owner", sa.String(255)))
    op.create_table(
        "owners",
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("owner", name="pk_owners"),
        sqlite_with_rowid=False,
    )

"""What several machines share: counts without a queue, leases, provisional names, turns."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

# In order by their bytes, whatever the database's locale: lists go on where they were.
ORDERED: tuple[tuple[str, str, Any], ...] = (
    ("images", "id", sa.String(50)),
    ("images", "filename_folded", sa.Text()),
    ("image_tags", "tag", sa.Text()),
    ("image_tags", "image_id", sa.String(50)),
    ("sent_digests", "image_id", sa.String(50)),
    ("tags", "tag", sa.Text()),
    ("tags", "folded", sa.Text()),
    ("totals", "format", sa.String(8)),
    ("months", "month", sa.String(7)),
    ("months", "format", sa.String(8)),
    ("owners", "owner", sa.String(255)),
)


def upgrade() -> None:
    collation = "C" if op.get_bind().dialect.name == "postgresql" else None
    if collation:
        for table, column, kind in ORDERED:
            kind.collation = collation
            op.alter_column(table, column, type_=kind)
    op.create_table(
        "count_slots",
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("key", sa.Text(collation=collation), nullable=False),
        sa.Column("part", sa.Text(collation=collation), nullable=False),
        sa.Column("slot", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("trashed_files", sa.BigInteger, nullable=False),
        sa.Column("trashed_bytes", sa.BigInteger, nullable=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", "part", "slot", name="pk_count_slots"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("dead_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_leases"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "provisional",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("name", "holder", name="pk_provisional"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_provisional_holder", "provisional", ["holder"])
    op.create_table(
        "turns",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("until_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_turns"),
        sqlite_with_rowid=False,
    )

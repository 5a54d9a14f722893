"""The trash: deleted images that can be restored, and what they take."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

LIVE = sa.text("deleted_ms IS NULL")
TRASHED = sa.text("deleted_ms IS NOT NULL")
ORDERS = (
    ["created_ms", "id"],
    ["size_bytes", "id"],
    ["filename_folded", "id"],
    ["format", "created_ms", "id"],
)


def upgrade() -> None:
    op.add_column("images", sa.Column("deleted_ms", sa.BigInteger))
    for columns in ORDERS:
        name = f"ix_images_{'_'.join(columns)}"
        op.drop_index(name, "images")
        op.create_index(name, "images", columns, sqlite_where=LIVE, postgresql_where=LIVE)
    op.create_index(
        "ix_images_deleted_ms_id",
        "images",
        ["deleted_ms", "id"],
        sqlite_where=TRASHED,
        postgresql_where=TRASHED,
    )
    for name in ("trashed_files", "trashed_bytes"):
        op.add_column(
            "totals", sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0"))
        )

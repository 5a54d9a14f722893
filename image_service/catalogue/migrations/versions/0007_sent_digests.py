"""Images by what was sent, where metadata were taken out of it."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    table = op.create_table(
        "sent_digests",
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("image_id", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "image_id", name="pk_sent_digests"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sent_digests_image_id", "sent_digests", ["image_id"])
    images = sa.table("images", sa.column("id"), sa.column("details", sa.JSON))
    rows = op.get_bind().execute(sa.select(images.c.id, images.c.details))
    sent = [
        {"sha256": bytes.fromhex(details["sent_sha256"]), "image_id": image_id}
        for image_id, details in rows
        if details and details.get("sent_sha256")
    ]
    if sent:
        op.bulk_insert(table, sent)

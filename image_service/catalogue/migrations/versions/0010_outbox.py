"""Events that wait for the broker."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    op.create_table(
        "outbox",
        sa.Column("number", number, sa.Identity(), nullable=False),
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("image_id", sa.String(50), nullable=False),
        sa.Column("occurred_ms", sa.BigInteger, nullable=False),
        sa.Column("call_id", sa.Text, nullable=False),
        sa.Column("traceparent", sa.String(55), nullable=False),
        sa.Column("image", sa.Text, nullable=False),
        sa.Column("is_partial", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
    )

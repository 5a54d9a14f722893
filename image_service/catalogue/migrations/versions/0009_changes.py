"""How often what listings show was changed, beside the totals that change with it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    column = sa.Column("changes", sa.BigInteger, nullable=False, server_default=sa.text("0"))
    op.add_column("totals", column)

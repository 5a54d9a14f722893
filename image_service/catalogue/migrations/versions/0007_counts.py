"""How many images there are of each month and format, and of each tag."""

from collections import Counter

import sqlalchemy as sa
from alembic import op

from image_service.domain.filename import fold
from image_service.domain.image import month_of

revision = "0007"
down_revision = "0006"

LIVING = "SELECT created_ms, format, size_bytes FROM images WHERE deleted_ms IS NULL"
TAGGED = (
    "SELECT tag, count(*) FROM image_tags JOIN images ON images.id = image_id "
    "WHERE deleted_ms IS NULL GROUP BY tag"
)


def upgrade() -> None:
    months = op.create_table(
        "months",
        sa.Column("month", sa.String(7), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("month", "format", name="pk_months"),
        sqlite_with_rowid=False,
    )
    tags = op.create_table(
        "tags",
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("folded", sa.Text, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("tag", name="pk_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_tags_folded", "tags", ["folded"])
    op.create_index("ix_tags_files", "tags", ["files"])
    connection = op.get_bind()
    files: Counter[tuple[str, str]] = Counter()
    sizes: Counter[tuple[str, str]] = Counter()
    for created_ms, format_, size_bytes in connection.execute(sa.text(LIVING)):
        key = (month_of(created_ms), format_)
        files[key] += 1
        sizes[key] += size_bytes
    op.bulk_insert(
        months,
        [
            {"month": month, "format": format_, "files": count, "bytes": sizes[month, format_]}
            for (month, format_), count in files.items()
        ],
    )
    op.bulk_insert(
        tags,
        [
            {"tag": tag, "folded": fold(tag), "files": count}
            for tag, count in connection.execute(sa.text(TAGGED))
        ],
    )

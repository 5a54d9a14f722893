"""The catalogue: images, their tags, totals by format, answered requests."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

FORMATS = ("jpeg", "png", "gif", "webp", "avif", "tiff", "bmp")


def upgrade() -> None:
    op.create_table(
        "images",
        sa.Column("id", sa.String(50), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("filename", sa.Text, nullable=False),
        sa.Column("filename_folded", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary(32), nullable=False),
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("width", sa.Integer, nullable=False),
        sa.Column("height", sa.Integer, nullable=False),
        sa.Column("frames", sa.Integer, nullable=False),
        sa.Column("animated", sa.Boolean, nullable=False),
        sa.Column("orientation", sa.SmallInteger, nullable=False),
        sa.Column("has_alpha", sa.Boolean, nullable=False),
        sa.Column("color_space", sa.String(16), nullable=False),
        sa.Column("tags", sa.JSON, nullable=False),
        sa.Column("attributes", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_images"),
    )
    for columns in (
        ["created_ms", "id"],
        ["size_bytes", "id"],
        ["filename_folded", "id"],
        ["format", "created_ms", "id"],
    ):
        op.create_index(f"ix_images_{'_'.join(columns)}", "images", columns)
    op.create_table(
        "image_tags",
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("image_id", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("tag", "image_id", name="pk_image_tags"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_image_tags_image_id", "image_tags", ["image_id"])
    totals = op.create_table(
        "totals",
        sa.Column("format", sa.String(8), nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("format", name="pk_totals"),
        sqlite_with_rowid=False,
    )
    op.bulk_insert(totals, [{"format": name, "files": 0, "bytes": 0} for name in FORMATS])
    op.create_table(
        "requests",
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("holder", sa.String(64)),
        sa.Column("image_id", sa.String(50)),
        sa.Column("image", sa.JSON),
        sa.PrimaryKeyConstraint("key", name="pk_requests"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_requests_created_ms", "requests", ["created_ms"])
    op.create_index("ix_requests_image_id", "requests", ["image_id"])

"""What is known of each image: fingerprints, durations, details; duplicates by digest."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

COLUMNS: dict[str, Any] = {
    "duration_ms": sa.BigInteger,
    "dominant_color": sa.String(7),
    "thumbhash": sa.LargeBinary(32),
    "perceptual_hash": sa.BigInteger,
    "hash_band_0": sa.Integer,
    "hash_band_1": sa.Integer,
    "hash_band_2": sa.Integer,
    "details": sa.JSON,
}
INDEXES = (
    ["sha256", "created_ms"],
    ["hash_band_0", "perceptual_hash"],
    ["hash_band_1", "perceptual_hash"],
    ["hash_band_2", "perceptual_hash"],
)


def upgrade() -> None:
    for name, kind in COLUMNS.items():
        op.add_column("images", sa.Column(name, kind))
    for columns in INDEXES:
        op.create_index(f"ix_images_{'_'.join(columns)}", "images", columns)

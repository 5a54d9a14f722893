"""The catalogue's tables. A change here comes with a migration (tests compare the two)."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..domain.fingerprint import BANDS

metadata = sa.MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"}
)


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def _text(length: int | None = None) -> sa.String:
    """Return the type of texts that are put in order: by their bytes, whatever the locale."""
    kind: sa.String = sa.String(length) if length else sa.Text()
    ordered: sa.String = sa.String(length, collation="C") if length else sa.Text(collation="C")
    return kind.with_variant(ordered, "postgresql")


_LIVE, _TRASHED = _where("deleted_ms IS NULL"), _where("deleted_ms IS NOT NULL")

# In SQLite triggers keep the index of filenames (migration 0012): a migration that makes this table
# anew has to make them again.
images = sa.Table(
    "images",
    metadata,
    sa.Column("id", _text(50), primary_key=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    sa.Column("filename", sa.Text, nullable=False),
    # As searches and the order by filename compare it: domain.filename.fold().
    sa.Column("filename_folded", _text(), nullable=False),
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
    sa.Column("duration_ms", sa.BigInteger),
    # When it was put into the trash; null for the living.
    sa.Column("deleted_ms", sa.BigInteger),
    # Who sent it; null where nobody is told apart.
    sa.Column("owner", sa.String(255)),
    # A fingerprint; null for images of before there were any.
    sa.Column("dominant_color", sa.String(7)),
    sa.Column("thumbhash", sa.LargeBinary(32)),
    # As a signed number, which is what databases have: records.py.
    sa.Column("perceptual_hash", sa.BigInteger),
    # The hash's bands (domain.fingerprint): what look-alikes are found by.
    *(sa.Column(f"hash_band_{band}", sa.Integer) for band in range(BANDS)),
    # What only a look at the one image needs; last, and not read for listings: domain.blocks, and
    # whatever else is known.
    sa.Column("block_digests", sa.LargeBinary),
    sa.Column("details", sa.JSON),
    # One index for each order of the listing: a page is a short walk along one of them, however
    # much is in the trash.
    sa.Index(None, "created_ms", "id", **_LIVE),
    sa.Index(None, "size_bytes", "id", **_LIVE),
    sa.Index(None, "filename_folded", "id", **_LIVE),
    sa.Index(None, "format", "created_ms", "id", **_LIVE),
    sa.Index(None, "deleted_ms", "id", **_TRASHED),
    sa.Index(None, "sha256", "created_ms"),
    *(sa.Index(None, f"hash_band_{band}", "perceptual_hash") for band in range(BANDS)),
    sqlite_with_rowid=True,
)

listed = tuple(c for c in images.c if c.name not in ("block_digests", "details"))
"""The columns that a listing needs: not those that may be many times as long as the rest."""

image_tags = sa.Table(
    "image_tags",
    metadata,
    sa.Column("tag", _text(), primary_key=True),
    sa.Column("image_id", _text(50), primary_key=True),
    sa.Index(None, "image_id"),
    sqlite_with_rowid=False,
)

sent_digests = sa.Table(
    "sent_digests",
    metadata,
    sa.Column("sha256", sa.LargeBinary(32), primary_key=True),
    sa.Column("image_id", _text(50), primary_key=True),
    sa.Index(None, "image_id"),
    sqlite_with_rowid=False,
)
"""SHA-256 of what was sent, of images of which something else is stored."""

totals = sa.Table(
    "totals",
    metadata,
    sa.Column("format", _text(8), primary_key=True),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("trashed_files", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sa.Column("trashed_bytes", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    # How often images of this format came, went or were changed: here, for this row is written
    # with each of them anyway.
    sa.Column("changes", sa.BigInteger, nullable=False, server_default=sa.text("0")),
    sqlite_with_rowid=False,
)
"""What there is of each format: files and bytes of the living, and of those in the trash."""

months = sa.Table(
    "months",
    metadata,
    # Of the time of creation, in UTC, as 2026-01.
    sa.Column("month", _text(7), primary_key=True),
    sa.Column("format", _text(8), primary_key=True),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What there is of each month and format, of the living; what has nothing is not in it."""

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("tag", _text(), primary_key=True),
    # As searches compare it: domain.filename.fold().
    sa.Column("folded", _text(), nullable=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Index(None, "folded"),
    sa.Index(None, "files"),
    sqlite_with_rowid=False,
)
"""How many of the living have each tag; one that none has is not in it."""

owners = sa.Table(
    "owners",
    metadata,
    sa.Column("owner", _text(255), primary_key=True),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What each owner has stored; who has nothing is not in it."""

requests = sa.Table(
    "requests",
    metadata,
    # A digest of the caller's idempotency key, or of what the broker redelivers a request by.
    sa.Column("key", sa.String(80), primary_key=True),
    sa.Column("created_ms", sa.BigInteger, nullable=False),
    # SHA-256 of the bytes the request carried; empty when it carried none.
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    # The lease of the process at work on it. Once it has ended null, or "vouched": see requests.
    sa.Column("holder", sa.String(64)),
    # The image as it was when the request ended; null while it is in flight.
    sa.Column("image_id", sa.String(50)),
    sa.Column("image", sa.JSON),
    sa.Index(None, "created_ms"),
    sa.Index(None, "image_id"),
    sqlite_with_rowid=False,
)

outbox = sa.Table(
    "outbox",
    metadata,
    # Drawn after the change has locked its image's row: in order for each image. Of different
    # images a lower one may be committed later, so nobody may go on from the last one seen.
    sa.Column(
        "number",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        # Unlike a sequence's, its numbers need no right beside that to insert.
        sa.Identity(),
        primary_key=True,
    ),
    sa.Column("id", sa.String(32), nullable=False),
    sa.Column("type", sa.String(32), nullable=False),
    sa.Column("image_id", sa.String(50), nullable=False),
    sa.Column("occurred_ms", sa.BigInteger, nullable=False),
    # The call that it comes of, and its trace; empty where there is none.
    sa.Column("call_id", sa.Text, nullable=False),
    sa.Column("traceparent", sa.String(55), nullable=False),
    # The image as JSON, as records.to_snapshot() makes it; without what was too long.
    sa.Column("image", sa.Text, nullable=False),
    sa.Column("is_partial", sa.Boolean, nullable=False),
)
"""Events that wait for the broker; a row goes when it has been told."""

count_slots = sa.Table(
    "count_slots",
    metadata,
    # "total", "month", "owner" or "tag": which of the tables above it belongs to.
    sa.Column("kind", sa.String(8), primary_key=True),
    # The month, the owner or the tag; empty for totals.
    sa.Column("key", _text(), primary_key=True),
    # The format, of tags what is searched; empty for owners.
    sa.Column("part", _text(), primary_key=True),
    # Whose row it is: the number of a server process, of which each does one thing at a time.
    sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("files", sa.BigInteger, nullable=False),
    sa.Column("bytes", sa.BigInteger, nullable=False),
    sa.Column("trashed_files", sa.BigInteger, nullable=False),
    sa.Column("trashed_bytes", sa.BigInteger, nullable=False),
    sa.Column("changes", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""What is to be added to the counts in the tables above; only PostgreSQL needs it: slots.py."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    # Until when it is good without another sign of life, by the database's clock.
    sa.Column("expires_ms", sa.BigInteger, nullable=False),
    # Since when it counts as dead, for good; null for the living.
    sa.Column("dead_ms", sa.BigInteger),
    sqlite_with_rowid=False,
)
"""Which processes live, and which were found dead."""

provisional = sa.Table(
    "provisional",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(64), primary_key=True),
    sa.Index(None, "holder"),
    sqlite_with_rowid=False,
)
"""Blobs about which store and catalogue may disagree, and the leases of those at work on them."""

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("until_ms", sa.BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""Whose turn some work is that one process at a time does, and until when."""

"""An index of filenames by the words in them; in PostgreSQL for a new catalogue, if it may be."""

import sqlite3

import sqlalchemy as sa
from alembic import op

from image_service.catalogue.filenames import fill
from image_service.catalogue.trigrams import make_in_new
from image_service.errors import StorageUnavailable

revision = "0012"
down_revision = "0011"

TABLE = (
    "CREATE VIRTUAL TABLE filename_index USING fts5("
    "filename_folded, image_id UNINDEXED, columnsize = 0, tokenize = 'trigram case_sensitive 1')"
)
OF_ITS_MS = "rowid >= {0}.created_ms * 500000 AND rowid < ({0}.created_ms + 1) * 500000"
TAKE_OUT = "DELETE FROM filename_index WHERE " + OF_ITS_MS.format("old") + " AND image_id = old.id"
# Of one millisecond those that come after it are numbered anew, so that all stay in order; as good
# as always there are none.
MAKE_ROOM = "DELETE FROM filename_index WHERE " + OF_ITS_MS.format("new") + " AND image_id > new.id"
PUT_IN = (
    "INSERT INTO filename_index (rowid, filename_folded, image_id) "
    "SELECT coalesce((SELECT rowid + 1 FROM filename_index WHERE " + OF_ITS_MS.format("new") + " "
    "ORDER BY rowid DESC LIMIT 1), new.created_ms * 500000) "
    "+ row_number() OVER (ORDER BY id) - 1, filename_folded, id FROM images "
    "WHERE created_ms = new.created_ms AND deleted_ms IS NULL AND id >= new.id ORDER BY id"
)
TRIGGERS = {
    "inserted AFTER INSERT ON images WHEN new.deleted_ms IS NULL": (MAKE_ROOM, PUT_IN),
    "deleted AFTER DELETE ON images WHEN old.deleted_ms IS NULL": (TAKE_OUT,),
    "lost AFTER UPDATE OF deleted_ms ON images "
    "WHEN old.deleted_ms IS NULL AND new.deleted_ms IS NOT NULL": (TAKE_OUT,),
    "restored AFTER UPDATE OF deleted_ms ON images "
    "WHEN old.deleted_ms IS NOT NULL AND new.deleted_ms IS NULL": (MAKE_ROOM, PUT_IN),
    "renamed AFTER UPDATE OF filename_folded ON images "
    "WHEN new.deleted_ms IS NULL AND old.filename_folded <> new.filename_folded": (
        "UPDATE filename_index SET filename_folded = new.filename_folded WHERE "
        + OF_ITS_MS.format("new")
        + " AND image_id = new.id",
    ),
}


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "postgresql":
        make_in_new(connection)
        return
    try:
        op.execute(TABLE)
    except sa.exc.OperationalError as exc:
        if "no such" not in str(exc.orig):
            raise
        raise StorageUnavailable(
            "its catalogue needs SQLite 3.34 or newer with FTS5; here is "
            f"{sqlite3.sqlite_version}: {exc.orig}"
        ) from exc
    fill(connection)
    for head, steps in TRIGGERS.items():
        body = "; ".join(steps)
        op.execute(f"CREATE TRIGGER filename_index_{head} BEGIN {body}; END")

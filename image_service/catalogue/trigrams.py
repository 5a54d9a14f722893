"""PostgreSQL's index of filenames by the words in them: pg_trgm's, which LIKE finds by itself.

A catalogue without it does all that one with it does; searches read names then. So a new one gets
it with its tables, if it may; one that has images when an operator says so: making it waits for
whoever reads or writes, and no start of a service should.
"""

from __future__ import annotations

import contextlib

import sqlalchemy as sa

NAME = "ix_images_filename_folded_trigrams"

_LOCK = 0x696D6701
_IS_VALID = sa.text("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(:name)")
_IS_NEW = sa.text("SELECT NOT EXISTS (SELECT 1 FROM images)")
_MAY_MAKE = sa.text(
    "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('images')"
)
_MAY_ADD = sa.text(
    "SELECT has_database_privilege(current_database(), 'CREATE') "
    "AND EXISTS (SELECT 1 FROM pg_available_extensions WHERE name = 'pg_trgm')"
)
# With its schema, which need not be on the search path.
_CLASS = sa.text(
    "SELECT quote_ident(nspname) || '.gin_trgm_ops' FROM pg_opclass "
    "JOIN pg_namespace ON pg_namespace.oid = opcnamespace WHERE opcname = 'gin_trgm_ops'"
)
_ADD = "CREATE EXTENSION IF NOT EXISTS pg_trgm"
# A list of what is yet to go into it would make searches slower the longer it is, and have who
# fills it wait until it is emptied.
_MAKE = (
    "CREATE INDEX {way} {name} ON images USING gin (filename_folded {opclass}) "
    "WITH (fastupdate = off) WHERE deleted_ms IS NULL"
)
# However long: those of a role or a url would cut it off at the same point each time.
_UNBOUNDED = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


def has_trigrams(connection: sa.Connection) -> bool:
    """Tell whether searches have the index."""
    return bool(connection.scalar(_IS_VALID, {"name": NAME}))


def make_in_new(connection: sa.Connection) -> None:
    """Make the index, if it may be made, where there are no images yet: within a transaction."""
    with contextlib.suppress(sa.exc.DBAPIError), connection.begin_nested():
        if connection.scalar(_IS_NEW):
            _make(connection, "")


def make_beside_others(engine: sa.Engine) -> str:
    """Make the index where it is missing, while others read and write; return why it is not there.

    It takes as long as the oldest transaction that is under way, and then some. One whose making
    was cut off is made again.

    Args: engine: of two connections.
    Raises: sqlalchemy.exc.DBAPIError.
    """
    # In any other isolation the turn's snapshot would be waited for, by itself.
    turns = engine.execution_options(isolation_level="READ COMMITTED")
    with turns.connect() as turn:
        _take_time(turn)
        if not turn.scalar(sa.select(sa.func.pg_try_advisory_xact_lock(_LOCK))):
            return "another process is making it"
        if has_trigrams(turn):
            return ""
        if not turn.scalar(_MAY_MAKE):
            return "this role does not own the tables"
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            _take_time(connection)
            connection.exec_driver_sql(f"DROP INDEX CONCURRENTLY IF EXISTS {NAME}")
            is_made = _make(connection, "CONCURRENTLY")
    return "" if is_made else "the extension pg_trgm is missing, and this role may not add it"


def _take_time(connection: sa.Connection) -> None:
    for name in _UNBOUNDED:
        connection.exec_driver_sql(f"SET {name} = 0")


def _make(connection: sa.Connection, way: str) -> bool:
    opclass = connection.scalar(_CLASS)
    if opclass is None and connection.scalar(_MAY_ADD):
        connection.exec_driver_sql(_ADD)
        opclass = connection.scalar(_CLASS)
    if opclass is None:
        return False
    connection.exec_driver_sql(_MAKE.format(way=way, name=NAME, opclass=opclass))
    return True

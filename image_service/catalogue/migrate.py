"""Bringing a catalogue's tables up to date, once, whichever process comes first."""

from __future__ import annotations

import logging

import sqlalchemy as sa

# Migrations may run in a native thread, where logging under eventlet deadlocks; and importing
# Alembic logs a line for each of its plugins.
logging.getLogger("alembic").setLevel(logging.WARNING)

from alembic import command  # noqa: E402
from alembic.config import Config  # noqa: E402
from alembic.migration import MigrationContext  # noqa: E402
from alembic.script import ScriptDirectory  # noqa: E402

_LOCK = 0x696D6700


def upgrade(engine: sa.Engine) -> None:
    """Apply the migrations that are missing.

    On SQLite the caller holds whatever lock keeps others out; PostgreSQL has one for that.
    """
    config = _config()
    head = ScriptDirectory.from_config(config).get_current_head()
    with engine.connect().execution_options(writes=True) as connection:
        if _revision(connection) == head:
            return
        if engine.dialect.name == "postgresql":
            # Until the transaction has ended, and so through pgBouncer, too.
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            if _revision(connection) == head:
                return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def _revision(connection: sa.Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "image_service.catalogue:migrations")
    config.set_main_option("path_separator", "os")
    return config

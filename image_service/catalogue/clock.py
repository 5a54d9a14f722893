"""The database's clock: one for all machines."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles


class now_ms(sa.sql.functions.FunctionElement[int]):  # noqa: N801 - it is used as a function is
    """Unix milliseconds at the moment in which the database gets there."""

    type = sa.BigInteger()
    inherit_cache = True


@compiles(now_ms, "postgresql")
def _in_postgresql(element: now_ms, compiler: Any, **_: Any) -> str:  # noqa: ARG001
    return "(extract(epoch FROM clock_timestamp()) * 1000)::bigint"


@compiles(now_ms, "sqlite")
def _in_sqlite(element: now_ms, compiler: Any, **_: Any) -> str:  # noqa: ARG001
    return "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)"

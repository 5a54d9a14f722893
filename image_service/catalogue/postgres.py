"""The PostgreSQL engine of a catalogue: few connections, which native threads share.

psycopg2 in its plain, blocking way: what waits for it are native threads. Everything that waits is
bounded: connecting by libpq, statements and locks by the server, and what neither of them notices,
a line that carries nothing any more, by `Watch`.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.util import queue as sa_queue

from ..errors import StorageUnavailable
from ..native import queue, threading
from .failures import translated
from .migrate import upgrade
from .tables import images
from .transactions import Transactions
from .trigrams import make_beside_others
from .watch import Watch

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

# In native threads a pool must not log: eventlet's locks would wait for ever.
logging.getLogger(f"{__name__}.NativePool").setLevel(logging.CRITICAL + 1)

OLDEST_VERSION = 130_000
"""Of the servers that are supported, as libpq counts: 13.0."""

_SPARE_S = 5.0
# A server that was taken out of service is not read from for longer.
_RENEWED_AFTER_S = 600
# The server's side of it: what a host that is gone held is free again after half a minute, not
# after two hours, in which every start of that host took more.
_SERVERS_KEEPALIVES = {
    "tcp_keepalives_idle": 10,
    "tcp_keepalives_interval": 5,
    "tcp_keepalives_count": 3,
}
_KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


@dataclass(frozen=True)
class PostgresOptions:
    """How a catalogue in PostgreSQL is reached.

    Attributes:
        url: as libpq reads it; holds the password.
        pool_size: connections at most.
        connect_timeout_s: for each host that the url names.
        timeout_s: how long a statement, a lock or a connection of the pool is waited for.
        session: of the servers that the url names, which will do: target_session_attrs.
    """

    url: str
    pool_size: int = 8
    connect_timeout_s: int = 5
    timeout_s: float = 10.0
    session: str = "read-write"

    def __repr__(self) -> str:
        return "PostgresOptions(…)"


def create_postgres_engine(options: PostgresOptions, *, is_bounded: bool = True) -> sa.Engine:
    """Return an engine whose pool native threads may wait for.

    Args: is_bounded: False for what may take as long as it likes: migrations, copies.
    """
    plain_psycopg2()
    dsn = _dsn(options, is_bounded=is_bounded)
    # By name, so that the url, and the password in it, is nowhere in SQLAlchemy.
    engine = sa.create_engine(
        "postgresql+psycopg2://",
        creator=lambda: connect(dsn),
        poolclass=NativePool,
        pool_size=options.pool_size,
        max_overflow=0,
        pool_timeout=options.timeout_s,
        pool_recycle=_RENEWED_AFTER_S,
        pool_use_lifo=True,
        # Every transaction is ended where it began: nothing is left for the pool to roll back.
        pool_reset_on_return=None,
    )
    if is_bounded:
        watch = Watch(at_most_s=options.timeout_s + _SPARE_S)
        sa.event.listen(engine, "checkout", lambda raw, record, _: watch.begin(record, raw))
        sa.event.listen(engine, "checkin", lambda _, record: watch.end(record))
    return engine


def open_postgres(
    options: PostgresOptions, *, committed: Callable[[float], object] = lambda _: None
) -> Transactions:
    """Return the transactions of a catalogue. Args: committed: see Transactions."""
    engine = create_postgres_engine(options)
    return Transactions(
        # What only reads needs no transaction: each statement sees what was committed before it.
        engine.execution_options(isolation_level="AUTOCOMMIT"),
        prepare=functools.partial(_prepare, options, engine),
        writer=engine,
        is_shared=False,
        committed=committed,
    )


def open_standby(options: PostgresOptions) -> Transactions:
    """Return transactions that only read, on whatever server the url names: none is prepared."""
    options = dataclasses.replace(options, session="any")
    engine = create_postgres_engine(options).execution_options(isolation_level="AUTOCOMMIT")
    return Transactions(engine, prepare=_refuse_to_prepare, is_shared=False)


def _refuse_to_prepare() -> None:
    raise StorageUnavailable("it has no catalogue, or an older one")


def _prepare(options: PostgresOptions, engine: sa.Engine) -> None:
    check_server(options)
    unhurried = create_postgres_engine(options, is_bounded=False)
    try:
        upgrade(unhurried)
    finally:
        unhurried.dispose()
    # The first connection of an engine takes eventlet's locks: here, where nobody else does.
    engine.connect().close()


def plain_psycopg2() -> None:
    """Have psycopg2 wait as it would without eventlet: its threads are native ones."""
    from psycopg2.extensions import set_wait_callback

    set_wait_callback(None)


def connect(dsn: str) -> Connection:
    """Return a new connection. Raises: psycopg2.OperationalError."""
    import psycopg2

    return psycopg2.connect(dsn)


def has_tables(options: PostgresOptions) -> bool:
    """Tell whether there is a catalogue. Raises: StorageUnavailable."""
    check_server(options)
    engine = create_postgres_engine(options)
    try:
        with translated():
            return bool(sa.inspect(engine).has_table(images.name))
    finally:
        engine.dispose()


def make_search_index(options: PostgresOptions) -> str:
    """Make the index of filenames where it is missing; return why it is not there.

    Raises: StorageUnavailable.
    """
    engine = create_postgres_engine(dataclasses.replace(options, pool_size=2), is_bounded=False)
    try:
        with translated():
            return make_beside_others(engine)
    finally:
        engine.dispose()


def check_server(options: PostgresOptions) -> None:
    """Log in once. Raises: StorageUnavailable with what an operator has to know in one line."""
    import psycopg2

    plain_psycopg2()
    where = place_of(options.url)
    try:
        connection = connect(_dsn(options, is_bounded=True))
    except psycopg2.Error as exc:
        raise StorageUnavailable(f"catalogue_url: {where}: {_one_line(exc)}") from None
    try:
        problem = _problem_with(connection)
    except psycopg2.Error as exc:
        problem = _one_line(exc)
    finally:
        connection.close()
    if problem:
        raise StorageUnavailable(f"catalogue_url: {where}: {problem}")


def place_of(url: str) -> str:
    """Return which servers and database a url names, without user and password."""
    from psycopg2.extensions import parse_dsn

    parts = parse_dsn(url)
    hosts = parts.get("host", "").split(",") or [""]
    ports = parts.get("port", "5432").split(",")
    if len(ports) < len(hosts):
        ports = ports * len(hosts)
    named = ",".join(
        f"{host or 'localhost'}:{port or 5432}" for host, port in zip(hosts, ports, strict=False)
    )
    database = parts.get("dbname") or parts.get("user") or ""
    return f"PostgreSQL at {named}, database {database}"


def _problem_with(connection: Connection) -> str:
    if connection.server_version < OLDEST_VERSION:
        version, oldest = connection.server_version // 10_000, OLDEST_VERSION // 10_000
        return f"version {version} is too old: {oldest} is the oldest that is supported"
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding'), pg_is_in_recovery()")
        encoding, only_reads = cursor.fetchone() or ("", False)
    if encoding != "UTF8":
        return f"its encoding is {encoding}: make the database with ENCODING 'UTF8'"
    if only_reads:
        return "it is a standby, which only reads"
    return ""


def _one_line(exc: Exception) -> str:
    # libpq names hosts, user and database, one line for each host it tried; no passwords.
    lines = [line.strip() for line in str(exc).splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines))[:500] or type(exc).__name__


def _dsn(options: PostgresOptions, *, is_bounded: bool) -> str:
    """Return what libpq is given: what the url says comes before our defaults."""
    from psycopg2.extensions import make_dsn, parse_dsn

    timeout_ms = math.ceil(options.timeout_s * 1000)
    # A lock that is waited for is told as such: the statement's time began before.
    bounds = {"lock_timeout": timeout_ms * 9 // 10, "statement_timeout": timeout_ms}
    # A process that stands still must not keep others from what it has locked.
    bounds["idle_in_transaction_session_timeout"] = timeout_ms + int(_SPARE_S * 1000)
    settings = bounds if is_bounded else {"lock_timeout": 0, "statement_timeout": 0}
    settings |= _SERVERS_KEEPALIVES
    given: dict[str, Any] = parse_dsn(options.url)
    ours = " ".join(f"-c {name}={value}" for name, value in settings.items())
    defaults: dict[str, Any] = {
        **_KEEPALIVES,
        "tcp_user_timeout": timeout_ms + int(_SPARE_S * 1000),
        "connect_timeout": options.connect_timeout_s,
        "application_name": "image_service",
        "target_session_attrs": options.session,
    }
    merged = {**defaults, **given, "client_encoding": "UTF8"}
    merged["options"] = f"{ours} {given.get('options', '')}".strip()
    return str(make_dsn(**merged))


class _NativeQueue(sa_queue.QueueCommon[Any]):
    """What QueuePool keeps idle connections in, on the system's locks instead of eventlet's."""

    def __init__(self, maxsize: int = 0, use_lifo: bool = True) -> None:
        self.use_lifo = use_lifo
        self._queue: queue.Queue[Any] = queue.LifoQueue(maxsize)
        self.maxsize = maxsize

    def empty(self) -> bool:
        return self._queue.empty()

    def full(self) -> bool:
        return self._queue.full()

    def qsize(self) -> int:
        return self._queue.qsize()

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        try:
            self._queue.put(item, block, timeout)
        except queue.Full:
            raise sa_queue.Full from None

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        try:
            return self._queue.get(block, timeout)
        except queue.Empty:
            raise sa_queue.Empty from None

    def put_nowait(self, item: Any) -> None:
        self.put(item, block=False)

    def get_nowait(self) -> Any:
        return self.get(block=False)


class NativePool(sa.pool.QueuePool):
    """A QueuePool for native threads."""

    _queue_class = _NativeQueue

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._overflow_lock = threading.Lock()

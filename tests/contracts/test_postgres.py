"""The catalogue in PostgreSQL: what goes wrong between it and us, and many at once."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from image_service import native
from image_service.catalogue import SqlCatalogue, slots, tables, trigrams
from image_service.catalogue.postgres import (
    PostgresOptions,
    check_server,
    create_postgres_engine,
    place_of,
)
from image_service.domain.formats import Format
from image_service.domain.listing import parse_list_query
from image_service.domain.ports import DuplicateRequest, FormatTotals, RequestKey
from image_service.domain.quota import Quota, Quotas, Used
from image_service.errors import QuotaExceeded, StorageUnavailable
from image_service.native import threading
from image_service.testing import NOON_MS
from scripts.paths import ROOT
from scripts.ports import free_ports
from scripts.postgres import Server
from tests.contracts.adapters import PostgresCatalogues, new_image
from tests.contracts.line import Line


@pytest.fixture
def catalogues(postgres_server: Server) -> Iterator[PostgresCatalogues]:
    made = PostgresCatalogues(postgres_server)
    yield made
    made.stop()


@pytest.fixture
def catalogue(catalogues: PostgresCatalogues) -> SqlCatalogue:
    return catalogues.start().adapter


@pytest.fixture
def line(postgres_server: Server) -> Iterator[Line]:
    made = Line(postgres_server.port)
    yield made
    made.close()


@pytest.fixture
def far(
    catalogues: PostgresCatalogues, line: Line, monkeypatch: pytest.MonkeyPatch
) -> SqlCatalogue:
    """A catalogue at the other end of the line, given up after 1.5 s."""
    monkeypatch.setattr("image_service.catalogue.postgres._SPARE_S", 0.5)
    url = catalogues.server.url_of(catalogues.name, port=line.port)
    return catalogues.start(url, timeout_s=1.0, connect_timeout_s=2).adapter


def test_the_migrations_make_the_tables_that_the_code_uses(catalogue: SqlCatalogue) -> None:
    with catalogue.transactions.writer.connect() as connection:
        opts = {"compare_type": True, "include_name": lambda name, *_: name != trigrams.NAME}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, tables.metadata) == []


PREPARER = """
import sys
from image_service.catalogue.postgres import PostgresOptions, open_postgres
transactions = open_postgres(PostgresOptions(sys.argv[1]))
sys.stdin.readline()
transactions.prepare()
"""


@pytest.mark.timeout(300)
def test_processes_that_start_at_once_make_each_table_once(postgres_server: Server) -> None:
    database = PostgresCatalogues(postgres_server, is_empty=True)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PREPARER, database.url],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for _ in range(10)
    ]
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    said = [process.communicate(timeout=240)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 10, said
    made = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
    assert int(postgres_server.run(made, database.name)) == len(tables.metadata.tables) + 1
    database.stop()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda url: url.replace("app@", "app:s3cret@").replace("catalogue_", "no_"), "does not"),
        (lambda url: url.replace("app@", "nobody:s3cret@"), 'role "nobody" does not exist'),
        (
            lambda url: f"postgresql://app:s3cret@127.0.0.1:{free_ports(1)[0]}/x",
            "Connection refused",
        ),
    ],
    ids=["database", "user", "server"],
)
def test_what_is_wrong_with_the_url_is_told_in_one_line_without_the_password(
    catalogues: PostgresCatalogues, change: Callable[[str], str], told: str
) -> None:
    url = change(catalogues.url)
    with pytest.raises(StorageUnavailable) as raised:
        catalogues.start(url)
    text = str(raised.value)
    assert told in text
    assert "PostgreSQL at 127.0.0.1:" in text
    assert "\n" not in text
    seen = [text, repr(raised.value), str(raised.value.__cause__), repr(PostgresOptions(url))]
    assert not any("s3cret" in each for each in seen)


def test_a_wrong_password_is_told(postgres_server: Server) -> None:
    postgres_server.run("CREATE ROLE locked LOGIN PASSWORD 'right'")
    access = postgres_server.directory / "pg_hba.conf"
    before = access.read_text()
    access.write_text(f"host all locked 127.0.0.1/32 scram-sha-256\n{before}")
    try:
        postgres_server.run("SELECT pg_reload_conf()")
        url = postgres_server.url_of("postgres", "locked:wr0ng")
        text = ""
        for _ in range(100):  # it is read again a moment later
            try:
                check_server(PostgresOptions(url))
            except StorageUnavailable as exc:
                text = str(exc)
                break
            native.time.sleep(0.05)
        assert "password authentication failed" in text
        assert "wr0ng" not in text
    finally:
        access.write_text(before)
        postgres_server.run("SELECT pg_reload_conf()")


def test_a_server_that_is_too_old_is_told(
    catalogues: PostgresCatalogues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.catalogue.postgres.OLDEST_VERSION", 990_000)
    with pytest.raises(StorageUnavailable, match="is too old: 99 is the oldest"):
        catalogues.start()


def test_other_encodings_are_refused(postgres_server: Server) -> None:
    postgres_server.run(
        "CREATE DATABASE ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc "
        "LOCALE 'C'"
    )
    with pytest.raises(StorageUnavailable, match="its encoding is SQL_ASCII"):
        check_server(PostgresOptions(postgres_server.url_of("ascii")))


def test_a_place_has_every_host_and_no_password() -> None:
    url = "postgresql://u:pw@h1:1,h2:2/db?sslmode=require"
    assert place_of(url) == "PostgreSQL at h1:1,h2:2, database db"


def test_the_next_host_is_taken_where_the_first_is_down(catalogues: PostgresCatalogues) -> None:
    dead = free_ports(1)[0]
    there = f"127.0.0.1:{catalogues.server.port}"
    url = catalogues.url.replace(there, f"127.0.0.1:{dead},{there}")
    catalogue = catalogues.start(url).adapter
    image = catalogue.add(new_image())
    assert catalogue.get(image.id) == image


def test_every_commit_is_waited_for_and_what_waits_is_bounded(catalogue: SqlCatalogue) -> None:
    with catalogue.transactions.writer.connect() as connection:
        names = ("synchronous_commit", "lock_timeout", "statement_timeout")
        told = {name: connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names}
        connection.rollback()
    assert told == {
        "synchronous_commit": "on", "lock_timeout": "9s", "statement_timeout": "10s",
    }  # fmt: skip


USES: list[Any] = [
    lambda catalogue: catalogue.add(new_image()),
    lambda catalogue: catalogue.page(parse_list_query()),
    lambda catalogue: catalogue.totals(),
    lambda catalogue: catalogue.begin_request(RequestKey("k", NOON_MS, b"")),
]
USED = pytest.mark.parametrize("use", USES, ids=["add", "page", "totals", "begin_request"])


@USED
def test_lost_connections_are_opened_again(
    far: SqlCatalogue, line: Line, use: Callable[[SqlCatalogue], object]
) -> None:
    far.add(new_image())
    line.cut()
    use(far)
    assert far.totals()[Format.JPEG].files in (1, 2)


@USED
def test_the_server_ends_every_connection_and_nobody_notices(
    catalogue: SqlCatalogue,
    catalogues: PostgresCatalogues,
    use: Callable[[SqlCatalogue], object],
) -> None:
    catalogue.add(new_image())
    others = "pid <> pg_backend_pid()"
    catalogues.server.run(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others} "
        f"AND datname = '{catalogues.name}'"
    )
    use(catalogue)


@USED
def test_a_line_that_carries_nothing_is_given_up_in_bounded_time(
    far: SqlCatalogue,
    line: Line,
    use: Callable[[SqlCatalogue], object],
) -> None:
    far.add(new_image())
    line.pause()
    begun_s = time.monotonic()
    with pytest.raises(StorageUnavailable) as raised:
        use(far)
    assert raised.value.retryable
    assert "cannot be reached" in str(raised.value) or "did not say" in str(raised.value)
    # The connection there is, 1.5 s; then one that cannot be made, 2 s.
    assert time.monotonic() - begun_s < 10
    line.resume()
    use(far)


def test_while_the_server_is_away_errors_say_so_and_afterwards_all_goes_on() -> None:
    from scripts.postgres import private_server

    with private_server() as server:
        catalogues = PostgresCatalogues(server)
        catalogue = catalogues.start().adapter
        image = catalogue.add(new_image())
        server.kill()
        for use in USES:
            with pytest.raises(StorageUnavailable) as raised:
                use(catalogue)
            assert raised.value.retryable
            assert str(raised.value).count("127.0.0.1") == 0, "callers learn no addresses"
        with pytest.raises(StorageUnavailable):
            catalogue.check()
        server.start()
        assert catalogue.get(image.id) == image
        for use in USES:
            use(catalogue)
        catalogues.stop()


def test_a_commit_without_an_answer_is_not_run_again(far: SqlCatalogue, line: Line) -> None:
    image = new_image()
    line.at_commit = "lose answer"
    with pytest.raises(StorageUnavailable, match="did not say") as raised:
        far.add(image)
    assert raised.value.retryable
    for _ in range(200):  # it is on its way to the server at this moment
        if far.known([image.id]):
            break
        native.time.sleep(0.05)
    assert far.totals()[Format.JPEG].files == 1
    far.withdraw(image)
    assert far.totals()[Format.JPEG].files == 0
    assert far.get(image.id) is None


def test_what_was_told_before_a_commit_is_found_out_stays(
    far: SqlCatalogue, catalogue: SqlCatalogue, line: Line
) -> None:
    image, request = new_image(), RequestKey("caller:a", NOON_MS, b"digest")
    far.begin_request(request)
    line.at_commit = "lose answer"
    with pytest.raises(StorageUnavailable, match="did not say"):
        far.add(image, [request])
    for _ in range(200):  # it is on its way to the server at this moment
        if catalogue.known([image.id]):
            break
        native.time.sleep(0.05)
    with pytest.raises(DuplicateRequest) as told:  # the same upload comes again, elsewhere
        catalogue.begin_request(request)
    assert told.value.image.id == image.id
    assert catalogue.vouch_for(image.id)
    assert not far.withdraw(image, [request])
    assert far.get(image.id) == catalogue.get(image.id) == image


def test_what_is_withdrawn_stays_away_though_its_commit_is_still_on_its_way(
    far: SqlCatalogue, line: Line
) -> None:
    image = new_image(tags=("t",))
    line.at_commit = "hold"
    with pytest.raises(StorageUnavailable):
        far.add(image)
    # As long as it is not known whether it comes, neither is whether it was withdrawn.
    with pytest.raises(StorageUnavailable, match="busy"):
        far.withdraw(image)
    line.release()
    far.withdraw(image)
    native.time.sleep(0.2)
    assert far.get(image.id) is None
    assert far.totals()[Format.JPEG].files == 0
    assert far.tags("", 9) == []


def test_a_removal_whose_commit_is_on_its_way_is_waited_for(far: SqlCatalogue, line: Line) -> None:
    image = far.add(new_image())
    line.at_commit = "hold"
    with pytest.raises(StorageUnavailable):
        far.remove(image.id)
    with pytest.raises(StorageUnavailable, match="busy"):
        far.known([image.id], for_good=True)
    line.release()
    assert far.known([image.id], for_good=True) == set()


def test_two_that_hold_what_the_other_wants_both_end_well(catalogue: SqlCatalogue) -> None:
    first, second = catalogue.add(new_image()), catalogue.add(new_image())
    barrier = threading.Barrier(2)
    runs = []

    def both(one: str, other: str) -> None:
        def work(connection: sa.Connection) -> None:
            runs.append(one)
            for image_id in (one, other):
                change = sa.update(tables.images).where(tables.images.c.id == image_id)
                connection.execute(change.values(owner=one))
                if image_id == one and len(runs) <= 2:
                    barrier.wait(5)

        catalogue.transactions.write(work)

    threads = [
        threading.Thread(target=both, args=pair)
        for pair in ((first.id, second.id), (second.id, first.id))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(runs) == 3, "the one that was in the way ran again"
    owners = {catalogue.get(image.id).owner for image in (first, second)}
    assert owners in ({first.id}, {second.id})


def test_more_threads_than_connections_take_turns(catalogues: PostgresCatalogues) -> None:
    catalogue = catalogues.start(pool_size=2).adapter
    errors: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                image = catalogue.add(new_image(size_bytes=3, tags=("t",), owner="ada"))
                assert catalogue.get(image.id) == image
        except BaseException as exc:  # noqa: BLE001 - it would be lost with its thread
            errors.append(exc)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert catalogue.totals()[Format.JPEG] == FormatTotals(80, 240)
    used = "SELECT count(*) FROM pg_stat_activity WHERE datname = "
    assert int(catalogues.server.run(f"{used}'{catalogues.name}'")) <= 2


def test_writers_do_not_wait_for_each_others_counts(catalogues: PostgresCatalogues) -> None:
    one, two = (catalogues.start(timeout_s=1.0).adapter for _ in range(2))
    image = new_image(owner="ada", tags=("t",))

    def work(connection: sa.Connection) -> None:
        slots.add(connection, [*slots.of_image(image, 1), *slots.of_owner(image, 1)])
        two.add(image)  # while the first transaction is open

    one.transactions.write(work)
    assert two.totals()[Format.JPEG].files == 2
    assert two.used("ada") == Used(2, 2000)


def test_counts_are_the_same_before_while_and_after_they_are_folded(
    catalogues: PostgresCatalogues,
) -> None:
    one, two = (catalogues.start().adapter for _ in range(2))
    images = [new_image(owner=f"o{n % 3}", tags=("a", f"t{n % 5}")) for n in range(30)]
    for n, image in enumerate(images):
        (one, two)[n % 2].add(image)
    one.trash(images[0].id, NOON_MS)
    two.remove(images[1].id)

    def counted() -> Any:
        return (
            two.totals(), two.months(), two.tags("", 99), two.tags("t", 99), two.used("o1"),
            two.used(), two.page(parse_list_query()).total,
        )  # fmt: skip

    before = counted()
    assert before[0][Format.JPEG] == FormatTotals(28, 28_000, 1, 1000)

    def work(connection: sa.Connection) -> None:
        assert slots.fold(connection) > 0
        assert slots.fold(connection) == 0
        assert counted() == before, "nobody sees it half done"

    one.transactions.write(work)
    assert counted() == before
    rows = "SELECT count(*) FROM count_slots"
    assert catalogues.server.run(rows, catalogues.name) == "0"
    for image in images[2:]:
        one.remove(image.id)
    one.remove(images[0].id)
    one.tidy()
    assert (two.months(), two.tags("", 9), two.used()) == ([], [], Used())
    for table in ("months", "tags", "owners"):
        assert catalogues.server.run(f"SELECT count(*) FROM {table}", catalogues.name) == "0"


def test_others_wait_for_a_quota_no_longer_than_it_takes_to_look_at_it(
    catalogue: SqlCatalogue,
) -> None:
    """A host on a slow line that held it all the while would hold up all others."""
    asked: list[str] = []

    @sa.event.listens_for(catalogue.transactions.writer, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        asked.append(statement)

    image = new_image(owner="ada", tags=("a",), size_bytes=7)
    catalogue.add(image, (), Quotas(Quota(files=2), Quota(bytes=7, prefix="owner_")))
    held = next(n for n, each in enumerate(asked) if "pg_advisory_xact_lock" in each)
    assert [each.split()[0] for each in asked[:held]].count("INSERT") >= 2
    assert {each.split()[0] for each in asked[held:]} == {"SELECT"}
    assert catalogue.used("ada") == Used(1, 7)


def test_a_quota_is_met_exactly_by_many_at_once_on_two_machines(
    catalogues: PostgresCatalogues,
) -> None:
    processes = [catalogues.start().adapter for _ in range(2)]
    quotas = Quotas(Quota(bytes=24_000), Quota(files=20, prefix="owner_"))
    ended: list[str] = []

    def upload(number: int) -> None:
        for _ in range(3):
            try:
                image = new_image(owner=f"owner {number % 3}")
                processes[number % 2].add(image, (), quotas)
                ended.append("stored")
            except QuotaExceeded as exc:
                ended.append(exc.setting)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ended.count("stored"), ended.count("quota_bytes")) == (24, 24)
    assert processes[0].used() == Used(24, 24_000)


def test_one_image_is_removed_once_whoever_asks(catalogues: PostgresCatalogues) -> None:
    processes = [catalogues.start().adapter for _ in range(2)]
    images = [processes[0].add(new_image(owner="ada", tags=("t",))) for _ in range(20)]
    removed: list[Any] = []

    def remove(number: int) -> None:
        for image in images:
            removed.append(processes[number % 2].remove(image.id))

    threads = [threading.Thread(target=remove, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(each.id for each in removed if each) == sorted(each.id for each in images)
    assert processes[0].used() == processes[1].used("ada") == Used()


PAGES: list[dict[str, Any]] = [
    {"order": "-createdAt"},
    {"order": "createdAt"},
    {"order": "filename"},
    {"order": "-sizeBytes"},
    {"order": "-createdAt", "format": "png"},
]


@pytest.mark.parametrize("arguments", PAGES, ids=str)
def test_a_page_is_a_short_walk_along_an_index(
    catalogue: SqlCatalogue, arguments: dict[str, Any]
) -> None:
    seen: list[tuple[str, Any]] = []
    engine = catalogue.transactions.engine

    @sa.event.listens_for(engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, values: Any, *rest: Any) -> None:
        seen.append((statement, values))

    query = parse_list_query(limit=10, **arguments)
    value = "x" if query.order == "filename" else 5
    catalogue.page(query.continued(query.cursor_after(value, new_image().id)))
    statement, values = next(each for each in seen if "ORDER BY" in each[0])
    with engine.connect() as connection:
        connection.exec_driver_sql("SET enable_seqscan = off")
        connection.exec_driver_sql("SET enable_sort = off")
        connection.exec_driver_sql("SET enable_bitmapscan = off")
        rows = connection.exec_driver_sql("EXPLAIN " + statement, values)
        plan = [row[0].strip() for row in rows]
    assert plan[0].startswith("Limit"), plan
    assert "->  Index Scan" in plan[1], plan
    assert plan[2].startswith("Index Cond: "), plan
    assert "ROW(" in plan[2], plan


def test_a_bounded_engine_keeps_the_options_of_the_url(catalogues: PostgresCatalogues) -> None:
    url = f"{catalogues.url}?options=-c%20work_mem%3D5MB&application_name=mine"
    engine = create_postgres_engine(PostgresOptions(url))
    with engine.connect() as connection:
        told = [
            connection.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("work_mem", "application_name", "lock_timeout")
        ]
    engine.dispose()
    assert told == ["5MB", "mine", "9s"]


def test_a_role_that_may_change_rows_and_no_tables_is_enough_once_they_are_there(
    catalogues: PostgresCatalogues,
) -> None:
    catalogues.server.run("CREATE ROLE clerk LOGIN")
    url = catalogues.url.replace("app@", "clerk@")
    with pytest.raises(StorageUnavailable, match="its catalogue failed"):
        catalogues.start(url)
    rights = "SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk"
    catalogues.server.run(f"GRANT {rights}", catalogues.name)
    process = catalogues.start(url)
    image = process.adapter.add(new_image(owner="ada", tags=("t",)), [RequestKey("k", 1, b"")])
    process.adapter.tidy()
    assert process.adapter.remove(image.id) == image
    process.database.journal(grace_s=0).left_over()
    with process.database.turns.take("sweep", 1) as is_ours:
        assert is_ours
    process.adapter.close()
    catalogues.server.run("DROP OWNED BY clerk", catalogues.name)
    catalogues.server.run("DROP ROLE clerk")


def test_the_pool_logs_nothing_for_it_is_used_in_native_threads(catalogue: SqlCatalogue) -> None:
    logger = logging.getLogger("image_service")
    logger.setLevel(logging.DEBUG)
    try:
        pool: Any = catalogue.transactions.writer.pool
        assert not pool.logger.isEnabledFor(logging.CRITICAL)
        assert not pool._should_log_info()
    finally:
        logger.setLevel(logging.NOTSET)


def test_importing_costs_no_driver(tmp_path: Path) -> None:
    script = "import sys, image_service.backends; sys.exit('psycopg2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False).returncode == 0

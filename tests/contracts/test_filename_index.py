"""The indexes of filenames beyond the contract: made of what is there, used, and not missed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import op

from image_service.catalogue import SqlCatalogue, searches, tables, walks
from image_service.catalogue.copies import copy_sqlite
from image_service.catalogue.migrate import upgrade
from image_service.catalogue.postgres import (
    PostgresOptions,
    create_postgres_engine,
    make_search_index,
)
from image_service.catalogue.sqlite import open_sqlite
from image_service.catalogue.trigrams import NAME
from image_service.domain.image import Image
from image_service.domain.listing import ListQuery, parse_list_query
from image_service.errors import SearchTooSlow, StorageUnavailable
from image_service.native import threading, time
from image_service.testing import NOON_MS
from scripts.paths import ROOT
from scripts.postgres import Server
from tests.contracts.adapters import (
    PostgresCatalogues,
    SqliteCatalogues,
    drop_filename_index,
    new_image,
)

HARBOUR = parse_list_query(filename="harbour")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[SqliteCatalogues]:
    made = SqliteCatalogues(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def databases(postgres_server: Server) -> Iterator[Callable[..., PostgresCatalogues]]:
    made: list[PostgresCatalogues] = []

    def make(**options: Any) -> PostgresCatalogues:
        made.append(PostgresCatalogues(postgres_server, **options))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def filled(catalogue: SqlCatalogue) -> list[Image]:
    """Return what has the word, the newest first."""
    images = [
        catalogue.add(new_image(filename=name, created_ms=NOON_MS + moment))
        for moment in (2, 0, 1, 1, 1)
        for name in ("harbour.jpg", "beach.jpg")
    ]
    trashed = catalogue.add(new_image(filename="old harbour.jpg"))
    catalogue.trash(trashed.id, NOON_MS)
    found = [image for image in images if image.filename == "harbour.jpg"]
    return sorted(found, key=lambda image: (image.created_ms, image.id), reverse=True)


def names_read(catalogue: SqlCatalogue, query: ListQuery) -> str:
    """Return how SQLite goes about a page."""
    told: list[str] = []

    def plan(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith("SELECT"):
            rows = raw.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            told.extend(row[3] for row in rows)

    with catalogue.transactions.engine.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        sa.event.listen(connection, "before_cursor_execute", plan)
        found = searches.search(connection, query)
        assert found is not None
        connection.rollback()
    return "\n".join(told)


@pytest.mark.parametrize("order", ["createdAt", "-createdAt", "filename", "-sizeBytes"])
def test_sqlite_reads_no_names(
    files: SqliteCatalogues, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(searches, "_FEW", -1)
    catalogue = files.start().adapter
    filled(catalogue)
    for is_analysed in (False, True):
        if is_analysed:
            with catalogue.transactions.writer.begin() as connection:
                connection.exec_driver_sql("ANALYZE")
        for more in ({}, {"tag": "a"}, {"created_after": "2020-01-01T00:00:00Z"}):
            query = parse_list_query(filename="harbour", order=order, limit=2, **more)
            steps = names_read(catalogue, query)
            assert "SCAN filename_index VIRTUAL TABLE INDEX" in steps
            # By what the index found; not along an order, name by name.
            assert "SEARCH images USING INDEX sqlite_autoindex_images_1 (id=?)" in steps
            assert "ix_images" not in steps


def test_the_images_that_were_there_before_the_index_are_found(files: SqliteCatalogues) -> None:
    catalogue = files.start().adapter
    expected = filled(catalogue)
    with catalogue.transactions.writer.begin() as connection:
        drop_filename_index(connection)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0011'")
    upgrade(catalogue.transactions.writer)
    assert list(catalogue.page(HARBOUR).images) == expected
    later = catalogue.add(new_image(filename="harbour 2.jpg", created_ms=NOON_MS + 1))
    expected = sorted([*expected, later], key=lambda each: (each.created_ms, each.id), reverse=True)
    assert list(catalogue.page(HARBOUR).images) == expected


def test_a_sqlite_without_such_indexes_is_told(
    files: SqliteCatalogues, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute = op.execute
    unknown = lambda statement: execute(statement.replace("trigram", "of_no_kind"))  # noqa: E731
    monkeypatch.setattr(op, "execute", unknown)
    monkeypatch.setattr(SqliteCatalogues, "_template", b"")
    with pytest.raises(StorageUnavailable, match="or newer with FTS5; here is 3"):
        files.start()


def test_a_copy_of_the_file_finds_the_same(files: SqliteCatalogues, tmp_path: Path) -> None:
    catalogue = files.start().adapter
    expected = filled(catalogue)
    catalogue.remove(catalogue.add(new_image(filename="harbour of before.jpg")).id)
    with catalogue.transactions.writer.connect() as connection:
        raw: Any = connection.connection.dbapi_connection
        raw.execute("VACUUM")  # may number anew what has no number of its own
    copy_sqlite(files.file, tmp_path / "copy.sqlite3")
    copy = SqlCatalogue(open_sqlite(tmp_path / "copy.sqlite3", timeout_s=5, prepare=upgrade))
    for each in (catalogue, copy):
        assert list(each.page(HARBOUR).images) == expected
        each.trash(expected[0].id, NOON_MS)
        assert list(each.page(HARBOUR).images) == expected[1:]
    copy.close()


def plan_of(catalogue: SqlCatalogue, query: ListQuery) -> str:
    """Return how PostgreSQL finds what a condition is true of, where it may not read all."""
    with catalogue.transactions.writer.connect() as connection:
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        others = connection.exec_driver_sql(
            "SELECT indexname FROM pg_indexes WHERE tablename = 'images' "
            f"AND indexname NOT IN ('pk_images', '{NAME}')"
        )
        for name in others.scalars().all():  # of so few rows any would do
            connection.exec_driver_sql(f"DROP INDEX {name}")
        found = (
            sa.select(sa.text("id"))
            .where(*walks.conditions(query))
            .compile(connection, compile_kwargs={"literal_binds": True})
        )
        rows = connection.exec_driver_sql(f"EXPLAIN {found}").scalars().all()
        connection.rollback()
    return "\n".join(rows)


def test_postgresql_has_an_index_that_the_condition_uses(
    databases: Callable[..., PostgresCatalogues],
) -> None:
    database = databases(is_empty=True)
    catalogue = database.start().adapter
    expected = filled(catalogue)
    assert list(catalogue.page(HARBOUR).images) == expected
    assert f"Bitmap Index Scan on {NAME}" in plan_of(catalogue, HARBOUR)
    assert NAME not in plan_of(catalogue, parse_list_query(filename="harbour", trashed=True))
    for word in ("東京タワー", "a_bc", "007"):
        assert "Index Cond" in plan_of(catalogue, parse_list_query(filename=word))
    for word in ("ha", "東京", "---", "a-b", "_%\\"):  # it would be gone over for nothing
        assert "Index Cond" not in plan_of(catalogue, parse_list_query(filename=word))


def made(database: PostgresCatalogues) -> str:
    """Return the number of the index, "" where it is missing or of no use."""
    valid = f"SELECT indexrelid FROM pg_index WHERE indexrelid = to_regclass('{NAME}')"
    return database.server.run(f"{valid} AND indisvalid", database.name)


def without_index(make: Callable[..., PostgresCatalogues]) -> PostgresCatalogues:
    database = make()
    database.server.run(f"DROP INDEX {NAME}", database.name)
    return database


def test_an_index_whose_making_was_cut_off_is_made_again(
    databases: Callable[..., PostgresCatalogues],
) -> None:
    database = databases()
    database.server.run(
        f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = '{NAME}'::regclass",
        database.name,
    )
    catalogue = database.start().adapter
    expected = filled(catalogue)
    assert list(catalogue.page(HARBOUR).images) == expected
    assert not made(database), "no start of a service waits for it"
    assert make_search_index(PostgresOptions(database.url)) == ""
    assert made(database)
    assert list(catalogue.page(HARBOUR).images) == expected


MAKER = """
import sys
from image_service.catalogue.postgres import PostgresOptions, make_search_index
sys.stdin.readline()
print(make_search_index(PostgresOptions(sys.argv[1])))
"""


def test_who_make_it_at_once_make_one(databases: Callable[..., PostgresCatalogues]) -> None:
    database = without_index(databases)
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", MAKER, database.url],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )
        for _ in range(4)
    ]  # fmt: skip
    for process in processes:
        assert process.stdin
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0] * 4
    assert said <= {"", "another process is making it"}
    number = made(database)
    assert number
    assert make_search_index(PostgresOptions(database.url)) == ""
    assert made(database) == number, "one that is there stays"


def test_it_is_made_whatever_the_servers_settings_are(
    databases: Callable[..., PostgresCatalogues],
) -> None:
    database = without_index(databases)
    expected = filled(database.start().adapter)
    settings = {
        "default_transaction_isolation": "'repeatable read'",
        "statement_timeout": "'100ms'",
        "lock_timeout": "'100ms'",
        "idle_in_transaction_session_timeout": "'100ms'",
    }
    for name, value in settings.items():
        database.server.run(f"ALTER DATABASE {database.name} SET {name} = {value}")
    other = create_postgres_engine(PostgresOptions(database.url), is_bounded=False)
    told: list[str] = []
    making = threading.Thread(
        target=lambda: told.append(make_search_index(PostgresOptions(database.url))), daemon=True
    )
    with other.connect() as connection:
        connection.exec_driver_sql("SET idle_in_transaction_session_timeout = 0")
        connection.exec_driver_sql("SELECT count(*) FROM images")
        making.start()
        time.sleep(1)
        assert making.is_alive(), "it waits for who reads"
        assert list(database.start().adapter.page(HARBOUR).images) == expected
    making.join(timeout=30)
    assert told == [""]
    other.dispose()
    assert made(database)


@pytest.mark.parametrize(
    "why",
    [
        "this role does not own the tables",
        "the extension pg_trgm is missing, and this role may not add it",
    ],
)
def test_who_may_not_make_it_does_without(
    databases: Callable[..., PostgresCatalogues], why: str
) -> None:
    database = databases()
    run = database.server.run
    role = f"clerk_{database.name}"
    run(f"DROP EXTENSION pg_trgm CASCADE; CREATE ROLE {role} LOGIN", database.name)
    if why.endswith("own the tables"):
        run(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
            database.name)  # fmt: skip
    else:
        for table in (*tables.metadata.tables, "alembic_version"):
            run(f"ALTER TABLE {table} OWNER TO {role}", database.name)
    catalogue = database.start(database.server.url_of(database.name, role)).adapter
    expected = filled(catalogue)
    assert list(catalogue.page(HARBOUR).images) == expected
    told = make_search_index(PostgresOptions(database.server.url_of(database.name, role)))
    assert told == why
    assert not made(database)
    assert make_search_index(PostgresOptions(database.url)) == ""
    assert made(database)
    run(f"REASSIGN OWNED BY {role} TO app; DROP OWNED BY {role}; DROP ROLE {role}", database.name)


def test_an_extension_in_another_schema_will_do(
    databases: Callable[..., PostgresCatalogues],
) -> None:
    database = databases()
    database.server.run(
        'DROP EXTENSION pg_trgm CASCADE; CREATE SCHEMA "ext-1"; '
        'CREATE EXTENSION pg_trgm SCHEMA "ext-1"',
        database.name,
    )
    assert make_search_index(PostgresOptions(database.url)) == ""
    catalogue = database.start().adapter
    filled(catalogue)
    assert f"Bitmap Index Scan on {NAME}" in plan_of(catalogue, HARBOUR)


@pytest.mark.parametrize("what", ["page", "timeline"])
def test_a_search_that_takes_too_long_says_so(
    databases: Callable[..., PostgresCatalogues], monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    catalogue = databases().start(timeout_s=0.3).adapter
    filled(catalogue)

    def slow(query: ListQuery) -> list[Any]:
        return [*walks.conditions(query), sa.func.pg_sleep(0.2).is_not(None)]

    for module in ("searches", "pages"):
        monkeypatch.setattr(f"image_service.catalogue.{module}.conditions", slow)
    ask = getattr(catalogue, what)
    with pytest.raises(SearchTooSlow, match="three or more characters"):
        ask(HARBOUR)
    monkeypatch.undo()
    assert ask(HARBOUR).total == 5, "the connection is good for the next one"


def test_a_lock_in_the_way_of_a_search_is_told_as_such(
    databases: Callable[..., PostgresCatalogues],
) -> None:
    catalogue = databases().start(timeout_s=0.5).adapter
    filled(catalogue)
    with catalogue.transactions.writer.begin() as other:
        other.exec_driver_sql("LOCK TABLE images IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StorageUnavailable, match="busy"):
            catalogue.page(HARBOUR)

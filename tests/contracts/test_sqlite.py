"""SqlCatalogue on SQLite beyond the contract: durability, vanished files, other processes."""

from __future__ import annotations

import shutil
import sqlite3
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
from image_service.catalogue import SqlCatalogue, tables
from image_service.catalogue.migrate import upgrade
from image_service.domain.formats import Format
from image_service.domain.listing import parse_list_query
from image_service.domain.ports import FormatTotals, RequestKey
from image_service.errors import StorageFull, StorageUnavailable
from image_service.native import threading
from image_service.testing import NOON_MS
from tests.contracts.adapters import SqliteCatalogues, drop_filename_index, new_image

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def catalogues(tmp_path: Path) -> Iterator[SqliteCatalogues]:
    made = SqliteCatalogues(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def catalogue(catalogues: SqliteCatalogues) -> SqlCatalogue:
    return catalogues.start().adapter


def test_the_migrations_make_the_tables_that_the_code_uses(catalogue: SqlCatalogue) -> None:
    with catalogue.transactions.engine.connect() as connection:
        opts = {"compare_type": True, "include_name": _is_no_part_of_the_index}
        context = MigrationContext.configure(connection, opts=opts)
        assert compare_metadata(context, tables.metadata) == []


def _is_no_part_of_the_index(name: str | None, kind: str, _: object) -> bool:
    return kind != "table" or not str(name).startswith("filename_index")


def test_preparing_again_changes_nothing(catalogue: SqlCatalogue) -> None:
    image = new_image()
    catalogue.add(image)
    catalogue.prepare()
    upgrade(catalogue.transactions.engine)
    assert catalogue.get(image.id) == image


def test_a_catalogue_of_a_newer_version_is_told_as_such(catalogue: SqlCatalogue) -> None:
    with catalogue.transactions.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageUnavailable, match="made by a newer version of the service"):
        catalogue.prepare()


def test_what_was_there_before_there_were_counts_is_counted(catalogue: SqlCatalogue) -> None:
    living = [new_image(tags=tags) for tags in (("a", "ß"), ("a",), ())]
    trashed = new_image(tags=("b",))
    for image in (*living, trashed):
        catalogue.add(image)
    catalogue.trash(trashed.id, NOON_MS)
    counted = catalogue.months(), catalogue.tags("", 9), catalogue.tags("ss", 9)
    assert [len(each) for each in counted] == [1, 2, 1]
    with catalogue.transactions.engine.begin() as connection:
        for table in ("months", "tags", "count_slots", "leases", "provisional", "turns", "outbox"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
        connection.exec_driver_sql("ALTER TABLE totals DROP COLUMN changes")
        drop_filename_index(connection)
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")
    upgrade(catalogue.transactions.engine)
    assert (catalogue.months(), catalogue.tags("", 9), catalogue.tags("ss", 9)) == counted


def test_every_commit_is_on_disk_before_it_returns(catalogue: SqlCatalogue) -> None:
    with catalogue.transactions.engine.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}  # 2: FULL


def test_commits_are_synced(catalogues: SqliteCatalogues, tmp_path: Path) -> None:
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    catalogues.start()
    script = (
        "import sys; from pathlib import Path; "
        "from tests.contracts.adapters import SqliteCatalogues, new_image, _random; "
        "c = SqliteCatalogues(Path(sys.argv[1])).start().adapter; _random.seed('strace'); "
        "[c.add(new_image()) for _ in range(5)]"
    )
    log = tmp_path / "strace"
    command: list[Any] = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", log]
    command += [sys.executable, "-c", script, tmp_path]
    if subprocess.run(command, capture_output=True, cwd=REPOSITORY).returncode:
        pytest.skip("strace may not trace here")
    assert log.read_text().count("sync(") >= 5


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

    @sa.event.listens_for(catalogue.transactions.engine, "before_cursor_execute")
    def note(connection: Any, cursor: Any, statement: str, values: Any, *rest: Any) -> None:
        seen.append((statement, values))

    query = parse_list_query(limit=10, **arguments)
    value = "x" if query.order == "filename" else 5
    cursor = query.cursor_after(value, new_image().id)
    catalogue.page(query.continued(cursor))
    statement, values = next(each for each in seen if "ORDER BY" in each[0])
    with catalogue.transactions.engine.connect() as connection:
        plan = [
            row[3] for row in connection.exec_driver_sql("EXPLAIN QUERY PLAN " + statement, values)
        ]
    assert len(plan) == 1, plan
    assert plan[0].startswith("SEARCH images USING INDEX"), plan


@pytest.mark.parametrize("what", ["file", "folder"])
@pytest.mark.parametrize(
    "use",
    [
        lambda catalogue: catalogue.add(new_image()),
        lambda catalogue: catalogue.page(parse_list_query()),
        lambda catalogue: catalogue.check(),
        lambda catalogue: catalogue.totals(),
        lambda catalogue: catalogue.begin_request(RequestKey("k", NOON_MS, b"")),
    ],
    ids=["add", "page", "check", "totals", "begin_request"],
)
def test_a_vanished_database_is_made_again(
    catalogues: SqliteCatalogues,
    catalogue: SqlCatalogue,
    what: str,
    use: Callable[[SqlCatalogue], object],
) -> None:
    catalogue.add(new_image())
    if what == "file":
        for file in catalogues.folder.glob("catalogue.sqlite3*"):
            file.unlink()
    else:
        shutil.rmtree(catalogues.folder)
    use(catalogue)
    image = new_image()
    catalogue.add(image)
    catalogue.close()
    with sqlite3.connect(catalogues.file) as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM images")]
    connection.close()
    assert image.id in ids, "written where everyone will find it"
    assert catalogue.totals()[Format.JPEG].files == len(ids)


def test_a_catalogue_somebody_writes_to_is_busy_and_says_so(catalogues: SqliteCatalogues) -> None:
    catalogue = catalogues.start(timeout_s=0.1).adapter
    blocker = sqlite3.connect(catalogues.file, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(StorageUnavailable) as raised:
            catalogue.add(new_image())
        assert raised.value.retryable
        assert "busy" in str(raised.value)
        assert str(catalogues.folder) not in str(raised.value)
        assert catalogue.page(parse_list_query()).total == 0, "reading goes on"
    finally:
        blocker.close()
    catalogue.add(new_image())
    assert catalogue.page(parse_list_query()).total == 1


def test_a_writer_waits_for_another(catalogues: SqliteCatalogues, catalogue: SqlCatalogue) -> None:
    blocker = sqlite3.connect(catalogues.file, isolation_level=None, check_same_thread=False)
    blocker.execute("BEGIN IMMEDIATE")

    def let_go() -> None:
        native.time.sleep(0.3)
        blocker.rollback()
        blocker.close()

    thread = threading.Thread(target=let_go)
    thread.start()
    started = time.monotonic()
    catalogue.add(new_image())
    assert time.monotonic() - started > 0.2
    thread.join()


def test_a_database_that_cannot_grow_is_full(catalogue: SqlCatalogue) -> None:
    with catalogue.transactions.writer.connect() as connection:
        used = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {used}")
    added = 0

    def fill() -> None:
        nonlocal added
        for _ in range(100):
            catalogue.add(new_image(attributes={"k": "v" * 2000}))
            added += 1

    with pytest.raises(StorageFull):
        fill()
    page = catalogue.page(parse_list_query())
    assert page.total == len(page.images) == added


@pytest.mark.parametrize("content", [b"no database" * 1000, b""], ids=["garbage", "empty"])
def test_a_file_that_is_no_database_is_told_or_filled(tmp_path: Path, content: bytes) -> None:
    catalogues = SqliteCatalogues(tmp_path)
    catalogues.folder.mkdir()
    catalogues.file.write_bytes(content)
    if content:
        with pytest.raises(StorageUnavailable) as raised:
            catalogues.start()
        assert str(tmp_path) not in str(raised.value)
    else:
        assert catalogues.start().adapter.page(parse_list_query()).total == 0
    catalogues.stop()


def test_native_threads_use_one_catalogue_together(catalogue: SqlCatalogue) -> None:
    errors: list[BaseException] = []
    images = [new_image(size_bytes=n) for n in range(80)]

    def work(mine: list[Any]) -> None:
        try:
            for image in mine:
                catalogue.add(image)
                assert catalogue.get(image.id) == image
                catalogue.page(parse_list_query(limit=5))
            for image in mine[::2]:
                assert catalogue.remove(image.id) == image
        except BaseException as exc:  # noqa: BLE001 - it would be lost with its thread
            errors.append(exc)

    threads = [threading.Thread(target=work, args=(images[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    kept = [image for n in range(8) for image in images[n::8][1::2]]
    total = sum(image.size_bytes for image in kept)
    assert catalogue.totals()[Format.JPEG] == FormatTotals(len(kept), total)


ADDER = """
import sys
from pathlib import Path
from image_service.domain.ports import DuplicateRequest, RequestKey
from tests.contracts.adapters import SqliteCatalogues, new_image, _random
_random.seed(sys.argv[2])
catalogue = SqliteCatalogues(Path(sys.argv[1])).start().adapter
sys.stdin.readline()
first = 0
for n in range(40):
    image = new_image(size_bytes=n)
    catalogue.add(image)
    if n % 4 == 0:
        catalogue.remove(image.id)
    try:
        catalogue.add(new_image(size_bytes=1000), [RequestKey(f"caller:{n}", 0, b"d")])
        first += 1
    except DuplicateRequest:
        pass
print(first)
"""


def test_processes_adding_at_once_keep_totals_exact_and_requests_single(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ADDER, str(tmp_path), f"seed {n}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
        )
        for n in range(3)
    ]
    firsts = [int(process.communicate("\n", timeout=60)[0]) for process in processes]
    assert sum(firsts) == 40, "each request was carried out by one of them"
    catalogues = SqliteCatalogues(tmp_path)
    catalogue = catalogues.start().adapter
    kept = [n for n in range(40) if n % 4]
    expected = FormatTotals(3 * len(kept) + 40, 3 * sum(kept) + 40_000)
    assert catalogue.totals()[Format.JPEG] == expected
    assert catalogue.page(parse_list_query()).total == expected.files
    catalogues.stop()

"""What a catalogue's operations cost among a thousand images and a million, in both databases.

python -m benchmarks.catalogue      about ten minutes
python -m benchmarks.catalogue --database postgresql --many 1000000 10000000     an hour, 30 GB

No files: rows alone, made in the database. And eight writers on PostgreSQL at once, with
the counts in slots as they are, and in the one row that all of them would change.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from unittest import mock

import sqlalchemy as sa

from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.stats import Spread, quantile
from image_service.catalogue import SqlCatalogue, slots
from image_service.catalogue.filenames import filled_at_the_end
from image_service.catalogue.migrate import upgrade
from image_service.catalogue.postgres import PostgresOptions, create_postgres_engine, open_postgres
from image_service.catalogue.records import to_row
from image_service.catalogue.sqlite import open_sqlite
from image_service.catalogue.tables import images, months, tags, totals
from image_service.domain.fingerprint import BANDS, Fingerprint
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts, make_image_id
from image_service.domain.listing import ListQuery, parse_list_query
from scripts.postgres import Server, private_server

FEW, MANY = 1_000, 1_000_000
RARE, FREQUENT, SHARED = "harbour", "photo-7", "photo-777"
OF_FREQUENT = f"search: {FREQUENT}, a tenth of the names"
OF_SHARED = f"search: {SHARED}, rare, of parts that all names have"
WITHOUT_BAR = (
    "page of 100 of a tag", "page of 100 of a format", OF_FREQUENT, OF_SHARED, "find_similar",
)  # fmt: skip
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
# Of each operation by name, the milliseconds among so many images.
Figures = dict[str, dict[int, list[float]]]
SLOWER = 1.5
WRITERS, WRITE_S = 8, 5.0
START_MS = 1_600_000_000_000
BYTES = 100_000
LABELS = tuple(f"tag {number}" for number in range(50))

_chance = random.Random(11)


def image_of(number: int) -> Image:
    """Return an image that is nothing but a row."""
    return Image(
        id=make_image_id(START_MS + number, _chance.randbytes(24)),
        filename=f"photo-{number}.jpg",
        size_bytes=BYTES,
        sha256=_chance.randbytes(32),
        created_ms=START_MS + number,
        facts=PictureFacts(Format.JPEG, 640, 480),
        tags=(LABELS[number % len(LABELS)],),
        fingerprint=Fingerprint("#808080", _chance.randbytes(21), _chance.getrandbits(64)),
    )


# What each of the rows has of its own, by database; all else is the first one's.
_OWN = {
    "sqlite": {
        "id": "'img_' || (:start + n) || '_' || lower(hex(randomblob(10)))",
        "sha256": "randomblob(32)",
        "perceptual_hash": "random()",
        "band": "abs(random()) % 4194304",
        "tags": "'[\"tag ' || (n % 50) || '\"]'",
    },
    "postgresql": {
        "id": "'img_' || (:start + n) || '_' || substr(md5(n::text), 1, 20)",
        "sha256": "sha256(n::text::bytea)",
        "perceptual_hash": "hashtextextended(n::text, 7)",
        "band": "floor(random() * 4194304)::int",
        "tags": "('[\"tag ' || (n % 50) || '\"]')::json",
    },
}
_SERIES = {
    "sqlite": (
        "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :to)"
    ),
    "postgresql": "WITH series(n) AS (SELECT generate_series(1, :to))",
}


@contextlib.contextmanager
def without_indexes(connection: sa.Connection) -> Iterator[None]:
    """Make the indexes at the end, of sorted rows: one by one they would take hours."""
    if connection.dialect.name != "postgresql":
        with filled_at_the_end(connection):
            yield
        return
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    connection.exec_driver_sql("SET LOCAL maintenance_work_mem = '512MB'")
    found = connection.exec_driver_sql(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
        " AND tablename IN ('images', 'image_tags') AND indexname NOT LIKE 'pk_%%'"
    ).all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    yield
    for _, definition in found:
        connection.exec_driver_sql(definition)


def seed(engine: sa.Engine, count: int) -> None:
    """Fill an empty catalogue, in the database: Python would take minutes for a million rows."""
    own = dict(_OWN[engine.dialect.name])
    band = own.pop("band")
    own |= {f"hash_band_{number}": band for number in range(BANDS)}
    own["created_ms"] = ":start + n"
    rare = f"CASE n % :apart WHEN 0 THEN ' {RARE}' ELSE '' END"  # a hundred have it
    own["filename"] = f"'photo-' || n || {rare} || '.jpg'"
    own["filename_folded"] = own["filename"]
    columns = [column.name for column in images.c]
    wanted = ", ".join(own.get(name, f"first.{name}") for name in columns)
    values = {"start": START_MS, "to": count - 1, "apart": count // 100}
    with (
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
        without_indexes(connection),
    ):
        first = to_row(image_of(0))
        connection.execute(sa.insert(images), first)
        connection.execute(
            sa.text(
                f"INSERT INTO images ({', '.join(columns)}) {_SERIES[engine.dialect.name]} "
                f"SELECT {wanted} FROM series, images AS first WHERE first.id = :first"
            ),
            {**values, "first": first["id"]},
        )
        label = "'tag ' || (created_ms - :start) % 50"
        connection.execute(
            sa.text(f"INSERT INTO image_tags (tag, image_id) SELECT {label}, id FROM images"),
            values,
        )
        count_all(connection, count)


def count_all(connection: sa.Connection, count: int) -> None:
    """Write down what was put in."""
    jpeg = totals.c.format == "jpeg"
    connection.execute(sa.update(totals).where(jpeg).values(files=count, bytes=count * BYTES))
    month = {"month": "2020-09", "format": "jpeg", "files": count, "bytes": count * BYTES}
    connection.execute(sa.insert(months), month)
    each = [{"tag": label, "folded": label, "files": count // len(LABELS)} for label in LABELS]
    connection.execute(sa.insert(tags), each)


def _query(**filters: str) -> ListQuery:
    return parse_list_query(limit=100, **filters)


def half_way(count: int) -> str:
    """Return an id in the middle of a listing."""
    return make_image_id(START_MS + count // 2, bytes(24))


class Operations:
    """What is measured, each once a call."""

    def __init__(self, catalogue: SqlCatalogue, count: int) -> None:
        self._catalogue = catalogue
        self._known = self._some(count)
        self._numbers = iter(range(count, sys.maxsize))
        self._added: list[Image] = []
        deep = parse_list_query(limit=100)
        middle = deep.cursor_after(START_MS + count // 2, half_way(count))
        self._deep: ListQuery = deep.continued(middle)

    def _some(self, count: int) -> list[Image]:
        query = parse_list_query(limit=100, order="createdAt")
        middle = query.continued(query.cursor_after(START_MS + count // 2, half_way(count)))
        return list(self._catalogue.page(middle).images)

    def all(self) -> dict[str, Callable[[], object]]:
        """Return them by name."""
        one = parse_list_query(limit=100)
        alphabetical = parse_list_query(limit=100, order="filename")
        return {
            "add": self._add,
            "get": lambda: self._catalogue.get(_chance.choice(self._known).id),
            "page of 100, the first": lambda: self._catalogue.page(one),
            "page of 100, half way": lambda: self._catalogue.page(self._deep),
            "page of 100, by filename": lambda: self._catalogue.page(alphabetical),
            "totals": self._catalogue.totals,
            "months": self._catalogue.months,
            "tags": lambda: self._catalogue.tags("", 100),
            "find_digests, 100": lambda: self._catalogue.find_digests(
                [image.sha256 for image in self._known]
            ),
            "remove": lambda: self._catalogue.remove(self._added.pop().id),
            f"search: {RARE}, a hundred names": lambda: self._search(RARE),
            f"search: {RARE}, by filename": lambda: self._search(RARE, order="filename"),
            "search: nowhere, no name": lambda: self._search("nowhere"),
            # Without a bar: what these find, or count, grows with the store up to a limit.
            "page of 100 of a tag": lambda: self._catalogue.page(_query(tag=LABELS[7])),
            "page of 100 of a format": lambda: self._catalogue.page(_query(format="jpeg")),
            OF_FREQUENT: lambda: self._search(FREQUENT),
            OF_SHARED: lambda: self._search(SHARED),
            "find_similar": lambda: self._catalogue.find_similar(
                _chance.choice(self._known), max_distance=8, limit=50
            ),
        }

    def _search(self, word: str, **query: str) -> object:
        return self._catalogue.page(_query(filename=word, **query))

    def _add(self) -> None:
        self._added.append(self._catalogue.add(image_of(next(self._numbers))))


def measure(catalogues: Mapping[int, SqlCatalogue], n: int) -> Figures:
    """Return what each operation takes among so many images, measured in turn."""
    sides = {count: Operations(each, count).all() for count, each in catalogues.items()}
    found: Figures = {name: {count: [] for count in sides} for name in sides[FEW]}
    for name, times in found.items():
        for _ in range(n):
            for count, operations in sides.items():
                before = time.perf_counter()
                operations[name]()
                times[count].append(1000 * (time.perf_counter() - before))
    return found


def writes_per_s(catalogue: SqlCatalogue) -> float:
    """Return how many images WRITERS threads add a second."""
    until = time.monotonic() + WRITE_S
    done: list[int] = []

    def work(start: int) -> None:
        number = start
        while time.monotonic() < until:
            catalogue.add(image_of(number))
            number += 1
        done.append(number - start)

    threads = [threading.Thread(target=work, args=(10**8 * (each + 1),)) for each in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / WRITE_S


@contextlib.contextmanager
def in_sqlite(count: int) -> Iterator[SqlCatalogue]:
    """Open a filled catalogue in a file."""
    folder = Path(tempfile.mkdtemp(prefix="image-service-bench-"))
    try:
        transactions = open_sqlite(folder / "c.sqlite3", timeout_s=10, prepare=upgrade)
        transactions.prepare()
        seed(transactions.writer, count)
        yield SqlCatalogue(transactions)
        transactions.close()
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def in_postgres(server: Server, count: int) -> Iterator[SqlCatalogue]:
    """Open a filled catalogue in a database of its own."""
    name = f"bench_{count}"
    server.run(f"CREATE DATABASE {name}")
    transactions = open_postgres(PostgresOptions(server.url_of(name)))
    transactions.prepare()
    unhurried = create_postgres_engine(PostgresOptions(server.url_of(name)), is_bounded=False)
    seed(unhurried, count)
    unhurried.dispose()
    server.run("VACUUM ANALYZE", name)
    yield SqlCatalogue(transactions)
    transactions.close()


def measured_in_sqlite(counts: list[int], n: int) -> Figures:
    """Return the milliseconds of each operation."""
    with contextlib.ExitStack() as stack:
        return measure({count: stack.enter_context(in_sqlite(count)) for count in counts}, n)


def measured_in_postgres(counts: list[int], n: int) -> tuple[Figures, dict[str, float]]:
    """Return the milliseconds of each operation, and what several writers add a second."""
    # As safe as a real one is.
    safe = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "512MB"}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(private_server(**safe))
        catalogues = {count: stack.enter_context(in_postgres(server, count)) for count in counts}
        found = measure(catalogues, n)
        most = catalogues[max(counts)]
        rates = {"slots": writes_per_s(most)}
        with mock.patch.object(slots, "are_used", return_value=False):
            rates["one row"] = writes_per_s(most)
    return found, rates


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=200, limit_s=600)
    parser.add_argument(
        "--many", metavar="COUNT", type=int, nargs="+", default=[MANY], help=f"default {MANY}"
    )
    parser.add_argument(
        "--database", choices=[SQLITE.lower(), POSTGRESQL.lower()], help="one of them alone"
    )
    options = parser.parse_args()
    counts = [FEW, *options.many]
    found: dict[str, Figures] = {}
    rates: dict[str, float] = {}
    if options.database != POSTGRESQL.lower():
        found[SQLITE] = measured_in_sqlite(counts, options.rounds)
    if options.database != SQLITE.lower():
        found[POSTGRESQL], rates = measured_in_postgres(counts, options.rounds)
    return told(found, rates, counts, options.out)


def told(
    found: dict[str, Figures], rates: dict[str, float], counts: list[int], out: Path | None
) -> int:
    """Print it all; return the exit code."""
    rows, bars = [], []
    for database, operations in found.items():
        for name, times in operations.items():
            rows.append([database, name, *(str(Spread.of(times[count])) for count in counts)])
            for count in counts[1:] if name not in WITHOUT_BAR else ():
                # The quarter that other work on the machine disturbed least.
                ratio = quantile(times[count], 0.25) / quantile(times[FEW], 0.25)
                label = f"{database}: {name} among {count:,}, times its cost among {FEW:,}"
                bars.append(Bar(label, Spread.exactly(ratio), SLOWER))
    headings = ("database", "operation", *(f"ms among {count:,}" for count in counts))
    print("\n" + table(headings, rows))
    if rates:
        print(f"\n{WRITERS} writers: {rates['slots']:,.0f} images/s with counts in slots, "
              f"{rates['one row']:,.0f} with counts in one row")  # fmt: skip
    return finish("catalogue", bars, {"ms": found, "writes_per_s": rates}, out)


if __name__ == "__main__":
    sys.exit(main())

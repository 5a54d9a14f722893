"""What a catalogue's operations cost among a thousand images and a million, in both databases.

python -m benchmarks.catalogue [--many 1000000]      about ten minutes

No files: rows are put in by COPY, and by executemany. And eight writers on PostgreSQL at once, with
the counts in slots as they are, and in the one row that all of them would change.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import sqlalchemy as sa

from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.stats import Spread
from image_service.catalogue import SqlCatalogue, slots
from image_service.catalogue.migrate import upgrade
from image_service.catalogue.postgres import PostgresOptions, connect, open_postgres
from image_service.catalogue.records import to_row
from image_service.catalogue.sqlite import open_sqlite
from image_service.catalogue.tables import image_tags, images, months, tags, totals
from image_service.domain.fingerprint import Fingerprint
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts, make_image_id
from image_service.domain.listing import ListQuery, parse_list_query
from scripts.postgres import Server, private_server

FEW, MANY = 1_000, 1_000_000
AT_ONCE = 5_000
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


def batches(count: int) -> Iterator[list[dict[str, Any]]]:
    """Yield rows of images, so many at a time."""
    for start in range(0, count, AT_ONCE):
        yield [to_row(image_of(number)) for number in range(start, min(count, start + AT_ONCE))]


def seed_sqlite(engine: sa.Engine, count: int) -> None:
    """Fill an empty catalogue."""
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for rows in batches(count):
            connection.execute(sa.insert(images), rows)
            found = [{"tag": row["tags"][0], "image_id": row["id"]} for row in rows]
            connection.execute(sa.insert(image_tags), found)
        count_all(connection, count)
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")


def seed_postgres(url: str, engine: sa.Engine, count: int) -> None:
    """Fill an empty catalogue by COPY."""
    raw = connect(url)
    with raw.cursor() as cursor:
        for rows in batches(count):
            columns = ", ".join(rows[0])
            cursor.copy_expert(f"COPY images ({columns}) FROM STDIN CSV", as_csv(rows))
            labels = [{"tag": row["tags"][0], "image_id": row["id"]} for row in rows]
            cursor.copy_expert("COPY image_tags (tag, image_id) FROM STDIN CSV", as_csv(labels))
    raw.commit()
    raw.autocommit = True
    with engine.begin() as connection:
        count_all(connection, count)
    with raw.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    raw.close()


def as_csv(rows: list[dict[str, Any]]) -> io.StringIO:
    """Return rows as COPY reads them."""
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow(map(cell, row.values()))
    text.seek(0)
    return text


def cell(value: Any) -> Any:
    """Return a value as COPY reads it; nothing at all is null."""
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    return json.dumps(value) if isinstance(value, (list, dict)) else value


def count_all(connection: sa.Connection, count: int) -> None:
    """Write down what was put in."""
    jpeg = totals.c.format == "jpeg"
    connection.execute(sa.update(totals).where(jpeg).values(files=count, bytes=count * BYTES))
    month = {"month": "2020-09", "format": "jpeg", "files": count, "bytes": count * BYTES}
    connection.execute(sa.insert(months), month)
    each = [{"tag": label, "folded": label, "files": count // len(LABELS)} for label in LABELS]
    connection.execute(sa.insert(tags), each)


class Operations:
    """What is measured, each once a call."""

    def __init__(self, catalogue: SqlCatalogue, count: int) -> None:
        self._catalogue = catalogue
        self._known = self._some(count)
        self._numbers = iter(range(count, sys.maxsize))
        self._added: list[Image] = []
        deep = parse_list_query(limit=100)
        middle = deep.cursor_after(START_MS + count // 2, "img_")
        self._deep: ListQuery = deep.continued(middle)

    def _some(self, count: int) -> list[Image]:
        query = parse_list_query(limit=100, order="createdAt")
        middle = query.continued(query.cursor_after(START_MS + count // 2, "img_"))
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
        }

    def _add(self) -> None:
        self._added.append(self._catalogue.add(image_of(next(self._numbers))))


def measure(few: SqlCatalogue, many: SqlCatalogue, count: int, n: int) -> dict[str, list[Any]]:
    """Return the milliseconds of each operation, in turn among few and many."""
    sides = (Operations(few, FEW).all(), Operations(many, count).all())
    found: dict[str, list[Any]] = {name: [[], []] for name in sides[0]}
    for name in sides[0]:
        for _ in range(n):
            for side, told in zip(sides, found[name], strict=True):
                before = time.perf_counter()
                side[name]()
                told.append(1000 * (time.perf_counter() - before))
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
        seed_sqlite(transactions.writer, count)
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
    seed_postgres(server.url_of(name), transactions.writer, count)
    yield SqlCatalogue(transactions)
    transactions.close()


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=200, limit_s=600)
    parser.add_argument("--many", type=int, default=MANY, help=f"default {MANY}")
    options = parser.parse_args()
    found: dict[str, dict[str, list[Any]]] = {}
    with in_sqlite(FEW) as few, in_sqlite(options.many) as many:
        found["SQLite"] = measure(few, many, options.many, options.rounds)
    # As safe as a real one is.
    safe = {"fsync": "on", "full_page_writes": "on", "shared_buffers": "512MB"}
    with (
        private_server(**safe) as server,
        in_postgres(server, FEW) as few,
        in_postgres(server, options.many) as many,
    ):
        found["PostgreSQL"] = measure(few, many, options.many, options.rounds)
        rates = {"slots": writes_per_s(many)}
        with mock.patch.object(slots, "are_used", return_value=False):
            rates["one row"] = writes_per_s(many)
    return told(found, rates, options)


def told(
    found: dict[str, dict[str, list[Any]]], rates: dict[str, float], options: argparse.Namespace
) -> int:
    """Print it all; return the exit code."""
    rows, bars = [], []
    for database, operations in found.items():
        for name, (few, many) in operations.items():
            rows.append([database, name, str(Spread.of(few)), str(Spread.of(many))])
            times = Spread.of(many).median / Spread.of(few).median
            label = f"{database}: {name}, times its median among {FEW:,}"
            bars.append(Bar(label, Spread(times, times, times), SLOWER))
    headings = ("database", "operation", f"ms among {FEW:,}", f"ms among {options.many:,}")
    print("\n" + table(headings, rows))
    print(f"\n{WRITERS} writers: {rates['slots']:,.0f} images/s with counts in slots, "
          f"{rates['one row']:,.0f} with counts in one row")  # fmt: skip
    return finish("catalogue", bars, {"ms": found, "writes_per_s": rates}, options.out)


if __name__ == "__main__":
    sys.exit(main())

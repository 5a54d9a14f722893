"""Listings on a standby: as old as what it has, the primary's where it is away or lags."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from image_service import native
from image_service.catalogue import SqlCatalogue
from image_service.catalogue.listings import SqlListings
from image_service.catalogue.postgres import PostgresOptions, open_standby
from image_service.catalogue.replica import Replica
from image_service.domain.listing import parse_list_query
from image_service.native import threading
from scripts.postgres import Server, private_server
from tests.contracts.adapters import PostgresCatalogues, new_image
from tests.contracts.waiting import until

WAIT_S = 30
LEASE_TTL_S = 2.0


@pytest.fixture(scope="module")
def primary() -> Iterator[Server]:
    with private_server() as server:
        yield server


@pytest.fixture(scope="module")
def standby(primary: Server) -> Iterator[Server]:
    with private_server(primary) as server:
        yield server


@pytest.fixture
def catalogues(primary: Server) -> Iterator[PostgresCatalogues]:
    made = PostgresCatalogues(primary)
    yield made
    made.stop()


@pytest.fixture
def catalogue(catalogues: PostgresCatalogues) -> SqlCatalogue:
    return catalogues.start(ttl_s=LEASE_TTL_S).adapter


class Reader:
    """Listings of a standby, and what was told of them."""

    def __init__(self, replica: Replica) -> None:
        self.replica = replica
        self.listings = SqlListings(replica.read)

    def ids(self) -> list[str]:
        return [image.id for image in self.listings.page(parse_list_query()).images]


@pytest.fixture
def told() -> list[bool]:
    return []


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def reader(
    standby: Server,
    catalogues: PostgresCatalogues,
    catalogue: SqlCatalogue,
    told: list[bool],
    reports: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Reader]:
    monkeypatch.setattr("image_service.catalogue.replica._LEFT_ALONE_S", 0.3)
    monkeypatch.setattr("image_service.catalogue.replica._LOOKS_EVERY_S", 0.1)
    options = PostgresOptions(standby.url_of(catalogues.name), timeout_s=2.0)
    replica = Replica(
        open_standby(options),
        catalogue.transactions,
        name="the standby",
        report=reports.append,
        told=told.append,
    )
    until(replica.look, WAIT_S)  # the database comes to it a moment later
    reports.clear()
    yield Reader(replica)
    standby.start()
    standby.run("SELECT pg_wal_replay_resume()")
    replica.close()


def test_a_listing_shows_what_the_standby_has(
    standby: Server, catalogue: SqlCatalogue, reader: Reader, told: list[bool]
) -> None:
    early = catalogue.add(new_image(tags=("a",)))
    until(lambda: reader.ids() == [early.id], WAIT_S)
    seen = reader.listings.changes()
    standby.run("SELECT pg_wal_replay_pause()")
    late = catalogue.add(new_image(tags=("a",)))
    assert set(page_ids(catalogue)) == {early.id, late.id}
    assert reader.ids() == [early.id]
    assert [tag.files for tag in reader.listings.tags("", 9)] == [1]
    assert [month.files for month in reader.listings.months()] == [1]
    assert reader.listings.timeline(parse_list_query()).months[0].files == 1
    assert reader.listings.changes() == seen != catalogue.changes()
    standby.run("SELECT pg_wal_replay_resume()")
    until(lambda: set(reader.ids()) == {early.id, late.id}, WAIT_S)
    assert set(told) == {True}


def page_ids(catalogue: SqlCatalogue) -> list[str]:
    return [image.id for image in catalogue.page(parse_list_query()).images]


def test_while_the_standby_is_away_the_primary_is_read(
    standby: Server,
    catalogue: SqlCatalogue,
    reader: Reader,
    told: list[bool],
    reports: list[str],
) -> None:
    standby.kill()
    image = catalogue.add(new_image())
    for _ in range(3):
        assert reader.ids() == [image.id]
    assert told == [False] * 3
    assert len(reports) == 1
    assert reports[0].startswith("listings are read from the primary, not from the standby: ")
    standby.start()
    until(lambda: reader.ids() == [image.id] and told[-1], WAIT_S)
    assert reports[1:] == ["listings are read from the standby again"]


def test_a_standby_on_which_every_lease_has_run_out_is_too_far_behind(
    standby: Server, catalogue: SqlCatalogue, reader: Reader, reports: list[str]
) -> None:
    standby.run("SELECT pg_wal_replay_pause()")
    image = catalogue.add(new_image())
    assert reader.ids() == []
    until(lambda: reader.ids() == [image.id], WAIT_S)
    assert reports == [
        "listings are read from the primary, not from the standby: it is too far behind"
    ]


def test_a_standby_without_the_tables_is_not_read(
    standby: Server, catalogue: SqlCatalogue, told: list[bool]
) -> None:
    empty = Replica(
        open_standby(PostgresOptions(standby.url)),
        catalogue.transactions,
        name="",
        told=told.append,
    )
    image = catalogue.add(new_image())
    found = SqlListings(empty.read).page(parse_list_query())
    assert [each.id for each in found.images] == [image.id]
    assert told == [False]
    empty.close()


def test_nobody_waits_for_a_look_that_takes_long(reader: Reader, told: list[bool]) -> None:
    is_looking, may_end = threading.Event(), threading.Event()
    read = reader.replica._standby.read

    def slow(work: object) -> object:
        is_looking.set()
        assert may_end.wait(WAIT_S)
        return read(work)  # type: ignore[arg-type]

    reader.replica._standby.read = slow  # type: ignore[method-assign, assignment]
    native.time.sleep(0.2)
    first = threading.Thread(target=reader.ids)
    first.start()
    assert is_looking.wait(WAIT_S)
    assert reader.ids() == []
    assert told == [False]
    may_end.set()
    first.join(WAIT_S)
    assert told == [False, True]

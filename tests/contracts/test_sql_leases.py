"""Leases in the database, and the journal under them: two hosts on one database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service import native
from image_service.domain.formats import Format
from image_service.domain.ports import Journal, RequestKey
from image_service.errors import Busy, StorageUnavailable
from image_service.testing import NOON_MS
from scripts.postgres import Server
from tests.contracts.adapters import PostgresCatalogues, Process, SqliteCatalogues, new_image
from tests.contracts.line import Line
from tests.contracts.waiting import until

GRACE_S = 0.3


@pytest.fixture
def hosts(postgres_server: Server) -> Iterator[PostgresCatalogues]:
    made = PostgresCatalogues(postgres_server)
    yield made
    made.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "sqlite":
        made: Any = SqliteCatalogues(tmp_path)
    else:
        made = PostgresCatalogues(request.getfixturevalue("postgres_server"))
    yield made
    made.stop()


@pytest.fixture
def line(postgres_server: Server) -> Iterator[Line]:
    made = Line(postgres_server.port)
    yield made
    made.close()


def is_alive(of: Process, other: Process) -> bool:
    holder, lease_id = of.database.holder, other.database.holder.id
    write = of.database.transactions.write
    return bool(write(lambda connection: holder.is_alive(connection, lease_id)))


def key(name: str = "k") -> RequestKey:
    return RequestKey(f"caller:{name}", NOON_MS, b"d")


def rows(hosts: PostgresCatalogues, what: str) -> str:
    return hosts.server.run(f"SELECT {what} FROM leases ORDER BY id", hosts.name)


def test_a_process_that_gives_signs_of_life_lives(hosts: PostgresCatalogues) -> None:
    one, two = hosts.start(ttl_s=1.0), hosts.start()
    before = rows(hosts, "expires_ms")
    until(lambda: rows(hosts, "expires_ms") != before)
    native.time.sleep(1.2)  # longer than it lives without any
    assert is_alive(two, one)
    assert not is_alive(two, Process(None, lambda: None, _Known("nobody")))


class _Known:
    def __init__(self, lease_id: str) -> None:
        self.holder = self
        self.id = lease_id


def test_a_process_that_ends_leaves_no_lease(hosts: PostgresCatalogues) -> None:
    process = hosts.start()
    assert rows(hosts, "count(*) OVER ()") == "1"
    process.adapter.close()
    assert rows(hosts, "id") == ""


def test_a_killed_process_is_dead_once_its_time_is_over_and_not_before(
    hosts: PostgresCatalogues,
) -> None:
    one, two = hosts.start(ttl_s=1.0), hosts.start()
    one.database.holder.stop_beating()
    assert is_alive(two, one)
    until(lambda: not is_alive(two, one))


def test_a_process_that_is_taken_for_dead_commits_nothing_until_it_has_a_new_lease(
    hosts: PostgresCatalogues, line: Line
) -> None:
    url = hosts.server.url_of(hosts.name, port=line.port)
    cut_off, heir = hosts.start(url, ttl_s=3.0, timeout_s=1.0), hosts.start()
    first_id = cut_off.database.holder.id
    cut_off.adapter.begin_request(key())
    line.is_refusing = True
    line.cut()
    with pytest.raises(Busy):
        heir.adapter.begin_request(key())

    def taken_over() -> bool:
        try:
            heir.adapter.begin_request(key())
        except Busy:
            return False
        return True

    until(taken_over)
    cut_off.database.holder.stop_beating()
    line.is_refusing = False
    with pytest.raises(StorageUnavailable) as raised:
        cut_off.adapter.add(new_image())
    assert "sign of life" in str(raised.value)
    with pytest.raises(Busy):  # somebody else has the request now
        cut_off.adapter.add(new_image(), [key()])
    image = heir.adapter.add(new_image(), [key()])
    assert heir.adapter.totals()[Format.JPEG].files == 1
    cut_off.database.holder.beat()
    assert cut_off.database.holder.id != first_id
    assert cut_off.adapter.find_request(key()) == image
    cut_off.adapter.add(new_image())
    assert heir.adapter.totals()[Format.JPEG].files == 2


def test_the_new_lease_comes_by_itself(hosts: PostgresCatalogues) -> None:
    process, other = hosts.start(ttl_s=3.0), hosts.start()
    lease_id = process.database.holder.id
    hosts.server.run(f"UPDATE leases SET expires_ms = 0 WHERE id = '{lease_id}'", hosts.name)
    if not is_alive(other, process):  # else its sign of life came first
        with pytest.raises(StorageUnavailable):
            process.adapter.add(new_image())
        until(lambda: process.database.holder.id != lease_id)
    process.adapter.add(new_image())


def test_who_takes_over_waits_for_what_is_being_committed(hosts: PostgresCatalogues) -> None:
    process, other = hosts.start(), hosts.start(timeout_s=0.5)
    holder = process.database.holder
    holder.stop_beating()
    image = new_image()

    def work(connection: Any) -> None:
        holder.check(connection)
        hosts.server.run("UPDATE leases SET expires_ms = 1", hosts.name)
        with pytest.raises(StorageUnavailable, match="busy"):
            is_alive(other, process)

    process.database.transactions.write(work)
    assert not is_alive(other, process)
    with pytest.raises(StorageUnavailable):
        process.adapter.add(image)


def journal_of(process: Process) -> Journal:
    journal: Journal = process.database.journal(grace_s=GRACE_S)
    return journal


def test_a_journal_tells_only_what_the_dead_have_left_and_after_a_grace(databases: Any) -> None:
    one, two = databases.start(), databases.start()
    mine, others = journal_of(one), journal_of(two)
    assert mine.left_over() == []
    for name in ("b.jpg", "a.jpg", "b.jpg"):
        mine.begin(name)
    others.begin("c.jpg")
    assert mine.noted() == others.noted() == {"a.jpg", "b.jpg", "c.jpg"}
    mine.end("nobody knows.jpg")
    assert others.left_over() == mine.left_over() == []
    one.kill()
    assert others.left_over() == [], "what it had begun may still happen"
    until(lambda: others.left_over() == ["a.jpg", "b.jpg"])
    others.end("a.jpg")
    assert others.left_over() == ["b.jpg"]
    others.end("b.jpg")
    others.end("c.jpg")
    assert others.left_over() == []


def test_a_name_that_two_have_noted_stays_until_both_have_ended(databases: Any) -> None:
    one, two, three = (databases.start() for _ in range(3))
    for each in (one, two):
        journal_of(each).begin("a.jpg")
    journal_of(one).end("a.jpg")
    two.kill()
    until(lambda: journal_of(three).left_over() == ["a.jpg"])


def test_a_name_that_a_living_one_is_at_work_on_is_left_to_it(databases: Any) -> None:
    dead, living, other = (databases.start() for _ in range(3))
    for each in (dead, living):
        journal_of(each).begin("a.jpg")
    journal_of(dead).begin("b.jpg")
    dead.kill()
    until(lambda: journal_of(other).left_over() == ["b.jpg"])
    assert journal_of(living).left_over() == ["b.jpg"]
    journal_of(living).end("a.jpg")  # and it says so of the dead one's, too
    assert journal_of(other).left_over() == ["b.jpg"]


def with_journal(process: Process) -> tuple[Any, Journal]:
    journal = process.database.journal(grace_s=GRACE_S)
    return process.database.catalogue(journal), journal


def test_a_name_ends_with_the_commit_that_adds_its_image(databases: Any) -> None:
    one, two = databases.start(), databases.start()
    catalogue, journal = with_journal(one)
    image = new_image()
    journal.begin(image.blob_name)
    catalogue.add(image)
    one.kill()
    native.time.sleep(2 * GRACE_S)
    assert journal_of(two).left_over() == []
    journal.end(image.blob_name)


def test_what_is_withdrawn_is_left_to_others_until_its_bytes_are_removed(databases: Any) -> None:
    one, two = databases.start(), databases.start()
    catalogue, journal = with_journal(one)
    image, removed = new_image(), new_image()
    for each in (image, removed):
        journal.begin(each.blob_name)
        catalogue.add(each)
        assert catalogue.withdraw(each)
    assert journal.noted() == {image.blob_name, removed.blob_name}
    journal.end(removed.blob_name)
    one.kill()
    until(lambda: journal_of(two).left_over() == [image.blob_name])


def test_what_others_may_clear_up_is_not_added_any_more(databases: Any) -> None:
    one, two = databases.start(), databases.start()
    catalogue, journal = with_journal(one)
    image, kept = new_image(), new_image()
    journal.begin(kept.blob_name)
    catalogue.add(kept)
    journal.begin(image.blob_name)
    journal.begin(kept.blob_name)  # to remove it
    one.kill()
    heir = journal_of(two)
    until(lambda: len(heir.left_over()) == 2)
    for name in heir.left_over():
        heir.end(name)
    with pytest.raises(StorageUnavailable):
        catalogue.add(image)
    with pytest.raises(StorageUnavailable):
        catalogue.put_back(image)
    with pytest.raises(StorageUnavailable):
        catalogue.remove(kept.id)
    assert two.adapter.known([image.id, kept.id]) == {kept.id}


def test_a_living_process_under_a_new_lease_does_not_add_what_it_began_before(
    hosts: PostgresCatalogues,
) -> None:
    one, two = hosts.start(), hosts.start()
    catalogue, journal = with_journal(one)
    image = new_image()
    journal.begin(image.blob_name)
    one.kill()
    heir = journal_of(two)
    heir.left_over()
    one.database.holder.beat()
    with pytest.raises(StorageUnavailable):
        catalogue.add(image)
    until(lambda: heir.left_over() == [image.blob_name])
    journal.end(image.blob_name)
    assert heir.left_over() == []
    journal.begin(image.blob_name)
    catalogue.add(image)

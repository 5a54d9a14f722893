"""Turns: one at a time, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from image_service import native
from image_service.catalogue.tables import turns
from image_service.catalogue.turns import SqlTurn, forget_old
from image_service.errors import StorageUnavailable
from image_service.native import threading
from tests.contracts.adapters import PostgresCatalogues, SqliteCatalogues


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    if request.param == "sqlite":
        made: Any = SqliteCatalogues(tmp_path)
    else:
        made = PostgresCatalogues(request.getfixturevalue("postgres_server"))
    yield made
    made.stop()


def takes(turns: Any, name: str = "sweep", ttl_s: float = 30.0) -> bool:
    with turns.take(name, ttl_s) as is_ours:
        return bool(is_ours)


def test_a_turn_is_one_processs_until_its_time_is_over(databases: Any) -> None:
    one, two = (databases.start().database.turns for _ in range(2))
    assert takes(one, ttl_s=0.4)
    assert not takes(two)
    assert takes(two, "scrub"), "another turn is anybody's"
    assert takes(one, ttl_s=0.4), "its own it may have again"
    native.time.sleep(0.5)
    assert takes(two)
    assert not takes(one)


def test_turns_that_are_given_up_are_free_at_once(databases: Any) -> None:
    one, two = (databases.start().database.turns for _ in range(2))
    assert takes(one)
    one.give_up()
    assert takes(two)
    one.give_up()
    assert not takes(one)


def test_a_turn_that_is_held_on_to_is_free_once_it_is_released(databases: Any) -> None:
    one, two = (SqlTurn(databases.start().database.turns, "events", ttl_s=30.0) for _ in range(2))
    assert one.take()
    assert one.take(), "its own it may have again"
    assert not two.take()
    two.release()
    assert not two.take()
    one.release()
    assert two.take()


def test_a_turn_can_be_released_while_the_database_is_away(databases: Any) -> None:
    process = databases.start()
    turn = SqlTurn(process.database.turns, "events", ttl_s=30.0)
    assert turn.take()
    process.adapter.transactions.write = _fail
    process.database.turns._transactions.write = _fail
    turn.release()


def _fail(work: Any) -> Any:
    raise StorageUnavailable("its catalogue cannot be reached")


def test_work_that_takes_longer_than_a_turn_keeps_it(databases: Any) -> None:
    one, two = (databases.start().database.turns for _ in range(2))
    with one.take("sweep", 0.6) as is_ours:
        assert is_ours
        for _ in range(6):
            native.time.sleep(0.25)
            assert not takes(two)


def test_of_many_that_want_a_turn_at_once_one_has_it(databases: Any) -> None:
    many = [databases.start().database.turns for _ in range(4)]
    barrier = threading.Barrier(len(many))
    had: list[bool] = []

    def work(turns: Any) -> None:
        barrier.wait(10)
        had.append(takes(turns))

    threads = [threading.Thread(target=work, args=(turns,)) for turns in many]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(had) == [False, False, False, True]


def test_what_the_dead_have_left_is_forgotten_in_a_day(databases: Any) -> None:
    process = databases.start()
    for name, ttl_s in (("old", -90_000.0), ("of yesterday", -80_000.0), ("now", 30.0)):
        assert process.database.turns.claim(name, ttl_s)
    transactions = process.database.transactions
    transactions.write(forget_old)
    left = transactions.read(lambda connection: set(connection.scalars(sa.select(turns.c.name))))
    assert left == {"of yesterday", "now"}


def test_all_processes_see_the_same_time(databases: Any) -> None:
    one, two = (databases.start().adapter for _ in range(2))
    first_ms = one.now_ms()
    assert abs(first_ms - native.time.time() * 1000) < 5000
    native.time.sleep(0.05)
    assert first_ms + 50 <= two.now_ms() < first_ms + 5000

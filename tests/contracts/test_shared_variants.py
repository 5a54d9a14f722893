"""Variants in a bucket that several machines have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import xxhash

from image_service.domain.once import Turns
from image_service.errors import StorageUnavailable
from image_service.native import threading, time
from image_service.storage import LocalVariants
from image_service.storage.s3 import Bucket
from image_service.storage.s3.variants import SharedVariants
from tests.contracts.adapters import PostgresCatalogues
from tests.s3 import FaultyLine, S3Server

IMAGE = "img_1700000000000_abcdefghij0123456789"
OTHER = "img_1700000000001_abcdefghij0123456789"
MADE_S = 1_700_000_000

Machine = Callable[..., SharedVariants]


@pytest.fixture
def prefix() -> str:
    return f"{secrets.token_hex(6)}/variants"


@pytest.fixture
def bucket(s3_server: S3Server, prefix: str) -> Bucket:
    return s3_server.bucket(prefix)


@pytest.fixture
def machine(tmp_path: Path, bucket: Bucket) -> Iterator[Machine]:
    """Make a machine with a folder of its own."""
    made: list[SharedVariants] = []

    def make(
        max_bytes: int = 100_000,
        through: Bucket = bucket,
        turns: Turns | None = None,
        max_wait_s: float = 30.0,
    ) -> SharedVariants:
        near = LocalVariants(tmp_path / f"machine {len(made)}", max_bytes=max_bytes)
        made.append(SharedVariants(near, through, turns, max_wait_s=max_wait_s))
        made[-1].prepare()
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def databases(postgres_server: Any) -> Iterator[PostgresCatalogues]:
    """Processes on one database."""
    made = PostgresCatalogues(postgres_server)
    yield made
    made.stop()


def turns_of(databases: PostgresCatalogues) -> Turns:
    """One more process of them."""
    turns: Turns = databases.start().database.turns
    return turns


def made_by(machine: SharedVariants, log: list[str], takes_s: float = 0.0) -> None:
    """Make a variant as Variants.make() does, and note how it came."""
    with machine.only_one(IMAGE, "a1"):
        if machine.has(IMAGE, "a1") or machine.fetch(IMAGE, "a1"):
            log.append("fetched")
            return
        time.sleep(takes_s)
        machine.put(IMAGE, "a1", b"a variant", made_s=MADE_S)
        log.append("made")


def keys(bucket: Bucket) -> list[str]:
    return [each.key for each in bucket.listed()]


def test_what_one_has_made_another_fetches_and_keeps(machine: Machine, bucket: Bucket) -> None:
    one, other = machine(), machine()
    one.put(IMAGE, "a1", b"a variant", made_s=MADE_S)
    assert keys(bucket) == [f"{IMAGE}/a1"]
    assert not other.has(IMAGE, "a1")
    assert other.open(IMAGE, "a1") is None
    assert other.fetch(IMAGE, "a1")
    bucket.remove(keys(bucket))
    kept = other.open(IMAGE, "a1")
    assert kept
    with kept.file as file:
        assert (file.read(), kept.made_s) == (b"a variant", MADE_S)


def test_a_machine_without_room_does_not_say_that_it_has_it(machine: Machine) -> None:
    machine().put(IMAGE, "a1", bytes(1000), made_s=MADE_S)
    assert not machine(max_bytes=100).fetch(IMAGE, "a1")


@pytest.mark.parametrize(
    "notes", [{}, {"made": "1"}, {"made": "1", "xxh3": "00"}], ids=["none", "no check", "wrong"]
)
def test_what_is_not_what_was_put_is_not_taken(
    machine: Machine, bucket: Bucket, notes: dict[str, str]
) -> None:
    bucket.put(f"{IMAGE}/a1", b"something else", notes)
    assert not machine().fetch(IMAGE, "a1")


def test_a_purge_takes_it_from_the_bucket_too(machine: Machine, bucket: Bucket) -> None:
    one, other = machine(), machine()
    for name in ("a1", "a2"):
        one.put(IMAGE, name, b"x", made_s=MADE_S)
    one.put(OTHER, "a1", b"x", made_s=MADE_S)
    other.purge(IMAGE)
    assert keys(bucket) == [f"{OTHER}/a1"]
    assert not machine().fetch(IMAGE, "a1")


def test_sweeps_find_what_was_left_there_part_by_part(
    machine: Machine, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.storage.s3.variants._SWEPT_AT_ONCE", 3)
    one = machine()
    for name in ("a1", "a2", "a3", "a4"):
        bucket.put(f"{IMAGE}/{name}", b"x")
        bucket.put(f"{OTHER}/{name}", b"x")
    bucket.put("somebody else's", b"x")
    for _ in range(4):
        one.sweep(lambda ids: set(ids) & {OTHER})
    assert keys(bucket) == [*(f"{OTHER}/a{n}" for n in range(1, 5)), "somebody else's"]


def test_while_the_bucket_is_away_a_machine_is_on_its_own_and_does_not_wait(
    machine: Machine, s3_server: S3Server, prefix: str, bucket: Bucket
) -> None:
    machine().put(IMAGE, "a1", b"x", made_s=MADE_S)
    line = FaultyLine(s3_server.port)
    try:
        through = s3_server.bucket(prefix, endpoint_url=line.endpoint_url, timeout_s=1.0)
        one = machine(through=through)
        line.is_down = True
        assert not one.fetch(IMAGE, "a1")
        one.put(OTHER, "a1", b"x", made_s=MADE_S)
        assert one.has(OTHER, "a1")
        assert keys(bucket) == [f"{IMAGE}/a1"]
        one.sweep(lambda ids: set(ids))
        with pytest.raises(StorageUnavailable):  # what is deleted must go: it is tried again
            one.purge(IMAGE)
    finally:
        line.close()


def test_one_machine_of_several_makes_it_and_the_others_wait_for_that(
    machine: Machine, databases: PostgresCatalogues
) -> None:
    machines = [machine(turns=turns_of(databases)) for _ in range(3)]
    log: list[str] = []
    threads = [threading.Thread(target=made_by, args=(each, log, 0.5)) for each in machines]
    for each in threads:
        each.start()
    for each in threads:
        each.join(timeout=20)
    assert log == ["made", "fetched", "fetched"]
    # It is nobody's turn any more.
    started_s = time.monotonic()
    with machine(turns=turns_of(databases)).only_one(IMAGE, "a2"):
        pass
    with machine(turns=turns_of(databases)).only_one(IMAGE, "a2"):
        assert time.monotonic() - started_s < 3


def test_a_machine_that_hangs_or_has_died_is_not_waited_for_without_end(
    machine: Machine, databases: PostgresCatalogues, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.storage.s3.variants._TURN_TTL_S", 1.0)
    log: list[str] = []
    with machine(turns=turns_of(databases)).only_one(IMAGE, "a1"):
        made_by(machine(turns=turns_of(databases), max_wait_s=0.3), log)
    assert log == ["made"]
    died = turns_of(databases)
    name = f"v{xxhash.xxh3_128_hexdigest(f'{OTHER}/a1'.encode())}"
    with died.take(name, 1.0):
        pass
    started_s = time.monotonic()
    with machine(turns=turns_of(databases)).only_one(OTHER, "a1"):
        assert 0.5 < time.monotonic() - started_s < 10


def test_who_finds_nothing_after_the_turn_of_another_keeps_nobody_waiting(
    machine: Machine, databases: PostgresCatalogues
) -> None:
    """Making it failed there, and may fail in each of many in turn."""
    failing, one, other = (machine(turns=turns_of(databases)) for _ in range(3))
    log: list[str] = []
    work = [threading.Thread(target=made_by, args=(each, log, 3.0)) for each in (one, other)]
    with failing.only_one(IMAGE, "a1"):
        for each in work:
            each.start()
        time.sleep(0.3)
        assert log == []
    started_s = time.monotonic()
    for each in work:
        each.join(timeout=20)
    assert log == ["made", "made"]
    assert time.monotonic() - started_s < 5.5, "one after the other"


def test_a_machine_that_keeps_none_waits_for_nobody(
    machine: Machine, databases: PostgresCatalogues
) -> None:
    with machine(turns=turns_of(databases)).only_one(IMAGE, "a1"):
        started_s = time.monotonic()
        with machine(max_bytes=0, turns=turns_of(databases)).only_one(IMAGE, "a1"):
            assert time.monotonic() - started_s < 3


def test_while_the_database_is_away_it_is_made_and_the_database_left_alone(
    machine: Machine,
) -> None:
    asked: list[str] = []

    class Away:
        def take(self, name: str, ttl_s: float) -> AbstractContextManager[bool]:
            asked.append(name)
            raise StorageUnavailable("no connection")

        def leave(self, name: str) -> None:
            raise AssertionError(name)

        def give_up(self) -> None:
            """Nothing was taken."""

    one, log = machine(turns=Away()), []
    made_by(one, log)
    with one.only_one(OTHER, "a1"):
        pass
    assert (log, len(asked)) == (["made"], 1)


def test_what_goes_wrong_in_the_making_is_told_and_leaves_the_turn_to_the_next(
    machine: Machine, databases: PostgresCatalogues
) -> None:
    one = machine(turns=turns_of(databases))
    with pytest.raises(StorageUnavailable, match="the original"), one.only_one(IMAGE, "a1"):
        raise StorageUnavailable("the original")
    log: list[str] = []
    started_s = time.monotonic()
    made_by(machine(turns=turns_of(databases)), log)
    assert log == ["made"]
    assert time.monotonic() - started_s < 3

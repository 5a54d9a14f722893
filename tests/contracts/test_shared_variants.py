"""Variants in a bucket that several machines have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image_service.errors import StorageUnavailable
from image_service.storage import LocalVariants
from image_service.storage.s3 import Bucket
from image_service.storage.s3.variants import SharedVariants
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

    def make(max_bytes: int = 100_000, through: Bucket = bucket) -> SharedVariants:
        near = LocalVariants(tmp_path / f"machine {len(made)}", max_bytes=max_bytes)
        made.append(SharedVariants(near, through))
        made[-1].prepare()
        return made[-1]

    yield make
    for each in made:
        each.close()


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

"""S3Store beyond the contract: bad lines, bad servers, requests that are spared, other machines."""

from __future__ import annotations

import copy
import hashlib
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from image_service import native
from image_service.domain.blocks import CheckedFile, digests_of
from image_service.domain.bucket_url import BucketUrl
from image_service.errors import ImageDamaged, StorageFull, StorageUnavailable
from image_service.storage.s3 import Access, Bucket, S3Store
from tests.contracts.adapters import S3Stores, new_name
from tests.contracts.test_blob_store import DATA, content, knowing, settled
from tests.s3 import BUCKET, KEY, SECRET, FaultyLine, S3Server, refusal, status_of

LARGE = bytes(range(256)) * 4 * 1024 * 3
TIMEOUT_S = 3.0


@pytest.fixture
def stores(tmp_path: Path, s3_server: S3Server, line: FaultyLine) -> S3Stores:
    """Processes that reach the server through the line."""
    return S3Stores(tmp_path, s3_server, endpoint_url=line.endpoint_url, timeout_s=TIMEOUT_S)


@pytest.fixture
def store(stores: S3Stores) -> S3Store:
    return stores.start().adapter


def flipped(data: bytes) -> bytes:
    """Return bytes with one bit another, near their end."""
    at = len(data) - 10
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :] if len(data) > 5000 else data


class Times:
    """Does something the first few times."""

    def __init__(self, count: int, instead: Any, when: bytes = b"") -> None:
        self.left, self._instead, self._when = count, instead, when

    def __call__(self, data: bytes) -> Any:
        if self.left and data.startswith(self._when):
            self.left -= 1
            return self._instead
        return None


@pytest.mark.parametrize(
    "instead",
    [refusal("503 Slow Down", "SlowDown"), refusal("500 Internal Server Error"), b""],
    ids=["overloaded", "failing", "cut"],
)
@pytest.mark.parametrize("method", [b"PUT", b"GET", b"HEAD"])
def test_a_server_that_fails_twice_is_asked_again(
    store: S3Store, line: FaultyLine, instead: bytes, method: bytes
) -> None:
    line.answer = Times(2, instead, method)
    name = settled(store)
    assert content(store, name) == DATA
    assert store.arrived_ms(name)


def test_what_was_stored_though_its_answer_was_lost_is_stored(
    store: S3Store, line: FaultyLine
) -> None:
    cuts = Times(1, True)
    line.change = lambda data: None if cuts(data) else data
    name = settled(store)
    line.mend()
    assert content(store, name) == DATA


def test_other_bytes_of_the_same_name_are_never_written_over(
    store: S3Store, stores: S3Stores
) -> None:
    name = settled(store)
    with pytest.raises(StorageUnavailable, match="another object"):
        stores.start().adapter.put(name, b"other")
    assert content(store, name) == DATA


def test_an_upload_that_failed_leaves_nothing_after_a_sweep(
    store: S3Store, stores: S3Stores, line: FaultyLine
) -> None:
    line.change = lambda _: None  # it is stored, but nobody hears of it
    with pytest.raises(StorageUnavailable):
        store.put(new_name(), DATA)
    line.mend()
    assert [each.key for each in stores.bucket.listed()] != []
    assert store.sweep(knowing()) == 1
    assert [each.key for each in stores.bucket.listed()] == []


@pytest.mark.parametrize("cut_after", [300_000, 1_500_000])
def test_a_read_that_breaks_off_goes_on(store: S3Store, line: FaultyLine, cut_after: int) -> None:
    name = settled(store, LARGE)
    passed = 0

    def cut_once(data: bytes) -> bytes | None:
        nonlocal passed
        was, passed = passed, passed + len(data)
        return None if was < cut_after <= passed else data

    line.change = cut_once
    assert content(store, name) == LARGE
    assert passed > cut_after


def test_a_line_that_is_cut_for_ever_is_told_in_time(store: S3Store, line: FaultyLine) -> None:
    name = settled(store, LARGE)
    with store.open(name) as file:
        line.is_down = True
        line.cut()
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            file.read()
        assert time.monotonic() - began < 2 * TIMEOUT_S


def test_a_server_that_hangs_is_given_up_in_time(store: S3Store, line: FaultyLine) -> None:
    line.delay_s = 60.0
    for work in (lambda: store.put(new_name(), DATA), lambda: store.open(new_name())):
        began = time.monotonic()
        with pytest.raises(StorageUnavailable):
            work()
        assert time.monotonic() - began < 1.5 * TIMEOUT_S


@pytest.mark.speaks_s3
def test_a_bit_that_flips_on_its_way_up_is_refused_by_the_server(
    store: S3Store, stores: S3Stores, line: FaultyLine
) -> None:
    line.change_up = flipped
    with pytest.raises(StorageUnavailable):
        store.put(new_name(), LARGE[:1_000_000])
    line.mend()
    assert list(stores.bucket.listed()) == []


@pytest.mark.parametrize("at", [1000, 2_000_000])
def test_a_bit_that_flips_on_its_way_down_is_never_handed_out(
    store: S3Store, line: FaultyLine, at: int
) -> None:
    name = settled(store, LARGE)
    passed = 0

    def flip_once(data: bytes) -> bytes:
        nonlocal passed
        was, passed = passed, passed + (at <= passed and len(data) > 5000) * 10**9
        passed += len(data)
        return flipped(data) if was < 10**9 <= passed else data

    line.change = flip_once
    got: list[bytes] = []
    with store.open(name) as file:
        checked = CheckedFile(file, digests_of(LARGE), size_bytes=len(LARGE), image_id="img_x")
        with pytest.raises(ImageDamaged):
            got.extend(iter(lambda: checked.read(100_000), b""))
    assert LARGE.startswith(b"".join(got))


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        ("403 Forbidden", "SignatureDoesNotMatch", "secret key"),
        ("403 Forbidden", "InvalidAccessKeyId", "access key"),
        ("403 Forbidden", "RequestTimeTooSkewed", "clock"),
        ("403 Forbidden", "AccessDenied", "policy"),
        ("404 Not Found", "NoSuchBucket", "no such bucket"),
        ("503 Service Unavailable", "SlowDown", "overloaded"),
    ],
)
def test_what_is_wrong_is_told_and_what_to_do(
    store: S3Store, line: FaultyLine, status: str, code: str, told: str
) -> None:
    line.answer = lambda _: refusal(status, code)
    for work in (lambda: store.put(new_name(), b"x"), lambda: store.open(new_name()), store.check):
        with pytest.raises(StorageUnavailable, match=told) as caught:
            work()
        assert SECRET not in str(caught.value)
        assert KEY not in str(caught.value)
        assert "http" not in str(caught.value)


def test_a_full_bucket_is_storage_full(store: S3Store, line: FaultyLine) -> None:
    line.answer = lambda _: refusal("507 Insufficient Storage", "XMinioStorageFull")
    with pytest.raises(StorageFull):
        store.put(new_name(), b"x")


@pytest.mark.speaks_s3
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"secret": "wrong"}, "secret key"),
        ({"key_id": "wrong"}, "access key"),
        ({"endpoint_url": "http://127.0.0.1:1"}, "cannot be reached"),
        ({"endpoint_url": "http://nobody.invalid"}, "cannot be reached"),
    ],
)
def test_a_real_server_that_refuses_is_understood(
    s3_server: S3Server, changes: dict[str, str], told: str
) -> None:
    wanted = {
        "endpoint_url": s3_server.endpoint_url, "key_id": KEY, "secret": SECRET, "timeout_s": 2.0,
        **changes,
    }  # fmt: skip
    bucket = Bucket(BucketUrl(BUCKET, "x"), Access(**wanted))  # type: ignore[arg-type]
    with pytest.raises(StorageUnavailable, match=told):
        bucket.check()


@pytest.mark.speaks_s3
def test_a_bucket_that_is_not_there_is_no_missing_image(s3_server: S3Server) -> None:
    bucket = Bucket(BucketUrl("nobodys-bucket"), s3_server.access())
    with pytest.raises(StorageUnavailable, match="no such bucket"):
        bucket.open("x.jpg")
    with pytest.raises(StorageUnavailable, match="no such bucket"):
        bucket.check_listing()


def test_its_size_costs_no_download(store: S3Store, line: FaultyLine) -> None:
    name = settled(store, LARGE * 4)
    line.bytes_down = 0
    with store.open(name) as file:
        assert file.seek(0, 2) == len(LARGE) * 4
    assert line.bytes_down < 300_000


def test_a_range_costs_what_is_near_it(store: S3Store, line: FaultyLine) -> None:
    name = settled(store, LARGE * 4)
    line.bytes_down = 0
    with store.open(name) as file:
        file.seek(9_000_000)
        assert file.read(1000) == (LARGE * 4)[9_000_000:9_001_000]
    assert line.bytes_down < 3_000_000


def test_reads_here_and_there_are_right(store: S3Store) -> None:
    data = hashlib.shake_256(b"x").digest(6_000_000)
    name = settled(store, data)
    with store.open(name) as file:
        for start, count in (
            (0, 10), (300_000, 700_000), (100, 300_000), (1_000_000, 1), (1_000_001, 2_500_000),
            (5_999_990, 100), (250_000, 20_000), (6_000_000, 5),
        ):  # fmt: skip
            file.seek(start)
            assert file.read(count) == data[start : start + count]


def test_who_reads_blocks_again_asks_once(store: S3Store, line: FaultyLine) -> None:
    name = settled(store, LARGE)
    line.requests.clear()
    with store.open(name) as file:
        checked = CheckedFile(file, digests_of(LARGE), size_bytes=len(LARGE), image_id="img_x")
        assert b"".join(iter(lambda: checked.read(100_000), b"")) == LARGE
    assert len(line.requests) == 3, "the beginning, and two parts"


@pytest.mark.speaks_s3
def test_large_ones_go_in_parts(store: S3Store, line: FaultyLine) -> None:
    data = hashlib.shake_256(b"y").digest(9_000_000)
    name = settled(store, data)
    assert any(b"uploads" in request for request in line.requests)
    assert content(store, name) == data


@pytest.mark.speaks_s3
def test_an_upload_takes_two_requests_and_a_small_read_one(
    store: S3Store, line: FaultyLine
) -> None:
    name = new_name()
    line.requests.clear()
    store.put(name, DATA, b"label")
    store.settle(name)
    assert [request.split()[0] for request in line.requests] == [b"PUT", b"HEAD"]
    line.requests.clear()
    assert content(store, name) == DATA
    store.is_settled(name)
    store.is_archived(name)
    assert [request.split()[0] for request in line.requests] == [b"GET"]


def test_a_sweep_of_nothing_asks_nothing(store: S3Store, line: FaultyLine) -> None:
    settled(store)
    line.requests.clear()
    assert store.sweep(knowing()) == 0
    assert line.requests == []


def test_long_labels_are_kept_too(store: S3Store) -> None:
    store.put(name := new_name(), b"x", b"l" * 2000)
    assert store.label(name) == b"l" * 2000
    store.remove(name)
    assert store.label(name) == b""


def test_a_label_of_nothing_leaves_nothing(store: S3Store, stores: S3Stores) -> None:
    store.relabel(new_name(), b"x")
    assert list(stores.bucket.listed()) == []


def test_a_machine_that_knows_nothing_learns_it_from_the_bucket(
    store: S3Store, stores: S3Stores, tmp_path: Path
) -> None:
    kept, trashed, archived, damaged = (settled(store) for _ in range(4))
    store.shelve(trashed)
    assert store.put_away(archived, hashlib.sha256(DATA).digest())
    store.quarantine(damaged, bytes(32))
    stores.folder = tmp_path / "another"
    other = stores.start().adapter
    assert other.is_settled(kept)
    assert not other.is_settled(trashed)
    assert not other.is_settled(damaged)
    assert other.is_archived(archived)
    assert sorted(other.names()) == sorted([kept, trashed, archived])


def test_a_dead_process_is_given_time_for_what_it_had_begun(stores: S3Stores) -> None:
    dead = stores.start()
    dead.adapter.put(name := new_name(), DATA)
    dead.kill()
    stores.grace_s = 0.3
    survivor = stores.start().adapter
    assert survivor.sweep(knowing()) == 0
    assert content(survivor, name) == DATA
    time.sleep(0.35)
    assert survivor.sweep(knowing()) == 1
    assert content(survivor, name) is None


def test_what_two_threads_are_at_is_not_settled_by_the_first(
    store: S3Store, stores: S3Stores
) -> None:
    """One deletion fails; until the other has ended a crash must leave its note."""
    name = settled(store)
    store.doubt(name)
    store.doubt(name)
    store.settle(name)
    assert not store.is_settled(name)
    assert name not in set(store.names())
    store.remove(name)
    assert store.is_at_rest
    assert content(store, name) is None


def test_readers_leave_no_locks_and_none_does_not_keep_anybody_from_reading(
    store: S3Store, stores: S3Stores
) -> None:
    name = settled(store, LARGE)
    locks = stores.folder / "s3" / "reading"
    with store.open(name) as file, store.open(name) as again:
        assert [path.name for path in locks.iterdir()] == [name]
        assert file.read() == again.read() == LARGE
    assert list(locks.iterdir()) == []
    locks.rmdir()
    locks.touch()
    assert content(store, name) == LARGE
    with pytest.raises(StorageUnavailable):
        store.remove(name)
    locks.unlink()
    store.remove(name)
    assert content(store, name) is None
    assert list(locks.iterdir()) == []


def test_who_opens_what_is_being_removed_finds_nothing(store: S3Store, line: FaultyLine) -> None:
    name = settled(store, LARGE)
    store.doubt(name)
    begun = native.threading.Event()
    may_go_on = native.threading.Event()

    def held(head: bytes) -> None:
        if head.startswith(b"POST"):
            begun.set()
            assert may_go_on.wait(10)

    line.answer = held
    found: list[bytes | None] = []
    removing = native.threading.Thread(target=store.remove, args=(name,))
    removing.start()
    assert begun.wait(10)
    reading = native.threading.Thread(target=lambda: found.append(content(store, name)))
    reading.start()
    reading.join(0.3)
    assert found == [], "it waits for what becomes of it"
    may_go_on.set()
    reading.join(10)
    removing.join(10)
    assert found == [None]


def test_everything_of_a_removed_blob_goes(store: S3Store, stores: S3Stores) -> None:
    first, second = settled(store), settled(store)
    for name in (first, second):
        store.relabel(name, b"new")
        store.shelve(name)
    store.quarantine(second, bytes(32))
    for name in (first, second):
        store.remove(name)
    assert list(stores.bucket.listed()) == []


def test_a_probe_that_was_left_goes_in_time(
    stores: S3Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datetime as dt

    from image_service.storage.s3 import bucket

    stores.bucket.put(".probe/of-the-dead", b"x")
    name = settled(stores.start().adapter)
    stores.bucket.check_listing()
    assert [each.key for each in stores.bucket.listed()] == [".probe/of-the-dead", name]
    monkeypatch.setattr(bucket, "_OLD", dt.timedelta(seconds=-5))
    stores.bucket.check_listing()
    assert [each.key for each in stores.bucket.listed()] == [name]


@pytest.mark.speaks_s3
def test_an_address_to_read_without_the_service(store: S3Store, stores: S3Stores) -> None:
    name = settled(store)
    assert status_of(store.signed_url(name, 60)) == 200
    assert status_of(store.signed_url(name, 60).replace("Signature=", "Signature=0")) == 403
    store.shelve(name)
    assert store.signed_url(name, 60) == ""
    far = settled(store)
    machine = copy.copy(stores)
    machine.folder = stores.folder / "another machine's"
    assert machine.start().adapter.put_away(far, hashlib.sha256(DATA).digest())
    assert store.signed_url(far, 60) == "", "another machine has put it away"
    assert content(store, far) == DATA


def test_no_more_than_asked_for_is_held(store: S3Store, stores: S3Stores, s3_server: Any) -> None:
    """Streams are read as they come: 48 MB go through in a fraction of that."""
    name, size_bytes = new_name(), 16 * len(LARGE)
    patient = s3_server.bucket(stores.bucket.url.prefix, timeout_s=60.0)
    patient.put_new(name, LARGE * 16, b"", {})
    process = psutil.Process()
    before = process.memory_info().rss
    most = count = 0
    with patient.open(name) as file:
        while chunk := file.read(262_144):
            count += len(chunk)
            most = max(most, process.memory_info().rss)
    assert count == size_bytes
    assert most - before < 24 * 2**20

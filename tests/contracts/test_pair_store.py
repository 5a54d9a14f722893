"""PairStore beyond the contract: blobs that are in one place, and one place that fails."""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from image_service.domain.ports import Journal
from image_service.errors import StorageFull, StorageUnavailable
from image_service.storage import LeaseBook
from image_service.storage.joint_journal import JointJournal
from image_service.storage.move import Move
from image_service.storage.pair import PairStore
from image_service.testing import MemoryDisk, MemoryStore
from tests.contracts.adapters import (
    PairStores,
    PairStoresToLocal,
    Process,
    S3Stores,
    drop_lock,
    new_name,
)
from tests.contracts.test_blob_store import DATA, content, knowing, settled
from tests.s3 import FaultyLine, S3Server

PLACES = ("s3://b/x", "local")


class Pairs:
    """Processes on two disks in memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.disks = MemoryDisk(), MemoryDisk()

    def move(self) -> Move:
        return Move(self.folder, PLACES, LeaseBook(self.folder / "leases"))

    def start(self) -> PairStore:
        return PairStore(*(MemoryStore(disk) for disk in self.disks), self.move())

    def where(self, name: str) -> str:
        """Tell in which of them a blob has a place: "m" for the main one, "s" for the second."""
        found = zip("ms", (name in disk.blobs for disk in self.disks), strict=True)
        return "".join(letter for letter, is_there in found if is_there)


@pytest.fixture
def pairs(tmp_path: Path) -> Pairs:
    return Pairs(tmp_path)


@pytest.fixture
def pair(pairs: Pairs) -> PairStore:
    return pairs.start()


def in_one(store: Any, data: bytes = DATA) -> str:
    """Store a blob in one of the two."""
    return settled(store, data)


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


AWAY = StorageUnavailable("away")


def test_what_is_new_is_stored_where_the_move_says(pairs: Pairs, pair: PairStore) -> None:
    before = settled(pair)
    pairs.move().begin()
    meanwhile = settled(pair)
    pairs.move().arrive()
    pairs.move().leave()
    after = settled(pair)
    assert [pairs.where(name) for name in (before, meanwhile, after)] == ["s", "ms", "m"]
    assert all(content(pair, name) == DATA for name in (before, meanwhile, after))
    assert sorted(pair.names()) == sorted([before, meanwhile, after])
    assert pair.is_at_rest


@pytest.mark.parametrize(
    ("step", "where"), [("begin", "ms"), ("leave", "m")], ids=["begins", "ends"]
)
def test_a_step_of_the_move_in_the_middle_of_an_upload_is_kept(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch, step: str, where: str
) -> None:
    """Whoever took that step waits for what was under way before: this was not."""
    if step == "leave":
        pairs.move().begin()
    put = pair.second.put

    def late(*args: Any, **kwargs: Any) -> bytes:
        getattr(pairs.move(), step)()
        return put(*args, **kwargs)

    monkeypatch.setattr(pair.second, "put", late)
    name = settled(pair)
    assert pairs.where(name) == where
    assert pair.is_at_rest


@pytest.mark.parametrize("which", ["main", "second"])
@pytest.mark.parametrize("error", [StorageFull(), AWAY], ids=["full", "away"])
def test_where_one_fails_an_upload_leaves_nothing_in_the_other(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch, which: str, error: Exception
) -> None:
    pairs.move().begin()
    monkeypatch.setattr(getattr(pair, which), "put", failing(error))
    with pytest.raises(type(error)):
        pair.put(new_name(), DATA)
    assert not any(disk.blobs or disk.provisional for disk in pairs.disks)
    assert pair.is_at_rest


def test_reads_go_on_in_the_other_place(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = in_one(pair.second), in_one(pair.main)
    for whole in (False, True):
        if whole:
            pairs.move().begin()
            pairs.move().arrive()
        assert content(pair, old) == content(pair, new) == DATA
        for away, there, gone in ((pair.main, old, new), (pair.second, new, old)):
            with monkeypatch.context() as patched:
                patched.setattr(away, "open", failing(AWAY))
                assert content(pair, there) == DATA
                with pytest.raises(StorageUnavailable):  # it may be there
                    pair.open(gone)
                with pytest.raises(StorageUnavailable):
                    pair.open(new_name())


def test_what_goes_from_one_to_the_other_between_two_looks_is_found(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = in_one(pair.main)
    look = pair.main.open

    def late(wanted: str) -> Any:
        pair.main.drop(name)
        pair.second.put(name, DATA)
        pair.second.settle(name)
        return look(wanted)

    monkeypatch.setattr(pair.main, "open", late)
    assert content(pair, name) == DATA


class Broken(io.BytesIO):
    """A file of which no more than the first kilobyte can be read."""

    error: Exception = OSError("broken")

    def read(self, size: int | None = -1) -> bytes:
        if self.tell() >= 1024:
            raise self.error
        return super().read(min(size or 0, 1024) if size != -1 else 1024)


@pytest.mark.parametrize("error", [OSError("broken"), AWAY], ids=["disk", "away"])
def test_a_read_that_breaks_off_goes_on_in_the_other_place(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    pairs.move().begin()
    name = settled(pair)
    monkeypatch.setattr(Broken, "error", error)
    monkeypatch.setattr(pair.second, "open", lambda _: Broken(DATA))
    with pair.open(name) as file:
        assert file.read(100) == DATA[:100]
        file.seek(2000)
        assert file.read(500) == DATA[2000:2500]
        assert file.tell() == 2500
    monkeypatch.setattr(pair.main, "open", lambda _: Broken(DATA))
    with pair.open(name) as file:
        file.seek(2000)
        with pytest.raises(type(error)):
            file.read(500)


@pytest.mark.parametrize("where", ["main", "second"])
def test_what_is_in_one_place_is_doubted_settled_and_removed(
    pairs: Pairs, pair: PairStore, where: str
) -> None:
    name = in_one(getattr(pair, where))
    assert pair.doubt(name)
    assert content(pair, name) == DATA
    pair.settle(name)
    assert pair.is_at_rest
    assert pairs.where(name) == where[0]
    pair.doubt(name)
    pair.remove(name)
    assert content(pair, name) is None
    assert pair.is_at_rest
    assert not pair.doubt(name)


@pytest.mark.parametrize("is_known", [True, False])
def test_what_a_process_left_between_the_two_is_resolved_in_both(
    pairs: Pairs, is_known: bool
) -> None:
    pairs.move().begin()
    dead = pairs.start()
    stored, half_settled, half_put = new_name(), new_name(), new_name()
    for name in (stored, half_settled):
        dead.put(name, DATA)
    dead.main.settle(half_settled)
    dead.second.put(half_put, DATA)
    half_doubted = settled(dead)
    dead.second.doubt(half_doubted)
    for store in (dead.main, dead.second):
        store.die()  # type: ignore[attr-defined]
    names = (stored, half_settled, half_put, half_doubted)
    survivor = pairs.start()
    swept = survivor.sweep(knowing(*names) if is_known else knowing())
    assert not any(disk.provisional for disk in pairs.disks)
    if is_known:
        assert swept == 0
        assert [pairs.where(name) for name in names] == ["ms", "ms", "s", "ms"]
    else:
        # What had been settled had been known: its removal is what was under way, or comes.
        assert swept == 4
        assert [pairs.where(name) for name in names] == ["", "m", "", "m"]


def test_what_cannot_be_removed_in_one_place_goes_with_a_later_sweep(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs.move().begin()
    name = settled(pair)
    pair.doubt(name)
    with monkeypatch.context() as patched:
        patched.setattr(pair.main, "remove", failing(AWAY))
        with pytest.raises(StorageUnavailable):
            pair.remove(name)
        pair.abandon(name)
    assert content(pair.second, name) is None, "done where it could be"
    assert pair.sweep(knowing()) == 1
    assert content(pair, name) is None


@pytest.mark.parametrize("work", ["shelve", "unshelve", "lift_quarantine"])
def test_what_fails_in_one_place_is_done_in_the_other_and_told(
    pair: PairStore, monkeypatch: pytest.MonkeyPatch, work: str
) -> None:
    done: list[str] = []
    monkeypatch.setattr(pair.main, work, failing(AWAY))
    monkeypatch.setattr(pair.second, work, done.append)
    with pytest.raises(StorageUnavailable):
        getattr(pair, work)("x")
    assert done == ["x"]


def test_the_place_that_has_everything_tells_what_is_there(pairs: Pairs, pair: PairStore) -> None:
    """Processes with the old settings delete and trash in the old place alone."""
    pairs.move().begin()
    deleted, trashed = settled(pair), settled(pair)
    pair.second.remove(deleted)
    pair.second.shelve(trashed)
    assert not pair.is_settled(deleted)
    assert not pair.is_settled(trashed)
    assert pair.is_shelved(trashed)
    pairs.move().arrive()
    pairs.move().leave()
    new = settled(pair)
    pair.second.drop(trashed)
    assert pair.is_settled(new)
    assert pair.is_settled(trashed), "the new place was whole when the old one was left"


def test_damage_in_one_place_takes_nothing_from_the_other(pairs: Pairs, pair: PairStore) -> None:
    pairs.move().begin()
    both, one = settled(pair), settled(pair)
    pairs.disks[1].blobs[one] = b"damaged"
    assert content(pair, one) == b"damaged"
    pair.quarantine(one, hashlib.sha256(DATA).digest())
    pair.quarantine(both, bytes(32))
    assert [pair.is_quarantined(name) for name in (one, both)] == [True, True]
    assert content(pair, both) is None, "the bytes of both are others"
    assert content(pair, one) == DATA
    assert pairs.where(one) == "m"


def test_a_place_that_is_back_again_loses_nothing_for_the_other(
    pairs: Pairs, pair: PairStore
) -> None:
    """It was away while it was looked at, and the other's bytes were read for its own."""
    pairs.move().begin()
    name = settled(pair)
    pairs.disks[1].blobs[name] = b"damaged"
    pair.quarantine(name, hashlib.sha256(DATA).digest())
    assert pairs.disks[0].blobs[name] == DATA
    assert name in pairs.disks[1].damaged


def test_what_was_put_aside_in_one_place_is_told_though_the_other_is_away(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs.move().begin()
    name = settled(pair)
    monkeypatch.setattr(pair.second, "quarantine", failing(AWAY))
    assert pair.quarantine(name, bytes(32))
    with pytest.raises(StorageUnavailable):
        pair.quarantine(name, bytes(32))
    assert pairs.where(name) == "s"


def test_only_what_is_written_to_is_checked_and_has_to_have_room(
    pairs: Pairs, pair: PairStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pair.main, "check", failing(AWAY))
    monkeypatch.setattr(pair.main, "free_bytes", lambda: 5)
    pair.check()
    assert pair.free_bytes() > 5
    pairs.move().begin()
    with pytest.raises(StorageUnavailable):
        pair.check()
    assert pair.free_bytes() == 5


@pytest.fixture(params=[PairStores, PairStoresToLocal])
def real(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Server) -> Any:
    return request.param(tmp_path, s3_server)


def test_names_are_told_once_whichever_place_has_them(real: PairStores) -> None:
    store = real.start().adapter
    both = [settled(store) for _ in range(3)]
    ones = [in_one(place) for place in (store.main, store.second)]
    in_trash = in_one(store.second)
    store.second.shelve(in_trash)
    (real.local.root / "notes.txt").write_text("theirs")
    real.s3.bucket.put("theirs.txt", b"x")
    store.put(new_name(), DATA)
    wanted = sorted([*both, *ones, in_trash, "notes.txt", "theirs.txt"])
    assert sorted(store.names()) == wanted


def test_killed_between_the_places_it_is_resolved_on_disk_and_in_the_bucket(
    real: PairStores,
) -> None:
    process = real.start()
    unknown, known, removing = new_name(), new_name(), settled(process.adapter)
    for name in (unknown, known):
        process.adapter.put(name, DATA)
    process.adapter.doubt(removing)
    process.adapter.main.remove(removing)
    process.kill()
    survivor = real.start().adapter
    assert survivor.sweep(knowing(known)) == 2
    assert sorted(survivor.main.names()) == sorted(survivor.second.names()) == [known]
    assert survivor.main.under_way() == survivor.second.under_way() == set()


def test_with_the_bucket_away_reads_go_on_and_deletions_follow(
    tmp_path: Path, s3_server: S3Server, line: FaultyLine
) -> None:
    stores = PairStores(tmp_path, s3_server)
    prefix = stores.s3.bucket.url.prefix
    stores.s3.bucket = s3_server.bucket(prefix, endpoint_url=line.endpoint_url, timeout_s=1.0)
    store = stores.start().adapter
    kept, removed = settled(store), settled(store)
    line.is_down = True
    line.cut()
    assert content(store, kept) == DATA
    assert store.is_settled(kept)
    with pytest.raises(StorageUnavailable):
        store.put(new_name(), DATA)
    assert list((stores.local.root / ".tmp").iterdir()) == []
    store.doubt(removed)
    with pytest.raises(StorageUnavailable):
        store.remove(removed)
    store.abandon(removed)
    assert not (stores.local.root / removed).exists()
    with pytest.raises(StorageUnavailable):
        store.sweep(knowing(kept))
    line.mend()
    stores.s3.grace_s = 0.0
    while store.main.under_way():
        store.sweep(knowing(kept))
    assert [each.key for each in stores.s3.bucket.listed()] == [kept]


class TwoBuckets:
    """Processes on two prefixes, which have one journal and one set of marks."""

    def __init__(self, folder: Path, server: S3Server) -> None:
        self.one, self.other = S3Stores(folder, server), S3Stores(folder, server)
        self.leases = folder / "state" / "leases"
        self.places = ("s3://b/x", "s3://b/y")
        self.move(LeaseBook(self.leases)).begin()

    def move(self, leases: LeaseBook) -> Move:
        self.one.folder.mkdir(parents=True, exist_ok=True)
        return Move(self.one.folder, self.places, leases)

    def start(self) -> Process:
        leases = LeaseBook(self.leases)
        lease = leases.acquire()
        joint = JointJournal(self.one.journal(leases, lease))
        stores = [each.store(joint.share()) for each in (self.one, self.other)]
        pair = PairStore(*stores, self.move(leases), joint)
        pair.prepare()
        return Process(pair, functools.partial(drop_lock, lease))


@pytest.fixture
def buckets(tmp_path: Path, s3_server: S3Server) -> TwoBuckets:
    return TwoBuckets(tmp_path, s3_server)


def keys(stores: S3Stores) -> list[str]:
    return [each.key for each in stores.bucket.listed()]


def test_of_two_buckets_both_are_written_and_cleared(buckets: TwoBuckets) -> None:
    store = buckets.start().adapter
    kept, removed = settled(store), settled(store)
    assert sorted(store.names()) == sorted([kept, removed])
    store.doubt(removed)
    store.remove(removed)
    assert keys(buckets.one) == keys(buckets.other) == [kept]
    assert store.main.under_way() == set()


def test_what_died_in_two_buckets_is_noted_until_both_are_cleared(
    buckets: TwoBuckets, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = buckets.start()
    unknown, removing = new_name(), settled(process.adapter)
    process.adapter.put(unknown, DATA)
    process.adapter.doubt(removing)
    process.adapter.main.remove(removing)
    process.kill()
    survivor = buckets.start().adapter
    with monkeypatch.context() as patched:
        patched.setattr(survivor.second, "sweep", failing(AWAY))
        with pytest.raises(StorageUnavailable):
            survivor.sweep(knowing())
    assert survivor.main.under_way() == {unknown, removing}
    assert survivor.sweep(knowing()) == 2
    assert keys(buckets.one) == keys(buckets.other) == []
    assert survivor.main.under_way() == set()


class Notes:
    """A Journal in memory, which counts."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.told: list[str] = []

    def begin(self, name: str) -> None:
        self.told.append(f"begin {name}")
        self.names.add(name)

    def end(self, name: str) -> None:
        self.told.append(f"end {name}")
        self.names.discard(name)

    def left_over(self) -> list[str]:
        return []

    def noted(self) -> set[str]:
        return self.names


def test_a_catalogue_that_asks_for_names_finds_them_wherever_blobs_are_stored(
    pairs: Pairs,
) -> None:
    notes = Notes()
    journal: Journal = notes
    stores = (MemoryStore(disk) for disk in pairs.disks)
    store = PairStore(*stores, pairs.move(), JointJournal(journal), notes_all=True)
    store.put(name := new_name(), DATA)
    assert notes.names == {name}
    store.settle(name)
    assert notes.told == [f"begin {name}", f"end {name}"]
    store.put(gone := new_name(), DATA)
    store.remove(gone)
    assert notes.names == set()
    store.put(left := new_name(), DATA)
    store.abandon(left)
    assert notes.names == {left}

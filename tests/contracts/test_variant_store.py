"""What every VariantStore does, and what the one on a file system does besides."""

from __future__ import annotations

import contextlib
import random
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service.domain.variant_ports import VariantStore, VariantUsage
from image_service.errors import StorageUnavailable
from image_service.native import threading
from image_service.storage import LocalVariants
from image_service.storage.s3.variants import SharedVariants
from image_service.storage.variant_index import VariantIndex
from image_service.testing import MemoryVariants

IMAGE = "img_1700000000000_abcdefghij0123456789"
OTHER = "img_1700000000001_abcdefghij0123456789"
MADE_S = 1_700_000_000
WAIT_S = 10


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def local(root: Path) -> Iterator[LocalVariants]:
    made = LocalVariants(root, max_bytes=10_000)
    made.prepare()
    yield made
    made.close()


@pytest.fixture(params=["memory", "local", "shared"])
def store(request: pytest.FixtureRequest, local: LocalVariants) -> VariantStore:
    if request.param == "shared":
        s3_server = request.getfixturevalue("s3_server")
        return SharedVariants(local, s3_server.bucket(f"{secrets.token_hex(6)}/variants"))
    return local if request.param == "local" else MemoryVariants(max_bytes=10_000)


def content(store: VariantStore, image_id: str, name: str) -> bytes | None:
    kept = store.open(image_id, name)
    if kept is None:
        return None
    with kept.file as file:
        return file.read()


def put(store: VariantStore, image_id: str, name: str, data: bytes) -> None:
    store.put(image_id, name, data, made_s=MADE_S)


def test_what_is_kept_comes_back_with_its_time(store: VariantStore) -> None:
    put(store, IMAGE, "a1", b"first")
    kept = store.open(IMAGE, "a1")
    assert kept
    with kept.file as file:
        assert (file.read(), kept.made_s) == (b"first", MADE_S)
        assert file.seek(0) == 0


def test_what_was_never_put_is_not_there(store: VariantStore) -> None:
    put(store, IMAGE, "a1", b"first")
    assert store.open(IMAGE, "a2") is None
    assert store.open(OTHER, "a1") is None


def test_what_is_nowhere_is_not_fetched(store: VariantStore) -> None:
    put(store, IMAGE, "a1", b"first")
    assert store.fetch(IMAGE, "a1")
    assert not store.fetch(IMAGE, "a2")
    assert not store.fetch(OTHER, "a1")


def test_putting_again_replaces(store: VariantStore) -> None:
    put(store, IMAGE, "a1", b"first")
    put(store, IMAGE, "a1", b"second time")
    assert content(store, IMAGE, "a1") == b"second time"
    assert store.usage() == VariantUsage(files=1, bytes=11)


def test_usage_counts_files_and_bytes(store: VariantStore) -> None:
    assert store.usage() == VariantUsage(files=0, bytes=0)
    assert store.usage().room_bytes == 10_000
    put(store, IMAGE, "a1", bytes(100))
    put(store, IMAGE, "a2", bytes(50))
    put(store, OTHER, "a1", bytes(7))
    assert store.usage() == VariantUsage(files=3, bytes=157)
    assert store.usage().room_bytes == 9843


def test_a_purge_takes_all_of_an_images_variants_and_no_others(store: VariantStore) -> None:
    put(store, IMAGE, "a1", bytes(100))
    put(store, IMAGE, "a2", bytes(50))
    put(store, OTHER, "a1", bytes(7))
    store.purge(IMAGE)
    store.purge(IMAGE)
    assert content(store, IMAGE, "a1") is None
    assert content(store, IMAGE, "a2") is None
    assert content(store, OTHER, "a1") == bytes(7)
    assert store.usage() == VariantUsage(files=1, bytes=7)


def test_a_sweep_takes_what_belongs_to_no_image(store: VariantStore) -> None:
    put(store, IMAGE, "a1", bytes(100))
    put(store, OTHER, "a1", bytes(7))
    store.sweep(lambda ids: set(ids) & {OTHER})
    assert content(store, IMAGE, "a1") is None
    assert content(store, OTHER, "a1") == bytes(7)


def test_an_open_variant_stays_readable_when_it_is_purged(store: VariantStore) -> None:
    put(store, IMAGE, "a1", b"first")
    kept = store.open(IMAGE, "a1")
    assert kept
    store.purge(IMAGE)
    with kept.file as file:
        assert file.read() == b"first"


def test_what_was_used_longest_ago_goes_first(
    local: LocalVariants, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = iter(range(1, 1000))
    monkeypatch.setattr("image_service.storage.variants._now_ms", lambda: next(now_ms))
    for number in range(8):
        put(local, IMAGE, f"a{number}", bytes(1000))
    assert content(local, IMAGE, "a0") == bytes(1000), "used again"
    for number in range(8, 12):
        put(local, IMAGE, f"a{number}", bytes(1000))
    left = [number for number in range(12) if local.open(IMAGE, f"a{number}")]
    assert left == [0, *range(3, 12)]
    assert local.usage().bytes <= 10_000


def test_nothing_larger_than_all_there_is_room_for_is_kept(local: LocalVariants) -> None:
    put(local, IMAGE, "a1", bytes(100))
    put(local, IMAGE, "a2", bytes(10_001))
    assert content(local, IMAGE, "a2") is None
    assert content(local, IMAGE, "a1") == bytes(100)


def test_variants_survive_a_restart(local: LocalVariants, root: Path) -> None:
    put(local, IMAGE, "a1", b"first")
    local.close()
    again = LocalVariants(root, max_bytes=10_000)
    assert content(again, IMAGE, "a1") == b"first"
    assert again.usage() == VariantUsage(files=1, bytes=5)
    again.close()


def test_processes_count_together(local: LocalVariants, root: Path) -> None:
    other = LocalVariants(root, max_bytes=10_000)
    for number in range(7):
        put(local, IMAGE, f"a{number}", bytes(1000))
        put(other, OTHER, f"a{number}", bytes(1000))
    assert local.usage() == other.usage()
    assert local.usage().bytes <= 10_000
    other.close()


def test_the_folder_may_be_deleted_while_the_service_runs(local: LocalVariants, root: Path) -> None:
    put(local, IMAGE, "a1", b"first")
    shutil.rmtree(root)
    assert content(local, IMAGE, "a1") is None
    put(local, IMAGE, "a1", b"second")
    assert content(local, IMAGE, "a1") == b"second"
    assert local.usage() == VariantUsage(files=1, bytes=6)


def test_variants_that_no_index_knows_are_cleared_away(local: LocalVariants, root: Path) -> None:
    put(local, IMAGE, "a1", b"first")
    local.close()
    for file in root.glob("index.sqlite3*"):
        file.unlink()
    again = LocalVariants(root, max_bytes=10_000)
    again.prepare()
    assert content(again, IMAGE, "a1") is None
    assert again.usage() == VariantUsage(files=0, bytes=0)
    again.close()


def test_a_folder_deleted_under_two_processes_is_one_again(
    local: LocalVariants, root: Path
) -> None:
    other = LocalVariants(root, max_bytes=10_000)
    put(other, OTHER, "a1", b"first")
    shutil.rmtree(root)
    put(local, IMAGE, "a1", b"second")
    put(other, OTHER, "a2", b"third")
    assert local.usage() == other.usage() == VariantUsage(files=2, bytes=11)
    other.close()


def test_a_damaged_index_is_thrown_away_at_the_start(local: LocalVariants, root: Path) -> None:
    put(local, IMAGE, "a1", b"first")
    local.close()
    (root / "index.sqlite3").write_bytes(random.Random(1).randbytes(8192))
    again = LocalVariants(root, max_bytes=10_000)
    again.prepare()
    assert again.usage() == VariantUsage(files=0, bytes=0)
    put(again, IMAGE, "a1", b"second")
    assert content(again, IMAGE, "a1") == b"second"
    again.close()


def test_an_index_that_is_damaged_at_work_is_thrown_away(local: LocalVariants, root: Path) -> None:
    for number in range(50):
        put(local, IMAGE, f"a{number}", bytes(100))
    for file in root.glob("index.sqlite3*"):
        with file.open("r+b") as opened:
            opened.write(random.Random(2).randbytes(file.stat().st_size))
    for _ in range(3):
        with contextlib.suppress(StorageUnavailable):
            put(local, IMAGE, "b1", b"first")
    put(local, IMAGE, "b2", b"second")
    assert content(local, IMAGE, "b2") == b"second"


def test_what_was_made_anew_is_not_forgotten_by_an_eviction(
    local: LocalVariants, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = LocalVariants(root, max_bytes=10_000)
    now_ms = iter(range(1, 1000))
    monkeypatch.setattr("image_service.storage.variants._now_ms", lambda: next(now_ms))
    for number in range(10):
        put(local, IMAGE, f"a{number}", bytes(1000))
    oldest = VariantIndex.oldest

    def used_meanwhile(index: VariantIndex, count: int) -> Any:
        found = oldest(index, count)
        monkeypatch.setattr(VariantIndex, "oldest", oldest)
        other.purge(OTHER)
        put(other, IMAGE, "a0", bytes(999))
        return found

    monkeypatch.setattr(VariantIndex, "oldest", used_meanwhile)
    put(local, IMAGE, "b1", bytes(1000))
    assert content(local, IMAGE, "a0") == bytes(999)
    files = list(root.glob(f"*/{IMAGE}/*"))
    assert local.usage() == VariantUsage(len(files), sum(file.stat().st_size for file in files))
    other.close()


def test_what_cannot_be_locked_is_made_all_the_same(local: LocalVariants, root: Path) -> None:
    shutil.rmtree(root)
    root.write_bytes(b"in the way")
    with local.only_one(IMAGE, "a1"):
        pass
    with pytest.raises(StorageUnavailable):
        put(local, IMAGE, "a1", b"first")
    root.unlink()


def test_nobody_waits_for_ever_for_a_process_that_was_stopped(root: Path) -> None:
    patient = LocalVariants(root, max_bytes=1000, max_wait_s=0.2)
    with patient.only_one(IMAGE, "a1"):
        entered = threading.Event()

        def work() -> None:
            with patient.only_one(IMAGE, "a1"):
                entered.set()

        thread = in_thread(work)
        assert entered.wait(WAIT_S)
        thread.join(WAIT_S)
    patient.close()


@pytest.mark.parametrize("name", ["../a", "a/b", "", "a.b", "ä"])
def test_no_name_leads_out_of_the_folder(local: LocalVariants, name: str) -> None:
    for use in (local.open, lambda i, n: local.put(i, n, b"x", made_s=MADE_S)):
        with pytest.raises(ValueError, match="variant"):
            use(IMAGE, name)


def in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_threads_take_turns_at_one_variant(local: LocalVariants) -> None:
    inside, done = [], []

    def work() -> None:
        with local.only_one(IMAGE, "a1"):
            inside.append(1)
            assert len(inside) == 1
            threading.Event().wait(0.02)
            inside.pop()
        done.append(1)

    threads = [in_thread(work) for _ in range(5)]
    for thread in threads:
        thread.join(WAIT_S)
    assert len(done) == 5


HOLDER = """
import sys
from pathlib import Path
from image_service.storage import LocalVariants
from image_service.storage.s3.variants import SharedVariants
from image_service.storage.variant_index import VariantIndex
store = LocalVariants(Path(sys.argv[1]), max_bytes=1000)
with store.only_one(sys.argv[2], "a1"):
    print("in", flush=True)
    sys.stdin.read()
"""


def test_another_process_waits_until_the_first_is_done_or_dead(
    local: LocalVariants, root: Path
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(root), IMAGE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout
    assert holder.stdout.readline() == b"in\n"
    entered = threading.Event()

    def work() -> None:
        with local.only_one(IMAGE, "a1"):
            entered.set()

    thread = in_thread(work)
    assert not entered.wait(0.2)
    holder.kill()
    assert entered.wait(WAIT_S)
    thread.join(WAIT_S)
    holder.wait()

"""LocalStore beyond the contract: order of writes, vanishing directories, other processes."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from image_service.errors import StorageFull, StorageUnavailable
from image_service.storage import LeaseBook, LocalStore
from tests.contracts.adapters import LocalStores, new_name

DATA = bytes(range(256)) * 40


@pytest.fixture
def stores(tmp_path: Path) -> LocalStores:
    return LocalStores(tmp_path)


@pytest.fixture
def store(stores: LocalStores) -> LocalStore:
    return stores.start().adapter


def nobody(ids: object) -> set[str]:
    return set()


def files(root: Path) -> list[str]:
    """Every file of blobs, provisional ones by their blob's name."""
    found = [path for path in root.rglob("*") if path.is_file() and ".state" not in path.parts]
    return sorted(path.name.partition("~")[2] or path.name for path in found)


class Recorder:
    """Writes down what is done to files, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.calls: list[str] = []
        self._root = root
        fsync, write, rename = os.fsync, os.write, Path.rename

        def recorded_fsync(fd: int) -> None:
            self.calls.append(f"fsync {self._name(Path(f'/proc/self/fd/{fd}').readlink())}")
            fsync(fd)

        def recorded_write(fd: int, data: Any) -> int:
            self.calls.append("write")
            return write(fd, data)

        def recorded_rename(source: Path, target: Path) -> Path:
            self.calls.append(f"rename {self._name(source)} to {self._name(target)}")
            return rename(source, target)

        monkeypatch.setattr(os, "fsync", recorded_fsync)
        monkeypatch.setattr(os, "write", recorded_write)
        monkeypatch.setattr(Path, "rename", recorded_rename)

    def _name(self, path: Path) -> str:
        if path in (self._root, self._root / ".tmp"):
            return path.name
        return "provisional" if path.parent.name == ".tmp" else "final"


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_bytes_and_names_are_on_disk_before_each_step_returns(
    store: LocalStore, stores: LocalStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder(monkeypatch, stores.root)
    name = new_name()
    assert store.is_at_rest
    store.put(name, DATA)
    assert not store.is_at_rest, "what it wrote is not settled"
    assert recorder.calls == ["write", "fsync provisional", "fsync .tmp"]
    recorder.calls.clear()
    store.settle(name)
    assert recorder.calls == ["rename provisional to final"], "a sweep can do it again"
    assert store.is_at_rest
    recorder.calls.clear()
    store.doubt(name)
    assert recorder.calls == ["rename final to provisional", "fsync .tmp", "fsync uploads"]


def test_a_short_write_is_continued(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, bytes(data[:1000])))
    name = new_name()
    store.put(name, DATA)
    assert store.open(name).read() == DATA


FAILURES = [
    (errno.ENOSPC, StorageFull),
    (errno.EDQUOT, StorageFull),
    (errno.EIO, StorageUnavailable),
    (errno.EROFS, StorageUnavailable),
    (errno.EACCES, StorageUnavailable),
]


@pytest.mark.parametrize("call", ["open", "write", "fsync"])
@pytest.mark.parametrize(("number", "error"), FAILURES, ids=lambda v: getattr(v, "__name__", v))
def test_a_failing_put_leaves_nothing_and_names_no_path(
    store: LocalStore,
    stores: LocalStores,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    number: int,
    error: type[Exception],
) -> None:
    def fail(target: Any, *args: Any, **kwargs: Any) -> Any:
        raise OSError(number, os.strerror(number), str(stores.root / "secret"))

    name = new_name()
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(error) as raised:
            store.put(name, DATA)
    assert str(stores.root) not in str(raised.value)
    assert files(stores.root) == []
    store.put(name, DATA)
    assert store.sweep(nobody) == 0, "the second put is under way, not left over"


def test_a_put_that_cannot_even_clear_up_is_cleared_up_by_the_next_sweep(
    store: LocalStore, stores: LocalStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fail)
        patched.setattr(Path, "unlink", fail)
        with pytest.raises(StorageUnavailable):
            store.put(new_name(), DATA)
    assert len(files(stores.root)) == 1
    assert store.sweep(nobody) == 1
    assert files(stores.root) == []


def test_a_name_that_power_loss_took_back_is_given_again_by_the_next_process(
    stores: LocalStores,
) -> None:
    process, name = stores.start(), new_name()
    process.adapter.put(name, DATA)
    provisional = next((stores.root / ".tmp").iterdir()).name
    process.adapter.settle(name)
    process.kill()
    (stores.root / name).rename(stores.root / ".tmp" / provisional)
    shutil.rmtree(stores.leases)
    following = stores.start().adapter
    assert following.sweep(set) == 0
    assert (stores.root / name).read_bytes() == DATA


def test_settling_that_fails_leaves_the_blob_provisional(
    store: LocalStore, stores: LocalStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = new_name()
    store.put(name, DATA)

    def fail(source: Path, target: Path) -> Path:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "rename", fail)
        with pytest.raises(StorageUnavailable):
            store.settle(name)
    store.abandon(name)
    assert store.sweep(nobody) == 1
    assert files(stores.root) == []


def test_a_check_on_a_broken_disk_leaves_no_probe(
    store: LocalStore, stores: LocalStores, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(StorageFull):
        store.check()
    assert files(stores.root) == []


def test_a_check_on_a_disk_that_is_lost_says_so(
    store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = Mock(side_effect=OSError(errno.EIO, "Input/output error"))
    monkeypatch.setattr(Path, "exists", lost)
    monkeypatch.setattr(Path, "is_symlink", lost)
    with pytest.raises(StorageUnavailable, match="Input/output"):
        store.check()
    with pytest.raises(StorageUnavailable, match="Input/output"):
        store.is_archived(new_name())


@pytest.mark.parametrize("gone", [".", ".tmp", ".state"])
def test_the_store_goes_on_when_its_directory_vanishes(
    store: LocalStore, stores: LocalStores, gone: str
) -> None:
    first = new_name()
    store.put(first, DATA)
    store.settle(first)
    for use in (
        lambda: store.put(new_name(), DATA),
        lambda: store.sweep(nobody),
        store.check,
        store.free_bytes,
        lambda: store.remove(first),
    ):
        shutil.rmtree(stores.root / gone, ignore_errors=True)
        use()
    name = new_name()
    store.put(name, DATA)
    store.settle(name)
    assert store.open(name).read() == DATA
    assert LeaseBook(stores.leases).is_alive(store._lease.id)


def test_a_blob_can_be_deleted_after_the_provisional_directory_vanished(
    store: LocalStore, stores: LocalStores
) -> None:
    name = new_name()
    store.put(name, DATA)
    store.settle(name)
    shutil.rmtree(stores.root / ".tmp")
    store.doubt(name)
    assert not (stores.root / name).exists(), "in doubt, so a crash from here on leaves no orphan"
    store.remove(name)
    assert files(stores.root) == []


def test_files_that_are_not_ours_are_never_touched(store: LocalStore, stores: LocalStores) -> None:
    theirs = ["notes.txt", ".gitkeep", "img_1.jpg", new_name()]
    for name in theirs:
        (stores.root / name).write_text("mine")
    store.sweep(nobody)
    assert files(stores.root) == sorted(theirs)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_that_may_not_be_written_is_told_without_its_path(
    store: LocalStore, stores: LocalStores
) -> None:
    (stores.root / ".tmp").chmod(0o500)
    try:
        with pytest.raises(StorageUnavailable) as raised:
            store.put(new_name(), DATA)
        with pytest.raises(StorageUnavailable):
            store.check()
    finally:
        (stores.root / ".tmp").chmod(0o700)
    assert "/" not in str(raised.value)


OTHER_PROCESS = """
import sys
from pathlib import Path
from tests.contracts.adapters import LocalStores, new_name, _random
_random.seed(sys.argv[2])
store = LocalStores(Path(sys.argv[1])).start().adapter
names = [new_name(), new_name()]
for name in names:
    store.put(name, b"x" * 1000)
store.settle(names[1])
store.doubt(names[1])
print(*names, store._lease.id, flush=True)
sys.stdin.readline()
store.settle(names[0])
print("settled", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def other(tmp_path: Path) -> Any:
    """A real process that is storing one blob and deleting another."""
    process = subprocess.Popen(
        [sys.executable, "-c", OTHER_PROCESS, str(tmp_path), "other"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    with process:
        yield process
        process.kill()


def test_what_a_killed_process_left_goes_and_a_living_ones_files_stay(
    store: LocalStore, stores: LocalStores, other: Any
) -> None:
    storing, deleting, lease_id = other.stdout.readline().split()
    leases = LeaseBook(stores.leases)
    assert leases.is_alive(lease_id)
    assert store.sweep(nobody) == 0
    assert files(stores.root) == sorted([storing, deleting])
    other.stdin.write("\n")
    other.stdin.flush()
    assert other.stdout.readline() == "settled\n"

    other.send_signal(signal.SIGKILL)
    other.wait()
    assert not leases.is_alive(lease_id)
    assert store.sweep(nobody) == 1
    assert files(stores.root) == [storing]
    assert leases.ids() == {store._lease.id}, "the dead process' lease is cleared away"


ON_A_FULL_DISK = """
import sys
from pathlib import Path
from image_service.errors import StorageFull
from tests.contracts.adapters import LocalStores, new_name
stores = LocalStores(Path(sys.argv[1]))
store = stores.start().adapter
kept = []
try:
    while True:
        name = new_name()
        store.put(name, b"x" * 50_000)
        store.settle(name)
        kept.append(name)
except StorageFull as exc:
    assert "/" not in str(exc), exc
for _ in range(50):
    for use in (lambda: store.put(new_name(), b"x" * 900_000), store.check):
        try:
            use()
        except StorageFull:
            pass
there = {path.name for path in stores.root.iterdir() if path.is_file()}
assert there == set(kept) and len(kept) >= 10, (there, kept)
assert not list((stores.root / ".tmp").iterdir())
assert store.free_bytes() < 60_000
for name in kept[:3]:  # deleting works on a full disk, and makes room
    store.doubt(name)
    store.remove(name)
store.put(new_name(), b"x" * 50_000)
store.check()
print("done")
"""


def test_a_full_disk_is_told_leaves_nothing_and_recovers(tmp_path: Path) -> None:
    isolate = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
    if not shutil.which("unshare") or subprocess.run([*isolate, "true"]).returncode:
        pytest.skip("no file system of our own can be mounted here")
    script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" -c "$3" "$1"'
    done = subprocess.run(
        [*isolate, "sh", "-c", script, "sh", str(tmp_path), sys.executable, ON_A_FULL_DISK],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert done.stdout == "done\n", done.stderr

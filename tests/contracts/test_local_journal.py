"""The journal in files: what a process has begun is told once it has died, and not before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from image_service.errors import StorageUnavailable
from image_service.storage import Lease, LeaseBook
from image_service.storage.journal import LocalJournal
from tests.contracts.adapters import drop_lock, new_name


class Processes:
    """Processes of one machine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "journal"
        self.leases = LeaseBook(folder / "leases")

    def start(self, grace_s: float = 0.0) -> tuple[LocalJournal, Lease]:
        lease = self.leases.acquire()
        return LocalJournal(self.folder, self.leases, lease, grace_s=grace_s), lease


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path)


def test_the_living_have_left_nothing(processes: Processes) -> None:
    one, two = processes.start()[0], processes.start()[0]
    one.begin(name := new_name())
    assert one.left_over() == two.left_over() == []
    assert one.noted() == two.noted() == {name}
    one.end(name)
    one.end(name)
    assert two.noted() == set()


def test_what_the_dead_began_is_left_over_until_somebody_ends_it(processes: Processes) -> None:
    (dead, lease), (journal, _) = processes.start(), processes.start()
    names = sorted(new_name() for _ in range(3))
    for name in names:
        dead.begin(name)
    dead.end(names[0])
    drop_lock(lease)
    assert journal.left_over() == names[1:]
    journal.end(names[1])
    assert journal.left_over() == names[2:]
    assert processes.start()[0].left_over() == names[2:]
    journal.end(names[2])
    assert journal.left_over() == []
    assert [path.name for path in processes.folder.iterdir()] == []


def test_what_the_dead_began_has_time_to_happen(processes: Processes) -> None:
    dead, lease = processes.start()
    dead.begin(name := new_name())
    drop_lock(lease)
    journal, _ = processes.start(grace_s=0.3)
    assert journal.left_over() == []
    time.sleep(0.15)
    # Another process goes on counting where the first one began.
    other, _ = processes.start(grace_s=0.3)
    assert other.left_over() == []
    time.sleep(0.2)
    assert other.left_over() == journal.left_over() == [name]


def test_a_clock_that_was_set_back_keeps_nothing_for_ever(processes: Processes) -> None:
    dead, lease = processes.start()
    dead.begin(name := new_name())
    drop_lock(lease)
    journal, _ = processes.start(grace_s=60)
    assert journal.left_over() == []
    (sign,) = processes.folder.glob("*.dead")
    os.utime(sign, (time.time() + 3600, time.time() + 3600))
    assert journal.left_over() == [name]


def test_what_a_living_process_has_begun_again_is_not_left_over(processes: Processes) -> None:
    (dead, lease), (journal, _) = processes.start(), processes.start()
    dead.begin(name := new_name())
    drop_lock(lease)
    journal.begin(name)
    assert processes.start()[0].left_over() == []
    journal.end(name)
    assert journal.noted() == set(), "the dead one's note has gone with it"


def test_a_folder_that_vanished_is_made_again(processes: Processes) -> None:
    journal, _ = processes.start()
    journal.begin(new_name())
    for path in processes.folder.iterdir():
        path.unlink()
    processes.folder.rmdir()
    assert journal.noted() == set()
    journal.begin(name := new_name())
    assert journal.noted() == {name}


def test_a_disk_that_fails_is_told(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    journal, _ = processes.start()
    processes.folder.write_text("no folder")
    with pytest.raises(StorageUnavailable):
        journal.begin(new_name())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_name_is_on_disk_when_begin_returns(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    fsync = os.fsync

    def recorded(fd: int) -> None:
        synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)
        fsync(fd)

    monkeypatch.setattr(os, "fsync", recorded)
    journal, lease = processes.start()
    processes.folder.mkdir()
    journal.begin(name := new_name())
    assert synced[-2:] == [f"{lease.id}~{name}", "journal"]


DIES = """
import os, signal, sys
from pathlib import Path
from image_service.storage import LeaseBook
from image_service.storage.journal import LocalJournal
folder = Path(sys.argv[1])
leases = LeaseBook(folder / "leases")
LocalJournal(folder / "journal", leases, leases.acquire(), grace_s=0).begin(sys.argv[2])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_process_that_was_killed_has_left_its_name(processes: Processes, tmp_path: Path) -> None:
    name = new_name()
    ended = subprocess.run([sys.executable, "-W", "ignore", "-c", DIES, str(tmp_path), name])
    assert ended.returncode == -signal.SIGKILL
    assert processes.start()[0].left_over() == [name]

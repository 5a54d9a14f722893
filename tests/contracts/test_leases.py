"""Leases: which processes live, as the kernel knows it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from image_service.native import threading
from image_service.storage import Lease, LeaseBook
from tests.contracts.adapters import drop_lock


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "leases"


@pytest.fixture
def book(folder: Path) -> LeaseBook:
    return LeaseBook(folder)


@pytest.fixture
def lease(book: LeaseBook) -> Lease:
    return book.acquire()


def test_a_lease_is_alive_until_it_is_released(book: LeaseBook, lease: Lease) -> None:
    assert book.is_alive(lease.id)
    assert book.ids() == {lease.id}
    lease.release()
    assert not book.is_alive(lease.id)
    assert book.ids() == set()
    lease.release()


def test_a_lease_dies_with_its_process_and_its_file_stays(book: LeaseBook, lease: Lease) -> None:
    drop_lock(lease)
    assert not book.is_alive(lease.id)
    assert book.ids() == {lease.id}


def test_nobody_is_alive_where_there_is_no_folder(book: LeaseBook) -> None:
    assert book.ids() == set()
    assert not book.is_alive("1-abc")


def test_leases_of_one_process_differ(book: LeaseBook) -> None:
    assert book.acquire().id != book.acquire().id


def test_only_a_dead_lease_is_inherited_and_only_once(book: LeaseBook, lease: Lease) -> None:
    with book.inherit(lease.id) as is_dead:
        assert not is_dead
    drop_lock(lease)
    with book.inherit(lease.id) as is_dead:
        assert is_dead
        with book.inherit(lease.id) as another:
            assert not another, "someone is clearing up already"
    assert book.ids() == set()


def test_a_lease_whose_file_is_lost_is_inherited(book: LeaseBook) -> None:
    with book.inherit("1-abc") as is_dead:
        assert is_dead


def test_what_fails_while_clearing_up_leaves_the_lease_to_the_next(
    book: LeaseBook, lease: Lease
) -> None:
    drop_lock(lease)
    with pytest.raises(RuntimeError), book.inherit(lease.id):
        raise RuntimeError
    assert book.ids() == {lease.id}


@pytest.mark.parametrize("lost", ["file", "folder"])
def test_a_lost_lease_is_taken_again_under_the_same_id(
    book: LeaseBook, lease: Lease, folder: Path, lost: str
) -> None:
    if lost == "file":
        (folder / f"{lease.id}.lease").unlink()
    else:
        shutil.rmtree(folder)
    assert not book.is_alive(lease.id)
    lease.ensure()
    assert book.is_alive(lease.id)
    assert os.listdir(folder) == [f"{lease.id}.lease"]


def test_taking_it_again_leaks_no_descriptors(lease: Lease, folder: Path) -> None:
    def take_again() -> int:
        (folder / f"{lease.id}.lease").unlink()
        lease.ensure()
        return len(os.listdir("/dev/fd"))

    assert len({take_again() for _ in range(20)}) == 1


def test_native_threads_that_take_a_lost_lease_together_do_not_wait_for_ever(
    book: LeaseBook, lease: Lease, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(20):
        (folder / f"{lease.id}.lease").unlink()
        threads = [threading.Thread(target=lease.ensure, daemon=True) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(5)
        assert not any(thread.is_alive() for thread in threads)
        assert book.is_alive(lease.id)


def test_a_second_thread_waits_for_the_first_to_name_the_lease(
    book: LeaseBook, lease: Lease, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / f"{lease.id}.lease").unlink()
    locked, others = threading.Event(), []
    flock = fcntl.flock

    def second_comes_now(fd: int, how: int) -> None:
        flock(fd, how)
        if not locked.is_set() and Path(f"/proc/self/fd/{fd}").readlink().is_file():
            locked.set()
            others.append(threading.Thread(target=lease.ensure, daemon=True))
            others[0].start()
            others[0].join(0.2)

    monkeypatch.setattr(fcntl, "flock", second_comes_now)
    lease.ensure()
    others[0].join(5)
    assert not others[0].is_alive()
    assert book.is_alive(lease.id)


def test_another_process_sees_who_lives(folder: Path, book: LeaseBook, lease: Lease) -> None:
    dead = book.acquire()
    drop_lock(dead)
    script = (
        "import sys; from pathlib import Path; from image_service.storage import LeaseBook; "
        "book = LeaseBook(Path(sys.argv[1])); print(*(book.is_alive(i) for i in sys.argv[2:]))"
    )
    command: list[Any] = [sys.executable, "-c", script, folder, lease.id, dead.id, "unknown"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False", "False"]

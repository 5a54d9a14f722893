"""One sync of a directory for all names that it had when the sync began, and for no others."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from image_service.storage.directory import SharedSync


@pytest.fixture
def directory(tmp_path: Path) -> SharedSync:
    return SharedSync(tmp_path)


@pytest.fixture
def on_sync(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], list[int]]:
    """Return a function that has something done in the middle of each sync, and counts them."""

    def install(then: Callable[[], None]) -> list[int]:
        syncs: list[int] = []

        def sync(fd: int) -> None:
            syncs.append(fd)
            then()

        monkeypatch.setattr(os, "fsync", sync)
        return syncs

    return install


def test_names_that_were_there_before_a_sync_need_no_other(
    directory: SharedSync, on_sync: Callable[[Callable[[], None]], list[int]]
) -> None:
    syncs = on_sync(lambda: None)
    early, later = directory.number(), directory.number()
    directory.sync(later)
    directory.sync(early)
    assert len(syncs) == 1
    last = directory.number()
    directory.sync(early)
    assert len(syncs) == 1
    directory.sync(last)
    assert len(syncs) == 2


def test_a_name_that_came_during_a_sync_needs_another(
    directory: SharedSync, on_sync: Callable[[Callable[[], None]], list[int]]
) -> None:
    late: list[int] = []
    syncs = on_sync(lambda: late.append(directory.number()))
    directory.sync(directory.number())
    directory.sync(late[0])
    assert len(syncs) == 2


def test_a_failed_sync_counts_for_nobody(
    directory: SharedSync, on_sync: Callable[[Callable[[], None]], list[int]]
) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "broken")

    number = directory.number()
    on_sync(fail)
    with pytest.raises(OSError, match="broken"):
        directory.sync(number)
    syncs = on_sync(lambda: None)
    directory.sync(number)
    assert len(syncs) == 1

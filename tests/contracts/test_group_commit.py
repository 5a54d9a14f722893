"""Writes of many threads in one transaction of a real database, each with an end of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service.catalogue.together import GroupCommit
from image_service.native import threading
from tests.contracts.waiting import until

WAIT_S = 10


class Database:
    """Transactions one after another, which can be held up and made to fail."""

    def __init__(self, path: Path) -> None:
        self.connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.connection.execute("CREATE TABLE names (name TEXT PRIMARY KEY)")
        self.begun = 0
        self.begin_error: Exception | None = None
        self.commit_error: Exception | None = None
        self.may_begin = threading.Event()
        self.may_begin.set()

    def run(self, work: Callable[[Any], Any]) -> Any:
        self.begun += 1
        assert self.may_begin.wait(WAIT_S)
        if self.begin_error:
            raise self.begin_error
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(self.connection)
            if self.commit_error:
                raise self.commit_error
            self.connection.execute("COMMIT")
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        return result

    def names(self) -> list[str]:
        return [name for (name,) in self.connection.execute("SELECT name FROM names ORDER BY 1")]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(tmp_path / "names.sqlite3")
    yield made
    made.connection.close()


class Ended:
    """A write in a native thread, and how it ended."""

    def __init__(self, group: GroupCommit, work: Callable[[Any], str]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(group, work), daemon=True)
        self._thread.start()

    def _run(self, group: GroupCommit, work: Callable[[Any], str]) -> None:
        try:
            self._result = group.write(work)
        except BaseException as exc:  # noqa: BLE001 - asserted on
            self._error = exc

    def result(self) -> str:
        if self.error():
            raise self.error()  # type: ignore[misc]
        return self._result

    def error(self) -> BaseException | None:
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        return self._error


class Writers:
    """Threads of which the first holds the turn while the others queue up."""

    def __init__(self, database: Database) -> None:
        self.group = GroupCommit(database.run)
        self.database = database

    def write(
        self,
        names: list[str],
        fail: dict[str, Exception] | None = None,
        begin_error: Exception | None = None,
    ) -> list[Ended]:
        is_at_work, may_end = threading.Event(), threading.Event()

        def hold(_: Any) -> str:
            is_at_work.set()
            assert may_end.wait(WAIT_S)
            return "first"

        first = [Ended(self.group, hold)]
        assert is_at_work.wait(WAIT_S)
        ended = first + self.queue_up(names, fail or {})
        self.database.begin_error = begin_error
        may_end.set()
        return ended

    def queue_up(self, names: list[str], fail: dict[str, Exception]) -> list[Ended]:
        others: list[Ended] = []
        for name in names:
            others.append(Ended(self.group, insert(name, fail)))
            until(lambda: len(self.group._waiting) == len(others), WAIT_S)
        return others


@pytest.fixture
def writers(database: Database) -> Writers:
    return Writers(database)


def insert(name: str, fail: dict[str, Exception]) -> Callable[[Any], str]:
    def work(connection: Any) -> str:
        connection.execute("INSERT INTO names VALUES (?)", [name])
        if name in fail:
            raise fail[name]
        return name

    return work


def test_what_queues_up_is_one_transaction_and_each_gets_its_own_result(
    database: Database, writers: Writers
) -> None:
    ended = writers.write(["a", "b", "c", "d"])

    assert [write.result() for write in ended] == ["first", "a", "b", "c", "d"]
    assert database.names() == ["a", "b", "c", "d"]
    assert database.begun == 2


def test_one_that_fails_fails_alone_and_leaves_nothing(
    database: Database, writers: Writers
) -> None:
    ended = writers.write(["a", "b", "c"], fail={"b": KeyError("b")})

    assert ended[1].result() == "a"
    with pytest.raises(KeyError):
        ended[2].result()
    assert ended[3].result() == "c"
    assert database.names() == ["a", "c"]


def test_a_failed_commit_fails_all_and_runs_nothing_again(
    database: Database, writers: Writers
) -> None:
    database.commit_error = OSError("disk full")
    ended = writers.write(["a", "b", "c"])

    for write in ended:
        with pytest.raises(OSError, match="disk full"):
            write.result()
    assert database.begun == 2
    assert database.names() == []


def test_what_comes_while_another_process_is_waited_for_is_the_same_transaction(
    database: Database, writers: Writers
) -> None:
    database.may_begin.clear()
    first = Ended(writers.group, insert("a", {}))
    until(lambda: database.begun == 1, WAIT_S)
    others = writers.queue_up(["b", "c"], {})
    database.may_begin.set()

    assert [write.result() for write in (first, *others)] == ["a", "b", "c"]
    assert database.names() == ["a", "b", "c"]
    assert database.begun == 1


def test_all_wait_only_once_for_a_transaction_that_cannot_begin(
    database: Database, writers: Writers
) -> None:
    ended = writers.write(["a", "b", "c"], begin_error=OSError("locked"))

    assert ended[0].result() == "first"
    for write in ended[1:]:
        with pytest.raises(OSError, match="locked"):
            write.result()
    assert database.begun == 2


def test_writes_after_a_failure_go_on(database: Database, writers: Writers) -> None:
    database.commit_error = OSError("disk full")
    for write in writers.write(["a", "b"]):
        assert write.error()
    database.commit_error = None

    assert writers.group.write(insert("c", {})) == "c"
    assert database.names() == ["c"]


def test_hundreds_of_writes_from_many_threads_each_happen_once(
    database: Database, writers: Writers
) -> None:
    names = [f"{number:03}" for number in range(400)]
    fail = {name: KeyError(name) for name in names[::7]}

    ended = [Ended(writers.group, insert(name, fail)) for name in names]

    for name, write in zip(names, ended, strict=True):
        if name in fail:
            assert write.error() is fail[name]
        else:
            assert write.result() == name
    assert database.names() == [name for name in names if name not in fail]

"""The queue before a SQLite file, among real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image_service.catalogue.writers_queue import WritersQueue
from image_service.native import threading, time

SOON_S = 0.2
LONG_S = 30
HOLD = """
import sys
from pathlib import Path
from image_service.catalogue.writers_queue import WritersQueue
queue = WritersQueue(Path(sys.argv[1]))
queue.enter(9)
print("in", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.sqlite3"


@pytest.fixture
def holder(database: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process whose turn it is."""
    command = [sys.executable, "-W", "ignore", "-c", HOLD, str(database)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]
        assert process.stdout.readline() == "in\n"
        yield process
        process.kill()


def seconds(work: Callable[[], object]) -> float:
    begun_s = time.monotonic()
    work()
    return time.monotonic() - begun_s


def is_free(database: Path) -> bool:
    """Tell whether somebody else had the turn at once."""
    other = WritersQueue(database)
    spent_s = seconds(lambda: other.enter(SOON_S))
    other.leave()
    return spent_s < SOON_S


def test_whoever_comes_alone_has_the_turn_until_it_leaves(database: Path) -> None:
    queue = WritersQueue(database)
    for _ in range(3):
        assert seconds(lambda: queue.enter(LONG_S)) < SOON_S
        assert not is_free(database)
        queue.leave()
        assert is_free(database)


@pytest.mark.parametrize("end", ["leaves", "dies"])
def test_it_is_the_next_ones_turn_at_once(
    holder: subprocess.Popen[str], database: Path, end: str
) -> None:
    queue = WritersQueue(database)
    waiting = threading.Thread(target=queue.enter, args=(LONG_S,))
    waiting.start()
    waiting.join(SOON_S)
    assert waiting.is_alive()
    if end == "dies":
        holder.kill()
    else:
        holder.communicate("\n")
    waiting.join(LONG_S / 2)
    assert not waiting.is_alive()
    assert not is_free(database)


def test_nobody_waits_longer_than_wanted_for_a_process_that_was_stopped(
    holder: subprocess.Popen[str], database: Path
) -> None:
    holder.send_signal(signal.SIGSTOP)
    queue = WritersQueue(database)
    for _ in range(2):
        assert SOON_S <= seconds(lambda: queue.enter(SOON_S)) < LONG_S
        queue.leave()
    assert len(_waiting_threads()) == 1
    holder.send_signal(signal.SIGCONT)
    holder.communicate("\n")
    for thread in _waiting_threads():
        thread.join(LONG_S)
    assert is_free(database)
    assert seconds(lambda: queue.enter(LONG_S)) < SOON_S


def _waiting_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "writers-queue"]


def test_who_gave_up_once_has_its_turn_later(holder: subprocess.Popen[str], database: Path) -> None:
    queue = WritersQueue(database)
    queue.enter(0.01)
    queue.leave()
    waiting = threading.Thread(target=queue.enter, args=(LONG_S,))
    waiting.start()
    holder.communicate("\n")
    waiting.join(LONG_S / 2)
    assert not waiting.is_alive()
    assert not is_free(database)
    queue.leave()
    assert is_free(database)


def test_where_no_file_can_be_made_nobody_waits(tmp_path: Path) -> None:
    queue = WritersQueue(tmp_path / "missing" / "catalogue.sqlite3")
    assert seconds(lambda: queue.enter(LONG_S)) < SOON_S
    queue.leave()

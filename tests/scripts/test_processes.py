"""What the tools start they stop, and nothing else; nothing outlives a killed tool."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from scripts import processes
from scripts.paths import ROOT
from scripts.processes import Child, is_running, start_mark

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True);"
    "time.sleep(60)",
]
TOOL = f"""
import time
from scripts.processes import Child
print(Child({SLEEP!r}, {{}}, None).pid, flush=True)
time.sleep(60)
"""


def _eventually(is_so: Callable[[], bool], timeout_s: float = 20) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < deadline_s:
        time.sleep(0.05)
    return is_so()


def test_a_process_is_known_by_pid_and_start() -> None:
    mark = start_mark(os.getpid())

    assert is_running(os.getpid(), mark)
    assert not is_running(os.getpid(), "another start")
    assert not is_running(os.getpid(), None)


def test_a_stopped_child_is_gone_and_says_how_it_ended() -> None:
    child = Child(SLEEP, os.environ, None)

    assert child.exit_code() is None
    assert child in processes.children()
    assert child.stop(grace_s=5) == -signal.SIGTERM
    assert child.stop(grace_s=5) == -signal.SIGTERM
    assert child not in processes.children()
    assert not is_running(child.pid, child.mark)


def test_a_child_that_ignores_sigterm_is_killed(tmp_path) -> None:
    log = tmp_path / "log"
    child = Child(STUBBORN, os.environ, log)
    assert _eventually(lambda: log.read_text() == "up\n")

    assert child.stop(grace_s=0.2) == -signal.SIGKILL


def test_a_killed_child_takes_its_own_children_with_it(tmp_path) -> None:
    log = tmp_path / "log"
    child = Child(["sh", "-c", "sleep 60 & echo $!; wait"], os.environ, log)
    assert _eventually(lambda: log.read_text().endswith("\n"))
    grandchild = int(log.read_text())
    mark = start_mark(grandchild)
    assert is_running(grandchild, mark)

    child.kill()

    assert _eventually(lambda: not is_running(grandchild, mark))


def test_stopping_spares_a_process_that_only_has_the_same_pid() -> None:
    innocent = subprocess.Popen(SLEEP)
    try:
        processes.stop_pid(innocent.pid, "another start", grace_s=0.1)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_nothing_outlives_a_tool_ended_by_kill_9() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", TOOL], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as tool:
        assert tool.stdout is not None
        pid = int(tool.stdout.readline())
        mark = start_mark(pid)
        assert is_running(pid, mark)
        tool.kill()

    assert _eventually(lambda: not is_running(pid, mark))

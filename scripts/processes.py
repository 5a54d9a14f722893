"""Start programs, stop exactly those, and leave none behind, not even after `kill -9`.

Every program started here runs in a session of its own, so that Ctrl-C in a terminal reaches only
the tool, which then stops them in order. A small watchdog process (`scripts.watchdog`) holds one
end of a pipe: when the tool is gone, however it went, the pipe closes and the watchdog stops what
is left.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from image_service.started import is_running as is_running
from image_service.started import start_mark as start_mark
from scripts.paths import ROOT

POLL_S = 0.05
KILL_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 30.0


def stop_pid(pid: int, mark: str | None, grace_s: float) -> None:
    """End a process: SIGTERM, then after grace_s SIGKILL to it and its group, if it leads one.

    Does nothing when the process is not the one that had this mark.
    """
    if is_running(pid, mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while is_running(pid, mark) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    if is_running(pid, mark):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def kill_group(pid: int) -> None:
    """SIGKILL what is left of the session that the (ended) process `pid` led; wait for its end."""
    deadline = time.monotonic() + KILL_TIMEOUT_S
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:
            os.killpg(pid, signal.SIGKILL)
            time.sleep(POLL_S)


class Child:
    """One program that this tool started.

    Attributes:
        pid: its process id; it also leads a process group with that number.
        mark: its start mark, to recognise it later.
    """

    def __init__(self, argv: Sequence[str], env: Mapping[str, str], log: Path | None) -> None:
        """Start the program with no input; output goes to `log`, or where the tool's own goes."""
        with contextlib.ExitStack() as stack:
            output = stack.enter_context(log.open("ab")) if log else None
            self._popen = subprocess.Popen(
                list(argv),
                env=dict(env),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if output else None,
                start_new_session=True,
            )
        self.pid = self._popen.pid
        self.mark = start_mark(self.pid)
        _watchdog().watch(self)
        _children.append(self)

    def exit_code(self) -> int | None:
        """Return its exit code (negative: the signal that ended it); None while it runs."""
        return self._popen.poll()

    def stop(self, grace_s: float) -> int:
        """SIGTERM, wait up to grace_s, SIGKILL; return the exit code. Stopping twice is fine."""
        if self.exit_code() is None:
            self._popen.terminate()
            self.wait(grace_s)
        return self.kill()

    def kill(self) -> int:
        """SIGKILL the program and its whole group; return the exit code."""
        if self.exit_code() is None:
            self._popen.kill()
        code = self._popen.wait()
        kill_group(self.pid)
        _watchdog().forget(self)
        if self in _children:
            _children.remove(self)
        return code

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code, or None when it still runs after timeout_s."""
        deadline = time.monotonic() + timeout_s
        while self.exit_code() is None and time.monotonic() < deadline:
            time.sleep(POLL_S)
        return self.exit_code()


class Watchdog:
    """The tool's end of the pipe to the watchdog process."""

    def __init__(self) -> None:
        """Start the watchdog process."""
        self._owner_pid = os.getpid()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "scripts.watchdog"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.close)

    def watch(self, child: Child) -> None:
        """Have the child stopped when this tool is gone."""
        self._tell(f"watch {child.pid} {child.mark}\n")

    def forget(self, child: Child) -> None:
        """Leave the child alone: it has ended."""
        self._tell(f"forget {child.pid} {child.mark}\n")

    def serves(self, pid: int) -> bool:
        """Return whether this watchdog belongs to the process `pid` and still runs."""
        return self._owner_pid == pid and self._popen.poll() is None

    def close(self) -> None:
        """Have what is still watched stopped, and wait for the watchdog to end."""
        assert self._popen.stdin is not None
        if self._owner_pid == os.getpid():
            self._popen.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(CLOSE_TIMEOUT_S)

    def _tell(self, line: str) -> None:
        assert self._popen.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._popen.stdin.write(line.encode())
            self._popen.stdin.flush()


_children: list[Child] = []
_current: list[Watchdog] = []


def children() -> list[Child]:
    """Return what this process has started and not stopped, in that order."""
    return list(_children)


def _watchdog() -> Watchdog:
    """Return this process's watchdog, started when first needed."""
    if not (_current and _current[-1].serves(os.getpid())):
        _current.append(Watchdog())
    return _current[-1]

"""What runs now, in `.run/state.json`: how the shell, the demo and the CLI find it.

    {"supervisor": {"pid": 1, "mark": "…"}, "children": [{"pid": 2, "mark": "…"}, …],
     "amqp_uri": "pyamqp://…", "url": "http://localhost:3001"}

A file that a killed supervisor left is recognised: pids count only with their start marks.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scripts import processes
from scripts.paths import RUN_DIR
from scripts.report import ToolError, say

LEFTOVER_GRACE_S = 15.0


@dataclass(frozen=True)
class Process:
    """A pid, and the start mark that tells it from a later process with the same pid."""

    pid: int
    mark: str | None

    def is_running(self) -> bool:
        """Return whether this very process runs."""
        return processes.is_running(self.pid, self.mark)


@dataclass(frozen=True)
class State:
    """What a supervisor started.

    Attributes:
        supervisor: the tool that looks after the rest.
        children: the programs it started, in that order.
        amqp_uri: the broker the service uses; None until it is known.
        url: where the service answers HTTP; None until it is ready.
    """

    supervisor: Process
    children: tuple[Process, ...]
    amqp_uri: str | None
    url: str | None


def write(*, amqp_uri: str | None, url: str | None, directory: Path = RUN_DIR) -> None:
    """Record this process as the supervisor, and what it has started so far."""
    own = Process(os.getpid(), processes.start_mark(os.getpid()))
    started = tuple(Process(child.pid, child.mark) for child in processes.children())
    state = State(own, started, amqp_uri, url)
    part = directory / "state.json.part"
    # For the owner's eyes only: the broker's URI may hold a password.
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(state), file)
    part.replace(directory / "state.json")


def read(directory: Path = RUN_DIR) -> State | None:
    """Return what is recorded, also when it is no longer true; None when nothing usable is."""
    try:
        found = json.loads((directory / "state.json").read_text())
        return State(
            supervisor=Process(**found["supervisor"]),
            children=tuple(Process(**child) for child in found["children"]),
            amqp_uri=found["amqp_uri"],
            url=found["url"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running(directory: Path = RUN_DIR) -> State | None:
    """Return what runs now, ready or not; None when nothing was started here."""
    state = read(directory)
    return state if state is not None and state.supervisor.is_running() else None


@contextlib.contextmanager
def only_supervisor(directory: Path = RUN_DIR) -> Iterator[None]:
    """Be the one supervisor of this checkout for the length of a `with` block.

    What a killed one left running is stopped first.

    Raises: ToolError when another one runs.
    """
    directory.mkdir(exist_ok=True)
    with (directory / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ToolError(_already(running(directory))) from None
        _stop_leftovers(directory)
        try:
            yield
        finally:
            (directory / "state.json").unlink(missing_ok=True)


def _already(state: State | None) -> str:
    if state is None:
        return "make run is starting or stopping already: wait for it, or try again"
    where = f" at {state.url}" if state.url else ""
    pid = state.supervisor.pid
    return f"already running{where}; stop it first (Ctrl-C in its terminal, or kill {pid})"


def _stop_leftovers(directory: Path) -> None:
    state = read(directory)
    left = [child for child in state.children if child.is_running()] if state else []
    if left:
        say("Stopping what an earlier run left behind ...")
    for child in reversed(left):
        processes.stop_pid(child.pid, child.mark, LEFTOVER_GRACE_S)
        processes.kill_group(child.pid)

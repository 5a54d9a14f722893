"""What runs now, in `.run/state.json`: how the shell, the demo and the command line find it.

What is in it, and reading it, is in `image_service.started`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from image_service import started
from image_service.started import Process, State
from scripts import processes
from scripts.paths import RUN_DIR
from scripts.report import ToolError, say

LEFTOVER_GRACE_S = 15.0


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
    return started.read(directory)


def running(directory: Path = RUN_DIR) -> State | None:
    """Return what runs now, ready or not; None when nothing was started here."""
    return started.running(directory)


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

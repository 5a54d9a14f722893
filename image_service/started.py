"""What `make run` has started, as it wrote it down: how the command line and the tools find it.

    {"supervisor": {"pid": 1, "mark": "…"}, "children": [{"pid": 2, "mark": "…"}, …],
     "amqp_uri": "pyamqp://…", "url": "http://localhost:3001"}

A file that a killed supervisor left is recognised: pids count only with their start marks.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

FILE = "state.json"


def start_mark(pid: int) -> str | None:
    """Return what tells a process from a later one with the same pid; None when it is gone.

    A zombie counts as gone: it runs nothing and holds no port.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return _start_mark_by_ps(pid) if not Path("/proc/self").exists() else None
    except (OSError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[19]


def _start_mark_by_ps(pid: int) -> str | None:
    """Return the same from `ps`, for systems without /proc (macOS)."""
    found = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = found.stdout.strip().partition(" ")
    return started.strip() if started and not state.startswith("Z") else None


def is_running(pid: int, mark: str | None) -> bool:
    """Return whether the process `pid` runs and is the one that had this start mark."""
    return mark is not None and start_mark(pid) == mark


@dataclass(frozen=True)
class Process:
    """A pid, and the start mark that tells it from a later process with the same pid."""

    pid: int
    mark: str | None

    def is_running(self) -> bool:
        """Return whether this very process runs."""
        return is_running(self.pid, self.mark)


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


def read(directory: Path) -> State | None:
    """Return what is recorded, also when it is no longer true; None when nothing usable is."""
    try:
        found = json.loads((directory / FILE).read_text())
        return State(
            supervisor=Process(**found["supervisor"]),
            children=tuple(Process(**child) for child in found["children"]),
            amqp_uri=found["amqp_uri"],
            url=found["url"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def running(directory: Path) -> State | None:
    """Return what runs now, ready or not; None when nothing was started from there."""
    state = read(directory)
    return state if state is not None and state.supervisor.is_running() else None

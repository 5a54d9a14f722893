"""The processor time of a program and everything it started."""

from __future__ import annotations

import contextlib

import psutil


class Meter:
    """Reads the CPU seconds that named programs have used so far, children included."""

    def __init__(self, **roots: int | None) -> None:
        """Name the programs by pid. A part whose pid is None (not on this machine) is left out."""
        self._roots = {part: psutil.Process(pid) for part, pid in roots.items() if pid}

    def read(self) -> dict[str, float]:
        """Return CPU seconds (user + system) by part."""
        return {part: _tree_seconds(root) for part, root in self._roots.items()}


def _tree_seconds(root: psutil.Process) -> float:
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            # The children_ fields are those that ended: a replaced image worker still counts.
            total += times.user + times.system + times.children_user + times.children_system
    return total

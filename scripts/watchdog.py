"""The process that stops what a tool started once the tool itself is gone.

Reads lines `watch PID MARK` and `forget PID MARK` from standard input. Its end means that the tool
has ended, perhaps by `kill -9`: what is still watched is then stopped, last started first.
"""

from __future__ import annotations

import signal
import sys
from typing import TextIO

from scripts.processes import is_running, kill_group, stop_pid

GRACE_S = 15.0

Watched = tuple[int, str]


def read_orders(lines: TextIO) -> list[Watched]:
    """Return what is still watched when the orders end, in the order it was started."""
    watched: list[Watched] = []
    for line in lines:
        order, pid, mark = line.rstrip("\n").split(" ", 2)
        process = (int(pid), mark)
        if order == "watch":
            watched.append(process)
        elif process in watched:
            watched.remove(process)
    return watched


def main() -> None:
    """Wait for the tool to end, then stop what it left."""
    # Only the end of the tool ends the watchdog; it must outlive a Ctrl-C and a closed terminal.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    for pid, mark in reversed(read_orders(sys.stdin)):
        if is_running(pid, mark):
            stop_pid(pid, mark, GRACE_S)
            kill_group(pid)


if __name__ == "__main__":
    main()

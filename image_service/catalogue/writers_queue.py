"""The queue of the processes that write to one SQLite file: they sleep until it is their turn."""

from __future__ import annotations

import contextlib
import fcntl
import os
import weakref
from pathlib import Path

from ..native import threading

SUFFIX = "-queue"


class WritersQueue:
    """A place in the queue, for one transaction at a time.

    It keeps nobody from writing, which SQLite's own lock does: whoever is not in the queue, or had
    no patience, only has to look again and again. To look is what costs: four processes on two
    cores spent a third more processor time on an upload, and the disk was idle between two looks.
    """

    def __init__(self, database: Path) -> None:
        """Args: database: the file; the queue's is beside it, made when missing."""
        self._fd = -1
        self._is_wanted = False
        self._lock = threading.Lock()
        self._waiter: threading.Thread | None = None
        path = database.with_name(database.name + SUFFIX)
        with contextlib.suppress(OSError):  # a read-only or full disk: SQLite is to say so
            # To read is enough for the lock: the file may be of another user's.
            self._fd = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            weakref.finalize(self, os.close, self._fd)

    def enter(self, timeout_s: float) -> None:
        """Return when it is our turn, or after timeout_s."""
        self._is_wanted = True
        if self._fd < 0 or self._take(fcntl.LOCK_NB):
            return
        # The kernel wakes the next one at once, but waits without an end, as a process would that
        # is stopped in its transaction: so another thread waits there.
        if self._waiter is None or not self._waiter.is_alive():
            self._waiter = threading.Thread(target=self._wait, name="writers-queue", daemon=True)
            self._waiter.start()
        self._waiter.join(timeout_s)

    def leave(self) -> None:
        """Let the next one have its turn."""
        with self._lock:
            self._is_wanted = False
            self._give()

    def _wait(self) -> None:
        self._take()
        with self._lock:
            if not self._is_wanted:  # we gave up meanwhile
                self._give()

    def _take(self, how: int = 0) -> bool:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | how)
        except OSError:
            return False
        return True

    def _give(self) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):
                fcntl.flock(self._fd, fcntl.LOCK_UN)

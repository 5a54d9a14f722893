"""Whether a worker has as much memory left for a job as a fresh one."""

from __future__ import annotations

import contextlib
import os
import resource

_ENOUGH_BYTES = 4 * 1024 * 1024


class Room:
    """Tells whether a worker had as much room for its job as a fresh one has.

    A worker may have no descriptor of its own for that, so this is read from outside.
    """

    def __init__(self, pid: int) -> None:
        """Look at the process of this id, on Linux; elsewhere nothing is known of any."""
        self._fd: int | None = None
        with contextlib.suppress(OSError):
            self._fd = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
        self._fresh_bytes: int | None = None
        self._held_bytes: int | None = None

    def look(self) -> None:
        """Call before each job, the first time when the worker is ready and has done nothing."""
        self._held_bytes = self._address_space_bytes()
        if self._fresh_bytes is None:
            self._fresh_bytes = self._held_bytes

    @property
    def was_full(self) -> bool:
        """Whether the worker had as much as a fresh one when its job began; False: who knows."""
        if self._held_bytes is None or self._fresh_bytes is None:
            return False
        return self._held_bytes <= self._fresh_bytes + _ENOUGH_BYTES

    def close(self) -> None:
        """Look no more."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _address_space_bytes(self) -> int | None:
        if self._fd is None:
            return None
        try:
            return int(os.pread(self._fd, 128, 0).split()[0]) * resource.getpagesize()
        except (OSError, ValueError, IndexError):  # it has died, or is ended this moment
            return None

"""How much freed memory a process keeps for its next picture, where glibc allocates it."""

from __future__ import annotations

import contextlib
import ctypes

libc = ctypes.CDLL(None)

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8
_ARENAS = 2
_KEPT_BYTES = 64 * 1024 * 1024
_MAPPED_FROM_BYTES = 8 * 1024 * 1024


def keep_freed() -> None:
    """Keep up to 64 MiB of freed memory; blocks of 8 MiB and more go back at once.

    By itself glibc gives the blocks of every picture back, and the kernel clears each page of
    the next one anew: a tenth of an upload's time at 2 MB.

    And it gives threads up to 16 arenas, each with what it keeps: two thirds of a service's memory
    after some minutes, and more every hour. Two are enough where one thread runs Python at a time.
    """
    with contextlib.suppress(AttributeError):  # another libc
        libc.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        libc.mallopt(_M_ARENA_MAX, _ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM_BYTES)


def give_back_freed() -> None:
    """Return all freed memory to the system."""
    with contextlib.suppress(AttributeError):
        libc.malloc_trim(0)

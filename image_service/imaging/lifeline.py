"""What ties a worker process to its service: the first thing it does, before it loads decoders."""

from __future__ import annotations

import contextlib
import ctypes
import signal

from ..memory import libc

_PR_SET_PDEATHSIG = 1


def attach() -> None:
    """Ask Linux for SIGKILL when the service dies, however deep in a decoder this process is.

    Elsewhere the closed socket ends it after its picture. Ctrl-C is the service's to handle.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def prctl(*arguments: int) -> None:
    """See prctl(2); where there is none, or it is forbidden, nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        longs = [ctypes.c_ulong(each) for each in (*arguments, 0, 0, 0, 0)[:5]]
        libc.prctl(*longs)

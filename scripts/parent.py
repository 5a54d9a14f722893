"""Notice when the `make` that started this tool is interrupted or killed.

A Ctrl-C in a terminal reaches the tool itself, and make passes SIGTERM on. But make keeps a SIGINT
that is sent to it alone, then waits for its child for ever; and after `kill -9` it can tell no one.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

INTERVAL_S = 0.3


def stop_with_make() -> None:
    """From now on, send this process SIGTERM when its make has been interrupted or killed."""
    if "MAKELEVEL" in os.environ:
        threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent_pid: int) -> None:
    catches = _catches_sigint(parent_pid)
    while os.getppid() == parent_pid and (not catches or _catches_sigint(parent_pid)):
        time.sleep(INTERVAL_S)
    # To the main thread, so that it wakes from whatever it waits in.
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


def _catches_sigint(pid: int) -> bool:
    """Return whether the process has a handler for SIGINT; False too where that can't be seen.

    Make takes its handler away when the signal comes, before it waits for its children.
    """
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    caught = next((line for line in status.splitlines() if line.startswith("SigCgt:")), "SigCgt: 0")
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGINT - 1))

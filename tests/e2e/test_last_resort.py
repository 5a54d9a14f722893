"""A process that is told to end ends, whatever hangs in it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import eventlet
eventlet.monkey_patch()
import sys
from eventlet import tpool
from image_service import native
from image_service.serve import _on_signals
stopped = eventlet.event.Event()
_on_signals(stopped.send, at_most_s=float(sys.argv[1]))
eventlet.spawn_n(tpool.execute, native.time.sleep, 60)
eventlet.sleep(0.1)
print("ready", flush=True)
stopped.wait()
print("stopped", flush=True)
"""


@pytest.mark.parametrize(("at_most_s", "signals"), [(1.0, 1), (60.0, 2)])
def test_a_native_thread_that_hangs_keeps_no_process_alive(at_most_s: float, signals: int) -> None:
    command = [sys.executable, "-W", "ignore", "-c", SCRIPT, str(at_most_s)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout
        assert process.stderr
        try:
            assert process.stdout.readline() == "ready\n"
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.stdout.readline() == "stopped\n"
            for _ in range(signals - 1):
                time.sleep(0.3)
                process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=20) == 130
            assert time.monotonic() - started < 15
            assert "will be delivered again" in process.stderr.read()
        finally:
            process.kill()

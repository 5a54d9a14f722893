"""strace on a process that is running."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ATTACH_TIMEOUT_S = 10.0
END_TIMEOUT_S = 20.0


def needs_strace() -> None:
    """Skip a test where processes cannot be traced."""
    if not shutil.which("strace"):
        pytest.skip("needs strace")
    probe = ["strace", "-qq", "-e", "inject=write:signal=KILL:when=1", "-o", "/dev/null", "echo"]
    if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        pytest.skip("strace may not trace here")


@contextlib.contextmanager
def traced(pid: int, options: Sequence[str]) -> Iterator[None]:
    """Trace all threads of a process, which must have ended, or be about to, in the end."""
    tracer = subprocess.Popen(["strace", "-f", "-qq", *options, "-p", str(pid)])
    try:
        deadline = time.monotonic() + ATTACH_TIMEOUT_S
        for path in Path(f"/proc/{pid}/task").glob("*/status"):
            while "TracerPid:\t0" in path.read_text():
                assert time.monotonic() < deadline, "strace does not attach"
                time.sleep(0.02)
        yield
        tracer.wait(END_TIMEOUT_S)
    finally:
        tracer.kill()
        tracer.wait()

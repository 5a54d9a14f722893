"""A real `image-service serve` process that can be killed and started again."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import psutil

from scripts.paths import CONFIG
from scripts.ports import free_ports
from scripts.processes import Child

READY_TIMEOUT_S = 40.0
WORKERS_END_TIMEOUT_S = 5.0
STOP_GRACE_S = 25.0


class CrashError(AssertionError):
    """A promise was broken, or the service does not come up; the message says which and where."""


class ServiceProcess:
    """One service process on its own HTTP port; other such processes may share its directory."""

    def __init__(
        self, name: str, uri: str, upload_dir: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        """Name it; nothing is started yet. Its port and directory last over restarts."""
        self.name = name
        self._log = log
        port = free_ports(1)[0]
        self.base_url = f"http://localhost:{port}"
        self._env = os.environ | {
            "AMQP_URI": uri,
            "IMAGE_SERVICE_HOST": "localhost",
            "IMAGE_SERVICE_PORT": str(port),
            "IMAGE_SERVICE_UPLOAD_DIR": str(upload_dir),
            **environment,
        }
        self._child: Child | None = None

    def start(self, **environment: str) -> None:
        """Start the process; `wait_until_ready` is the other half."""
        program = Path(sys.executable).with_name("image-service")
        command = [str(program), "serve", "--config", str(CONFIG)]
        self._child = Child(command, self._env | environment, self._log)

    def wait_until_ready(self) -> None:
        """Return once /readyz answers 200. Raises: CrashError."""
        assert self._child is not None
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not self._is_ready():
            code = self._child.exit_code()
            if code is not None:
                raise CrashError(f"{self.name} ended with {code} at start:\n{self.last_words()}")
            if time.monotonic() > deadline:
                within = f"{READY_TIMEOUT_S:.0f} s"
                raise CrashError(f"{self.name} not ready within {within}:\n{self.last_words()}")
            time.sleep(0.05)

    def kill(self) -> None:
        """SIGKILL the service process alone. Raises: CrashError if what it started lives on."""
        assert self._child is not None
        workers = _children(self._child.pid)
        os.kill(self._child.pid, signal.SIGKILL)
        self._child.wait(WORKERS_END_TIMEOUT_S)
        left = _still_running(workers, WORKERS_END_TIMEOUT_S)
        self._child.kill()  # its whole group, so that a failing test leaves nothing behind
        if left:
            after = f"{WORKERS_END_TIMEOUT_S:.0f} s"
            raise CrashError(f"{after} after {self.name} was killed there still ran: {left}")

    def stop(self) -> int | None:
        """SIGTERM and wait; return the exit code, None if it did not run."""
        if self._child is None:
            return None
        code = self._child.stop(STOP_GRACE_S)
        self._child = None
        return code

    def end(self) -> None:
        """Leave nothing running, as fast as can be: for the end of a test."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def last_words(self) -> str:
        """Return the end of what the process printed."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(self.base_url + "/readyz", timeout=5) as reply:
                return bool(reply.status == 200)
        except (OSError, urllib.error.URLError):
            return False


def _children(pid: int) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def _still_running(processes: list[psutil.Process], timeout_s: float) -> list[str]:
    """Return the command lines of those that have not ended after timeout_s."""
    deadline = time.monotonic() + timeout_s
    while (left := _running(processes)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def _running(processes: list[psutil.Process]) -> list[str]:
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            # A zombie has ended: it waits for init, which is not ours to test.
            if process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid}: {' '.join(process.cmdline())}")
    return found

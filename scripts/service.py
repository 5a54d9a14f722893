"""Check, start and stop one `image-service serve`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from scripts import web
from scripts.paths import CONFIG, ROOT, venv_program
from scripts.processes import POLL_S, Child
from scripts.report import ToolError

CHECK_TIMEOUT_S = 30.0
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0

PROGRAM: tuple[str, ...] = (str(venv_program("image-service")),)


class ServiceFailed(Exception):
    """The service has said itself, on stderr, why it cannot run.

    Args: its exit code.
    """

    @property
    def exit_code(self) -> int:
        """What it ended with; 1 for a signal."""
        return max(int(self.args[0]), 1)


def check(*, environment: dict[str, str]) -> str:
    """Look at the service's settings, port and directories; return its url on this machine.

    Done before a broker is started, so that a wrong setting shows at once.

    Raises: ServiceFailed, ToolError when something is wrong.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-m", "scripts.preflight"],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        reason = f"its settings could not be checked within {CHECK_TIMEOUT_S:.0f} s"
        raise ToolError(f"{reason}: does the disk of upload_dir answer?") from exc
    if done.returncode:
        raise ServiceFailed(done.returncode)
    return done.stdout.strip()


class Service:
    """One running service; where its output goes is the caller's choice."""

    def __init__(
        self,
        *,
        base_url: str,
        environment: dict[str, str],
        log: Path | None = None,
    ) -> None:
        """Say how it will be started.

        Args:
            base_url: where it will answer HTTP.
            environment: what differs from this tool's environment, AMQP_URI for one.
            log: file for its output; this tool's own output when None.
        """
        self._base_url = base_url
        self._environment = os.environ | environment
        self._log = log
        self._command = [*PROGRAM, "serve", "--config", str(CONFIG)]
        self._child: Child | None = None

    def start(self) -> None:
        """Start it, without waiting."""
        self._child = Child(self._command, self._environment, self._log)

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return once it is ready for work.

        Raises:
            ServiceFailed: it ended.
            ToolError: it is not ready after timeout_s.
        """
        deadline = time.monotonic() + timeout_s
        while not web.is_ready(self._base_url):
            if self.exit_code() is not None:
                raise ServiceFailed(self.exit_code())
            if time.monotonic() > deadline:
                raise ToolError(
                    f"the service was not ready within {timeout_s:.0f} s:"
                    f" {self._base_url}/readyz says why"
                )
            time.sleep(POLL_S)

    def exit_code(self) -> int | None:
        """Return how it ended; None while it runs, or before it was started."""
        return self._child.exit_code() if self._child else None

    def stop(self) -> None:
        """Stop it and what it started. Stopping twice is fine."""
        if self._child is not None:
            self._child.stop(STOP_TIMEOUT_S)
            self._child = None

"""RabbitMQ from docker-compose.yml, for machines that have Docker and no RabbitMQ."""

from __future__ import annotations

import os
import shutil
import subprocess
import time

from scripts import amqp
from scripts.paths import ROOT
from scripts.processes import POLL_S
from scripts.report import ToolError

CHECK_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 600.0  # the first `up` fetches the image
ANSWER_TIMEOUT_S = 60.0


def find_compose() -> list[str] | None:
    """Return the command that is Docker Compose here, or None without a running Docker engine."""
    if shutil.which("docker") is None or not _succeeds(["docker", "info"]):
        return None
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and _succeeds([*command, "version"]):
            return command
    return None


def _succeeds(command: list[str]) -> bool:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=CHECK_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


class ComposeBroker:
    """The `rabbitmq` service of docker-compose.yml, in a project of its own.

    Attributes:
        port: where it listens on this machine's loopback.
        uri: what to connect to.
    """

    description = "RabbitMQ in Docker Compose"

    def __init__(self, command: list[str], *, project: str, port: int) -> None:
        """Name the broker; nothing is started yet.

        Args:
            command: Docker Compose, as `find_compose` returns it.
            project: Compose's project name: brokers with different names share nothing.
            port: a free one on loopback.
        """
        self._command = [*command, "-p", project, "-f", str(ROOT / "docker-compose.yml")]
        self.port = port
        self.uri = f"pyamqp://guest:guest@localhost:{port}"

    def start(self) -> None:
        """Start it and return once it answers AMQP.

        Raises: ToolError when it does not come up.
        """
        self._compose("up", "-d", "rabbitmq")
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        while not amqp.answers(self.uri):
            if time.monotonic() > deadline:
                raise ToolError("RabbitMQ in Docker did not answer: see docker compose logs")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """Stop it; its data stays."""
        self._compose("stop", "rabbitmq")

    def kill(self) -> None:
        """SIGKILL it, as a crash would; its data stays."""
        self._compose("kill", "rabbitmq")

    def restart(self) -> None:
        """Stop and start, on the same port with the same data."""
        self.stop()
        self.start()

    def remove(self) -> None:
        """Stop it and forget its data."""
        self._compose("down", "--volumes", "--remove-orphans")

    def _compose(self, *arguments: str) -> None:
        done = subprocess.run(
            [*self._command, *arguments],
            env=os.environ | {"RABBITMQ_PORT": str(self.port)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it said nothing"]
            raise ToolError(f"docker compose {arguments[0]} failed: {said[-1]}")

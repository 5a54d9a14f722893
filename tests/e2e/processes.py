"""Real service processes on copied configurations."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nameko.standalone.rpc import ClusterRpcProxy

from scripts.paths import ROOT
from scripts.rabbitmq import free_ports

READY_TIMEOUT_S = 60
SERVE = (sys.executable, "-m", "image_service", "serve", "--config")


class Site:
    """A folder with a config.yaml, and a service process on it."""

    def __init__(self, folder: Path, uri: str) -> None:
        self.folder, self.uri = folder, uri
        folder.mkdir(parents=True, exist_ok=True)
        self.config = folder / "config.yaml"
        shutil.copy(ROOT / "config.yaml", self.config)
        self.port = free_ports(1)[0]
        self.base_url = f"http://localhost:{self.port}"
        self.uploads = folder / "uploads"
        self.log = folder / "service.log"
        kept = {k: v for k, v in os.environ.items() if not k.startswith("IMAGE_SERVICE_")}
        self.environment = {
            **kept,
            "AMQP_URI": uri,
            "IMAGE_SERVICE_PORT": str(self.port),
            "IMAGE_SERVICE_IMAGE_WORKERS": "1",
            "PYTHONWARNINGS": "default",
        }

    def start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the process; its output goes to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [*(command or (*SERVE, str(self.config)))],
                cwd=self.folder,
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @contextlib.contextmanager
    def running(self, *command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
        """A process that is ready; in the end it is gone."""
        process = self.start(*command, **environment)
        try:
            self.wait_until_ready(process)
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=25)
            if process.poll() is None:
                process.kill()
                process.wait()

    def wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while self.status("/readyz") != 200:
            assert process.poll() is None, f"ended with {process.returncode}: {self.words()}"
            assert time.monotonic() < deadline, f"not ready: {self.words()}"
            time.sleep(0.05)

    def status(self, path: str) -> int:
        """Return the HTTP status, 0 when nobody answers."""
        try:
            with urllib.request.urlopen(self.base_url + path, timeout=5) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as exc:
            return int(exc.code)
        except OSError:
            return 0

    def words(self) -> str:
        """Return what the process printed."""
        return self.log.read_text(errors="replace")

    @contextlib.contextmanager
    def rpc(self, timeout: float = 20) -> Iterator[Any]:
        with self.cluster(timeout) as proxy:
            yield proxy.image_service

    def cluster(self, timeout: float = 20) -> Any:
        """Return a proxy of all services, a context manager."""
        config = {"AMQP_URI": self.uri, "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}
        return ClusterRpcProxy(config, timeout=timeout)

    def failed_start(self, **environment: str) -> tuple[int, list[str], float]:
        """Run a start that must fail; return exit code, printed lines, seconds."""
        started = time.monotonic()
        done = subprocess.run(
            [*SERVE, str(self.config)],
            cwd=self.folder,
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=30,
            check=False,
        )
        return done.returncode, done.stdout.splitlines(), time.monotonic() - started


def stop(process: subprocess.Popen[bytes], number: int = signal.SIGTERM) -> int:
    """Send a signal and return the exit code."""
    process.send_signal(number)
    return process.wait(timeout=30)


def shell_script(*lines: str) -> str:
    """Return lines for `nameko shell` that print JSON."""
    return "\n".join(["import json", *lines, ""])


def last_json(output: str) -> Any:
    """Return the last line of JSON that a program printed."""
    for line in reversed(output.splitlines()):
        text = line[line.find("{") :] if "{" in line else ""
        with contextlib.suppress(ValueError):
            return json.loads(text)
    raise AssertionError(output)

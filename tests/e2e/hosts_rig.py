"""Three hosts of the service and what they share, each on a machine of its own on one network."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from scripts import postgres, rabbitmq, web
from scripts.paths import CONFIG, ROOT
from scripts.processes import Child
from scripts.seaweed import SeaweedServer
from tests.e2e.crash_service import CrashError
from tests.machines import Machine, network

PORT = 3001
CORES = 1.0
NAMES = ("a", "b", "c")
ADVANCED = ROOT / "deploy" / "rabbitmq" / "advanced.config"
"""What RabbitMQ is told, as docs/rabbitmq.md says for several hosts."""
BUCKET_PREFIX = "originals"
READY_TIMEOUT_S = 90.0
POLL_S = 0.1
LAST_WORDS_CHARACTERS = 3000


@dataclass(frozen=True)
class Site:
    """The hosts, and the addresses of what they share."""

    hosts: Sequence[Host]
    uri: str
    database_url: str
    seaweed: SeaweedServer

    def environment(self) -> dict[str, str]:
        """Return what a host's programs, and commands beside it, are told."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("IMAGE_SERVICE_")}
        bucket = self.seaweed.environment(BUCKET_PREFIX)
        del bucket["IMAGE_SERVICE_S3_TIMEOUT_S"]
        return {
            **kept,
            **bucket,
            "AMQP_URI": self.uri,
            "IMAGE_SERVICE_CATALOGUE_URL": self.database_url,
        }

    def wait_until_ready(self) -> None:
        for host in self.hosts:
            host.wait_until_ready()


class Host:
    """A machine that runs the service; its disk lasts over whatever happens to it."""

    def __init__(self, name: str, machine: Machine, folder: Path) -> None:
        self.name = name
        self.machine = machine
        self.url = f"http://{machine.address}:{PORT}"
        self.uploads = folder / "uploads"
        self.log = folder / "service.log"
        self.environment: Mapping[str, str] = {}
        self._child: Child | None = None
        folder.mkdir(parents=True)

    def configure(self, environment: Mapping[str, str]) -> None:
        """Say what it is told when it starts."""
        self.environment = {
            **environment,
            "IMAGE_SERVICE_HOST": self.machine.address,
            "IMAGE_SERVICE_PORT": str(PORT),
            "IMAGE_SERVICE_UPLOAD_DIR": str(self.uploads),
            "IMAGE_SERVICE_UNSIGNED_VARIANTS": "allow",
            # Never reached; but uploads of all hosts then wait for each other's commits.
            "IMAGE_SERVICE_QUOTA_FILES": "1000000",
            "IMAGE_SERVICE_IMAGE_WORKERS": "1",
            "IMAGE_SERVICE_RENDER_WORKERS": "1",
            "IMAGE_SERVICE_LOG_FORMAT": "json",
        }

    def start(self) -> None:
        if self._child:  # it was killed with all that ran there
            self._child.kill()
        program = str(Path(sys.executable).with_name("image-service"))
        command = [program, "serve", "--config", str(CONFIG)]
        self._child = self.machine.start(command, self.environment, self.log)

    def end(self) -> None:
        self.machine.end_all()
        if self._child:
            self._child.kill()
            self._child = None

    def wait_until_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Return once it answers that it is ready. Raises: CrashError."""
        deadline_s = time.monotonic() + timeout_s
        while not web.is_ready(self.url):
            if self._child and (code := self._child.exit_code()) is not None:
                raise CrashError(f"host {self.name} ended with {code}:\n{self.last_words()}")
            if time.monotonic() > deadline_s:
                within = f"within {timeout_s:.0f} s"
                raise CrashError(f"host {self.name} is not ready {within}:\n{self.last_words()}")
            time.sleep(POLL_S)

    def last_words(self) -> str:
        """Return the end of what it printed."""
        return self.log.read_text(errors="replace")[-LAST_WORDS_CHARACTERS:]


@contextlib.contextmanager
def site(folder: Path, settings: Mapping[str, str]) -> Iterator[Site]:
    """Start servers and hosts; all are ready, and in the end gone.

    Args: settings: of the service, by their environment variables.
    """
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(network())
        database = _Database(switch.address)
        broker = rabbitmq.Node(
            folder / "rabbitmq",
            host=switch.address,
            starts_fast=True,
            advanced=ADVANCED.read_text(),
        )
        seaweed = SeaweedServer(folder / "seaweed", host=switch.address)
        stack.callback(broker.kill)
        stack.callback(seaweed.stop, at_once=True)
        stack.callback(database.stop)
        with ThreadPoolExecutor() as pool:
            for started in [pool.submit(s.start) for s in (broker, seaweed, database)]:
                started.result()
        machines = [stack.enter_context(switch.machine(cores=CORES)) for _ in NAMES]
        hosts = [
            Host(name, machine, folder / f"host-{name}")
            for name, machine in zip(NAMES, machines, strict=True)
        ]
        made = Site(hosts, broker.uri, database.url, seaweed)
        for host in hosts:
            stack.callback(host.end)
            host.configure({**made.environment(), **settings})
            host.start()
        made.wait_until_ready()
        yield made


class _Database:
    """A private PostgreSQL that is started and stopped by hand."""

    def __init__(self, host: str) -> None:
        self._context = postgres.private_server(host=host)
        self.url = ""

    def start(self) -> None:
        self.url = self._context.__enter__().url

    def stop(self) -> None:
        if self.url:
            self._context.__exit__(None, None, None)

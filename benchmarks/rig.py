"""What every benchmark runs on: a private broker, one service process, the floor, the callers."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.caller import Callers
from benchmarks.cpu import Meter
from benchmarks.disk import keep_apart
from benchmarks.stats import Block, quantile
from benchmarks.workloads import FLOOR, SERVICE, Workload, connected
from scripts import broker, rabbitmq
from scripts.paths import CONFIG, ROOT, RUN_DIR
from scripts.ports import free_ports
from scripts.processes import Child

START_TIMEOUT_S = 60.0
STOP_GRACE_S = 20.0
# Longer than a service waits before it takes something up that nobody has asked for.
LULL_S = 2.5


class StartError(Exception):
    """A program of the benchmark ended or did not become ready; the message has its last words."""


@dataclass(frozen=True)
class Rig:
    """The running parts. scratch: a folder on the disk that the service writes to.

    url, floor_url: what the service's urls and the floor's begin with.
    servers: the process that answers, by where a workload goes; broker_pid is None when the
    broker's processes are not ours to see.
    """

    uri: str
    callers: Callers
    scratch: Path
    servers: dict[str, int]
    broker_pid: int | None
    url: str
    floor_url: str

    def measure(self, workload: Workload, *, callers: int, calls: int) -> Block:
        """Make the calls and return what they cost."""
        meter = Meter(service=self.servers.get(workload.server), broker=self.broker_pid)
        self.callers.prepare(workload, callers)
        before = meter.read()
        self.callers.begin(calls)
        run = self.callers.end()
        spent = {part: total - before[part] for part, total in meter.read().items()}
        spent["client"] = run.client_cpu_s
        return Block(
            calls=calls,
            wall_s=run.wall_s,
            p50_ms=quantile(run.latencies_ms, 0.5),
            p99_ms=quantile(run.latencies_ms, 0.99),
            cpu_ms={part: 1000 * seconds / calls for part, seconds in spent.items()},
        )

    def upload(self, paths: Sequence[Path]) -> tuple[str, ...]:
        """Store the pictures and return their ids."""
        with connected(self.uri) as rpc:
            upload = rpc.image_service.upload_image
            return tuple(upload(path.read_bytes(), path.name)["imageId"] for path in paths)

    def wait_for_lull_work(self) -> None:
        """Return once nothing more has come into the cache for some time."""
        kept, seen = -1, 0
        with connected(self.uri) as rpc:
            while kept != seen:
                kept, seen = seen, rpc.image_service.get_storage_info()["cacheBytes"]
                time.sleep(LULL_S)


@contextlib.contextmanager
def running(*, callers: int, name: str = "", **settings: str) -> Iterator[Rig]:
    """Start broker, service, floor and so many callers; stop and remove them all in the end.

    Args:
        name: tells it from another one of this process.
        settings: of the service, where it has others than the shipped ones.
    Raises: StartError.
    """
    scratch = RUN_DIR / "bench" / f"run-{os.getpid()}{name}"
    scratch.parent.mkdir(parents=True, exist_ok=True)
    keep_apart(scratch.parent)
    (scratch / "written").mkdir(parents=True)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        node = stack.enter_context(broker.private_node(scratch / "broker", starts_fast=False))
        port = free_ports(1)[0]
        service = stack.enter_context(service_on(node.uri, scratch, port, settings))
        floor_address = f"127.0.0.1:{free_ports(1)[0]}"
        floor = stack.enter_context(_floor(node.uri, scratch, floor_address))
        pool = Callers(node.uri, callers)
        stack.callback(pool.close)
        servers = {SERVICE: service.pid, FLOOR: floor.pid}
        url = f"http://localhost:{port}"
        yield Rig(
            node.uri, pool, scratch, servers, _broker_pid(node), url, f"http://{floor_address}"
        )


@contextlib.contextmanager
def service_on(uri: str, scratch: Path, port: int, settings: Mapping[str, str]) -> Iterator[Child]:
    env = os.environ | {f"IMAGE_SERVICE_{name.upper()}": text for name, text in settings.items()}
    env |= {
        "AMQP_URI": uri,
        "IMAGE_SERVICE_HOST": "localhost",
        "IMAGE_SERVICE_PORT": str(port),
        "IMAGE_SERVICE_UPLOAD_DIR": str(scratch / "uploads"),
    }
    program = Path(sys.executable).with_name("image-service")
    arguments = [str(program), "serve", "--config", str(CONFIG)]
    with child_of(arguments, env, scratch / "service.log") as child:
        wait_for(child, scratch / "service.log", lambda: answers(f"http://localhost:{port}/readyz"))
        yield child


@contextlib.contextmanager
def _floor(uri: str, scratch: Path, address: str) -> Iterator[Child]:
    env = os.environ | {"AMQP_URI": uri, "WEB_SERVER_ADDRESS": address, "PYTHONPATH": str(ROOT)}
    log = scratch / "floor.log"
    with child_of([sys.executable, "-m", "benchmarks.floor"], env, log) as child:
        wait_for(child, log, lambda: "ready" in log.read_text(errors="replace"))
        yield child


@contextlib.contextmanager
def child_of(arguments: list[str], env: dict[str, str], log: Path) -> Iterator[Child]:
    """Start a program, and stop it in the end."""
    child = Child(arguments, env, log)
    try:
        yield child
    finally:
        child.stop(STOP_GRACE_S)


def wait_for(child: Child, log: Path, is_ready: Callable[[], bool]) -> None:
    """Return when the program is ready. Raises: StartError."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while not is_ready():
        if child.exit_code() is not None or time.monotonic() > deadline:
            raise StartError(
                f"{log.stem} did not start:\n{log.read_text(errors='replace')[-2000:]}"
            )
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Tell whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _broker_pid(node: broker.Broker) -> int | None:
    process = node.process if isinstance(node, rabbitmq.Node) else None
    return process.pid if process else None

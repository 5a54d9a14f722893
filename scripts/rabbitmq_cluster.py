"""A cluster of private RabbitMQ nodes on loopback, whose nodes can be killed, hung and cut off."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from scripts import rabbitmq
from scripts.ports import free_ports
from scripts.processes import POLL_S, Child
from scripts.report import ToolError

NAMES = ("rabbit_a", "rabbit_b", "rabbit_c")
JOIN_TIMEOUT_S = 60.0

_SETTINGS = (
    "cluster_formation.peer_discovery_backend = classic_config",
    *(
        f"cluster_formation.classic_config.nodes.{number} = {name}@localhost"
        for number, name in enumerate(NAMES, 1)
    ),
    # What docs/rabbitmq.md recommends: a node that sees no majority lets go of its clients.
    "cluster_partition_handling = pause_minority",
    # Seconds until a node that hangs counts as gone: declarations wait for it until then.
    "net_ticktime = 10",
)


class Member(rabbitmq.Node):
    """One node of a cluster."""

    def __init__(self, cluster: Cluster, name: str, settings: tuple[str, ...]) -> None:
        super().__init__(
            cluster.directory / name, starts_fast=True, settings=(*_SETTINGS, *settings)
        )
        self._cluster = cluster
        self.name = f"{name}@localhost"
        self._epmd_port = cluster.epmd_port
        self.has_hung = False

    def hang(self) -> None:
        """Have it stop where it is: its connections stay, and nothing is answered."""
        self.has_hung = True
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Wake it again."""
        self._signal(signal.SIGCONT)

    def restart_at_once(self) -> None:
        """Kill and start it: a node that hung for long does not join the others by itself."""
        self.go_on()
        self.kill()
        self.start()
        self.has_hung = False

    def cut_off(self) -> None:
        """End its connections to the other nodes, and let none be made; clients' go on.

        Nodes that have another secret in common do not speak to each other.
        """
        others = [each.name for each in self._cluster.nodes if each is not self]
        # At once: a node that sees one of two others has them all take leave of each other.
        self._eval(
            *(f"erlang:set_cookie('{other}', nothing)" for other in others),
            *(f"erlang:disconnect_node('{other}')" for other in others),
        )

    def let_in(self) -> None:
        """Have it speak to the others again."""
        cookie = self._cluster.cookie
        others = [each.name for each in self._cluster.nodes if each is not self]
        self._eval(*(f"erlang:set_cookie('{other}', '{cookie}')" for other in others))

    def _eval(self, *code: str) -> None:
        self.ctl("eval", f"{', '.join(code)}.")

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def _name_server(self, env: Mapping[str, str]) -> None:  # noqa: ARG002 - the cluster's
        return None

    def _environment(self) -> dict[str, str]:
        return super()._environment() | {
            "HOME": str(self._cluster.directory),
            "RABBITMQ_NODENAME": self.name,
        }


class Cluster:
    """Three nodes that know each other.

    Attributes:
        nodes: the members.
        uri: what to connect to: all hosts, the first node's first.
    """

    def __init__(self, directory: Path, settings: tuple[str, ...] = ()) -> None:
        """Args: settings: more lines of each node's rabbitmq.conf."""
        self.directory = directory
        (self.epmd_port,) = free_ports(1)
        self.cookie = secrets.token_hex(10)
        self.nodes = [Member(self, name, settings) for name in NAMES]
        self.uri = ";".join(node.uri for node in self.nodes)
        self._epmd: Child | None = None

    def start(self) -> None:
        """Start the nodes side by side and return when they are one cluster."""
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        cookie = self.directory / ".erlang.cookie"
        cookie.write_text(self.cookie)
        cookie.chmod(0o600)
        if self._epmd is None:
            env = self.nodes[0]._environment()
            self._epmd = rabbitmq.start_name_server(env, self.directory / "epmd.out")
        self._start_nodes()
        self.wait_until_whole()

    def make_whole(self) -> None:
        """Start what was killed or hung, and let in what was cut off."""
        for node in self.nodes:
            if node.has_hung:
                node.restart_at_once()
        self._start_nodes()
        for node in self.nodes:
            node.let_in()
        self.wait_until_whole()

    def _start_nodes(self) -> None:
        with ThreadPoolExecutor(len(self.nodes)) as pool:
            list(pool.map(rabbitmq.Node.start, self.nodes))

    def kill(self) -> None:
        """End all of it at once."""
        for node in self.nodes:
            with contextlib.suppress(ProcessLookupError, AssertionError):
                node.go_on()
            node.kill()
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd = None

    def leader_of(self, queue: str) -> Member | None:
        """Return the node where the leader of a quorum queue is, None while there is none."""
        for asked in self.nodes:
            with contextlib.suppress(ToolError):
                lines = asked.ctl("list_queues", "name", "leader").splitlines()
                leaders = dict(line.split("\t")[:2] for line in lines if "\t" in line)
                name = leaders.get(queue, "")
                return next((node for node in self.nodes if node.name == name), None)
        return None

    def wait_until_whole(self) -> None:
        """Return when every node sees all others. Raises: ToolError if that takes too long."""
        deadline_s = time.monotonic() + JOIN_TIMEOUT_S
        for node in self.nodes:
            while True:
                with contextlib.suppress(ToolError):
                    node.ctl("await_online_nodes", str(len(self.nodes)), "--timeout", "5")
                    break
                if time.monotonic() > deadline_s:
                    raise ToolError(f"{node.name} does not see the others; see {node.log_path}")
                time.sleep(POLL_S)


@contextlib.contextmanager
def private_cluster(directory: Path, *settings: str) -> Iterator[Cluster]:
    """Run a cluster for the length of a `with` block."""
    cluster = Cluster(directory, settings)
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()

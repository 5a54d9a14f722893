"""Find a RabbitMQ, or start one.

For tests:

    from scripts import broker

    with broker.private_node(tmp_path) as node:  # a fresh one, on free ports
        connect(node.uri)
        node.restart()  # same port, same data; also stop(), start(), kill()

`node.stop()` and `node.start()` may be called from other threads than the one that entered, one at
a time. When the tests end, however they end (`kill -9` too), the node is stopped.

For the commands: `obtained()` follows the order that DESIGN.md gives, and stops only what it
started.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from scripts import amqp, compose, packages, ports, rabbitmq
from scripts.paths import RUN_DIR
from scripts.report import ToolError, say

DEFAULT_PORT = 5672
DEFAULT_URI = "pyamqp://guest:guest@localhost"
LARGEST_MESSAGE_BYTES = 128 * 1024 * 1024
"""What RabbitMQ 3 accepts by default; the running service's own limits are settings below it."""

NO_BROKER = (
    "no RabbitMQ: install it (Debian: apt-get install rabbitmq-server, macOS: brew install"
    " rabbitmq), or start Docker, or set AMQP_URI to one that runs"
)


class Broker(Protocol):
    """A RabbitMQ that the tools may use.

    Attributes:
        uri: what to connect to, as AMQP_URI takes it.
        description: what it is, for people, without secrets.
    """

    @property
    def uri(self) -> str: ...

    @property
    def description(self) -> str: ...

    def start(self) -> None:
        """Start it and return once it answers."""

    def stop(self) -> None:
        """Stop it; port and data stay the same for the next start."""

    def kill(self) -> None:
        """End it at once, as a crash would."""

    def restart(self) -> None:
        """Stop and start it."""


class GivenBroker:
    """A broker that was there already and is not ours to stop."""

    def __init__(self, uri: str, description: str) -> None:
        """Name it; `start` checks that it answers."""
        self.uri = uri
        self.description = description

    def start(self) -> None:
        """Check that it lets us in.

        Raises: ToolError when it does not.
        """
        try:
            amqp.probe(self.uri)
        except (amqp.BrokerUnreachable, amqp.BrokerRefused) as exc:
            raise ToolError(f"{exc}; check AMQP_URI") from exc

    def stop(self) -> None:
        """Leave it alone."""

    def kill(self) -> None:
        """Refuse: it is not ours.

        Raises: ToolError always.
        """
        raise ToolError(f"{self.description} is not ours to end")

    restart = kill


def check_given() -> str | None:
    """Return AMQP_URI after checking that its broker lets us in; None when it is not set.

    Raises: ToolError when it does not.
    """
    given = os.environ.get("AMQP_URI") or None
    if given is not None:
        GivenBroker(given, "AMQP_URI").start()
    return given


def make_sure_rabbitmq_is_installed() -> bool:
    """Return whether `rabbitmq-server` is here, installing it by apt where that is allowed."""
    if rabbitmq.find_server() is not None:
        return True
    if not packages.can_install():
        return False
    try:
        packages.install("rabbitmq-server")
    except ToolError:
        if compose.find_compose() is None:
            raise
        return False  # not fatal: there is Docker
    packages.disable_service("rabbitmq-server")
    return rabbitmq.find_server() is not None


@contextlib.contextmanager
def private_node(
    directory: Path,
    *,
    max_message_bytes: int = rabbitmq.RABBITMQ_4_MAX_MESSAGE_BYTES,
    starts_fast: bool = True,
) -> Iterator[Broker]:
    """Run a broker of one's own for the length of a `with` block.

    A RabbitMQ node with its data in `directory`, on a free port; where RabbitMQ is neither
    installed nor installable, one in Docker.

    Args:
        directory: created when missing. Not removed at the end: it holds the logs.
        max_message_bytes: larger messages are refused; RabbitMQ 4's default when not given.
        starts_fast: see rabbitmq.Node; False for measurements, where it would take the cores.
    Raises: ToolError when there is no way to start one.
    """
    if make_sure_rabbitmq_is_installed():
        node = rabbitmq.Node(
            directory, max_message_bytes=max_message_bytes, starts_fast=starts_fast
        )
        with _running(node):
            yield node
        return
    port = ports.free_ports(1)[0]
    container = _compose_broker(project=f"image-service-{port}", port=port)
    with contextlib.ExitStack() as stack:
        stack.callback(container.remove)
        container.start()
        yield container


def choose() -> Broker:
    """Return the broker to use, not yet started, by the order that DESIGN.md gives.

    AMQP_URI when it is set; else what answers on the default; else a private node, RabbitMQ being
    installed where that is allowed; else Docker Compose.

    Raises: ToolError when there is none of these.
    """
    given = os.environ.get("AMQP_URI")
    if given:
        return GivenBroker(given, f"AMQP_URI ({amqp.describe(given)})")
    if amqp.answers(DEFAULT_URI):
        return GivenBroker(DEFAULT_URI, f"the RabbitMQ on port {DEFAULT_PORT}")
    # On the default port when it can be had, so that every default URI just works.
    port = DEFAULT_PORT if ports.is_free(DEFAULT_PORT) else ports.free_ports(1)[0]
    if make_sure_rabbitmq_is_installed():
        directory = RUN_DIR / "rabbitmq"
        return rabbitmq.Node(directory, port=port, max_message_bytes=LARGEST_MESSAGE_BYTES)
    return _compose_broker(project="image-service", port=port)


@contextlib.contextmanager
def obtained() -> Iterator[Broker]:
    """Use the chosen broker for the length of a `with` block; stop it if it was started here."""
    with _running(choose()) as chosen:
        say(f"Broker: {chosen.description}")
        yield chosen


@contextlib.contextmanager
def _running(broker: Broker) -> Iterator[Broker]:
    if not isinstance(broker, GivenBroker):
        say(f"Starting {broker.description} ...")
    try:
        broker.start()
        yield broker
    finally:
        broker.stop()


def _compose_broker(*, project: str, port: int) -> compose.ComposeBroker:
    command = compose.find_compose()
    if command is None:
        raise ToolError(NO_BROKER)
    return compose.ComposeBroker(command, project=project, port=port)

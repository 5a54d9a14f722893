"""A real private node: what lasts over stop and start, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import amqp, rabbitmq
from scripts.broker import Broker

LISTENERS = Path("/proc/net/tcp")
LISTEN, LOOPBACK = "0A", "0100007F"


@pytest.fixture
def node(broker: Broker) -> rabbitmq.Node:
    """The tests' own broker, when it is a node."""
    if not isinstance(broker, rabbitmq.Node):
        pytest.skip("RabbitMQ is not installed: the tests use one in Docker")
    return broker


def test_a_stopped_node_does_not_answer_and_a_started_one_has_its_data(
    node: rabbitmq.Node,
) -> None:
    uri = node.add_vhost("lasting")
    amqp.probe(uri)

    node.stop()
    assert not amqp.answers(uri)
    assert node.process is None

    node.start()
    amqp.probe(uri)


@pytest.mark.skipif(not LISTENERS.exists(), reason="needs /proc")
def test_it_listens_on_loopback_only(node: rabbitmq.Node) -> None:
    lines = [line.split() for line in LISTENERS.read_text().splitlines()[1:]]
    listening = [tuple(line[1].split(":")) for line in lines if line[3] == LISTEN]
    ports = {f"{port:04X}" for port in (node.port, node._dist_port, node._epmd_port)}

    assert {address for address, port in listening if port in ports} == {LOOPBACK}
    assert ports <= {port for _, port in listening}


def test_its_message_limit_is_that_of_rabbitmq_4(node: rabbitmq.Node) -> None:
    limit = node.ctl("eval", "application:get_env(rabbit, max_message_size).")

    assert limit.strip() == "{ok,16777216}"


def test_its_directory_is_for_the_owner_only(node: rabbitmq.Node) -> None:
    assert Path(node.directory).stat().st_mode & 0o077 == 0

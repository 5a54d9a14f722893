"""Three RabbitMQ nodes with quorum queues: what the loss of one costs the service's callers.

Three nodes take half a minute to start: `make soak` runs these.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import eventlet
import kombu.pools
import pytest
from nameko.containers import ServiceContainer
from nameko.testing.services import entrypoint_hook

from image_service.client import ImageClient
from scripts.rabbitmq_cluster import Cluster, private_cluster
from tests.component.harness import QUEUES, Service, delete_queues, wait_until
from tests.component.load import Load
from tests.component.test_rabbitmq_tls import Robot

pytestmark = [pytest.mark.soak, pytest.mark.timeout(600)]

HEARTBEAT_S = 6


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with private_cluster(tmp_path_factory.mktemp("cluster")) as running:
        yield running
    kombu.pools.reset()


@pytest.fixture
def cluster(nodes: Cluster) -> Cluster:
    """Whole, whatever the last test has done to it."""
    nodes.make_whole()
    delete_queues(nodes.uri)
    return nodes


@pytest.fixture
def service(cluster: Cluster, tmp_path: Path) -> Iterator[Service]:
    """Connected to the first node, as the first of its hosts."""
    running = Service(
        cluster.uri, tmp_path / "uploads", rpc_queue_type="quorum", HEARTBEAT=HEARTBEAT_S
    ).start()
    # RabbitMQ 3.10 writes down a moment later which queues a node has: one that is killed before
    # comes back without them, and the loss of the next node is the loss of their majority.
    eventlet.sleep(3)
    yield running
    running.stop()
    kombu.pools.reset()


def loads(cluster: Cluster, **more: Any) -> Load:
    """Callers whose first host is another one each."""
    uris = [node.uri for node in cluster.nodes]
    turned = [";".join(uris[n:] + uris[:n]) for n in range(len(uris))]
    return Load(turned, **more)


def is_ready(service: Service) -> bool:
    return service.get("/readyz")[0].status == 200


def tell(what: str, load: Load, since_s: float) -> None:
    print(
        f"\nMEASURED {what}: uploads silent {load.silence_s(since_s):.1f} s, large replies"
        f" {load.read_silence_s(since_s):.1f} s; {len(load.acknowledged)} acknowledged, failures:"
        f" {[type(each).__name__ for each in load.failures]}"
    )


def test_the_node_that_the_service_is_connected_to_is_killed_under_load(
    cluster: Cluster, service: Service
) -> None:
    with loads(cluster) as load:
        killed_s = time.monotonic()
        cluster.nodes[0].kill()
        load.goes_on()
        wait_until(lambda: is_ready(service), timeout_s=20)
    tell("killed", load, killed_s)
    with ImageClient(cluster.uri) as images:
        load.assert_nothing_is_lost_or_doubled(images)
    assert load.failures == []
    assert load.silence_s(killed_s) < 20
    assert service.is_alive


def test_the_leader_of_the_queues_is_killed_under_load(cluster: Cluster, service: Service) -> None:
    with loads(cluster) as load:
        leader = cluster.leader_of(QUEUES[1])
        assert leader is not None
        print("leader", leader.name)
        killed_s = time.monotonic()
        leader.kill()
        load.goes_on()
        wait_until(lambda: is_ready(service), timeout_s=20)
    tell("leader killed", load, killed_s)
    with ImageClient(cluster.uri) as images:
        load.assert_nothing_is_lost_or_doubled(images)
    assert load.failures == []


def test_nodes_are_killed_and_come_back_in_turn(cluster: Cluster, service: Service) -> None:
    begun_s = time.monotonic()
    with loads(cluster) as load:
        for node in cluster.nodes:
            killed_s = time.monotonic()
            node.kill()
            load.goes_on()
            node.start()
            cluster.wait_until_whole()
            load.goes_on()
            tell(f"{node.name} killed and started", load, killed_s)
    tell("each", load, begun_s)
    with ImageClient(cluster.uri) as images:
        load.assert_nothing_is_lost_or_doubled(images)


def test_a_nameko_service_goes_on_when_the_node_of_its_replies_is_gone(
    cluster: Cluster, service: Service
) -> None:
    config = {"AMQP_URI": cluster.uri, "ACCEPT": ["msgpack"], "serializer": "msgpack"}
    robot = ServiceContainer(Robot, config)
    robot.start()
    try:
        with entrypoint_hook(robot, "is_well", timeout=60) as is_well:
            assert is_well()
            cluster.nodes[0].kill()
            wait_until(lambda: is_ready(service), timeout_s=30)
            killed_s = time.monotonic()
            assert is_well()
            print(f"\nMEASURED Images: {time.monotonic() - killed_s:.1f} s")
    finally:
        robot.stop()


def test_a_node_that_hangs_is_left_for_another(cluster: Cluster, service: Service) -> None:
    with loads(cluster, uploaders=6, readers=3) as load:
        hung_s = time.monotonic()
        cluster.nodes[0].hang()
        load.goes_on(timeout_s=180)
        wait_until(lambda: is_ready(service), timeout_s=60)
        load.goes_on(uploads=100)
        tell("hung", load, hung_s)
        woken_s = time.monotonic()
        cluster.nodes[0].go_on()  # it lets callers in, and has no part in the cluster
        load.goes_on(timeout_s=120)
        cluster.nodes[0].restart_at_once()
        cluster.wait_until_whole()
        load.goes_on()
        tell("woken", load, woken_s)
    with ImageClient(cluster.uri) as images:
        load.assert_nothing_is_lost_or_doubled(images)


def test_a_node_that_the_others_do_not_see_lets_go_of_its_clients(
    cluster: Cluster, service: Service
) -> None:
    with loads(cluster) as load:
        cut_s = time.monotonic()
        cluster.nodes[0].cut_off()
        load.goes_on(timeout_s=120)
        wait_until(lambda: is_ready(service), timeout_s=60)
        tell("partition", load, cut_s)
        healed_s = time.monotonic()
        cluster.nodes[0].let_in()
        cluster.wait_until_whole()
        load.goes_on()
        tell("healed", load, healed_s)
    with ImageClient(cluster.uri) as images:
        load.assert_nothing_is_lost_or_doubled(images)

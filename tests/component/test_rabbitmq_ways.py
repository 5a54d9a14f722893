"""RabbitMQ as teams run it: several hosts, quorum queues, users of few rights, alarms."""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import eventlet
import eventlet.event
import kombu.pools
import pytest
from amqp.exceptions import AccessRefused
from kombu import Connection

from image_service import broker_check
from image_service.broker_check import StartError
from image_service.client import ImageClient
from image_service.client.errors import CallTimedOut
from image_service.config import read_settings
from image_service.rpc.large_replies import LargeReplies
from scripts import rabbitmq
from tests.component.harness import QUEUES, Cable, RawCaller, Service, delete_queues, wait_until
from tests.component.pictures import noise, picture
from tests.component.test_lanes import Held
from tests.component.test_redelivery import upload_body

LARGE = noise(300)  # a reply on a connection of its own

SERVICE_RIGHTS = (
    r"^(nameko-rpc|image_service\.events|rpc-image_service(\.transfers)?)$",
    r"^(nameko-rpc|image_service\.events|rpc-image_service(\.transfers)?)$",
    r"^(nameko-rpc|rpc-image_service(\.transfers)?)$",
)
CALLER_RIGHTS = (
    r"^(nameko-rpc|rpc\.reply-.*)$",
    r"^(nameko-rpc|rpc\.reply-.*)$",
    r"^(nameko-rpc|rpc\.reply-.*)$",
)


@pytest.fixture
def cables(broker_uri: str) -> Iterator[list[Cable]]:
    found = [Cable(broker_uri) for _ in range(2)]
    yield found
    for each in found:
        each.cut()


def test_when_a_host_is_lost_the_next_is_taken_and_replies_still_arrive(
    cables: list[Cable], make_service: Callable[..., Service], broker_uri: str
) -> None:
    hosts = ";".join(each.uri for each in cables)
    service = make_service(uri=hosts)
    with ImageClient(hosts, timeout_s=10) as images:
        image = images.upload(LARGE, "a.png")
        assert images.read(image.id) == LARGE
        started_s = time.monotonic()
        cables[0].cut()
        wait_until(lambda: service.get("/readyz")[0].status == 200, timeout_s=10)
        assert images.read(image.id) == LARGE
        assert images.upload(picture(), "b.png").id
        assert images.health().is_ok
        assert time.monotonic() - started_s < 10
    assert service.is_alive


def test_a_host_that_hangs_is_left_for_the_next(
    cables: list[Cable],
    make_service: Callable[..., Service],
    broker_uri: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("image_service.amqp_connection.CONNECT_TIMEOUT_S", 1)
    service = make_service(uri=";".join(each.uri for each in cables), HEARTBEAT=1)
    with ImageClient(broker_uri, timeout_s=40, attempts=1) as images:
        image = images.upload(LARGE, "a.png")
        assert images.read(image.id) == LARGE
        cables[0].is_stalled = True
        assert images.read(image.id) == LARGE
        assert images.upload(picture(), "b.png").id
        assert images.health().is_ok
    assert service.get("/readyz")[0].status == 200


def test_the_start_and_a_client_take_the_first_host_that_answers(
    cables: list[Cable], broker_uri: str, tmp_path: Path, make_service: Callable[..., Service]
) -> None:
    cables[0].cut()
    config = {"AMQP_URI": f"{cables[0].uri};{cables[1].uri}"}
    started_s = time.monotonic()
    broker_check.check_broker(config, read_settings(config, tmp_path))
    assert time.monotonic() - started_s < 3
    make_service(uri=config["AMQP_URI"])
    with ImageClient(config["AMQP_URI"]) as images:
        assert images.health().is_ok
    cables[1].cut()
    with pytest.raises(StartError, match="cannot reach RabbitMQ"):
        broker_check.check_broker(config, read_settings(config, tmp_path))


@pytest.fixture
def node(broker: Any) -> rabbitmq.Node:
    assert isinstance(broker, rabbitmq.Node)
    return broker


@pytest.fixture
def vhost(node: rabbitmq.Node) -> Iterator[str]:
    """A virtual host of its own."""
    name = f"v{uuid.uuid4().hex[:8]}"
    yield node.add_vhost(name)
    node.ctl("delete_vhost", name)
    kombu.pools.reset()


def test_quorum_queues_carry_the_same_calls(
    vhost: str, tmp_path: Path, new_store: Callable[[], dict[str, Any]]
) -> None:
    folder = tmp_path / "uploads"
    service = Service(vhost, folder, rpc_queue_type="quorum", **new_store()).start()
    try:
        image_id = service.upload(LARGE)["imageId"]
        with service.rpc() as rpc, service.rpc(serializer="json") as old:
            assert rpc.download_image(image_id)["file"] == LARGE
            assert old.get_image(image_id)["success"]
            assert rpc.health_check()["status"] == "ok"
    finally:
        service.stop()
    with Connection(vhost) as connection:
        arguments = {"x-queue-type": "quorum", "x-delivery-limit": 20}
        for queue in QUEUES:
            connection.channel().queue_declare(
                queue, durable=True, auto_delete=False, arguments=arguments
            )


def test_a_queue_of_the_other_type_is_told_with_what_to_do(vhost: str, tmp_path: Path) -> None:
    config = {"AMQP_URI": vhost}
    broker_check.check_broker(config, read_settings(config, tmp_path))
    with pytest.raises(StartError) as raised:
        broker_check.check_broker(
            config, read_settings({**config, "rpc_queue_type": "quorum"}, tmp_path)
        )
    (line,) = raised.value.args
    assert "rabbitmqctl delete_queue rpc-image_service" in line
    assert "IMAGE_SERVICE_RPC_QUEUE_TYPE" in line
    assert "\n" not in line
    delete_queues(vhost)
    broker_check.check_broker(
        config, read_settings({**config, "rpc_queue_type": "quorum"}, tmp_path)
    )


def test_service_and_callers_need_no_more_rights_than_the_docs_say(
    node: rabbitmq.Node, vhost: str, tmp_path: Path, new_store: Callable[[], dict[str, Any]]
) -> None:
    name = vhost.rpartition("/")[2]
    for user, rights in (("images", SERVICE_RIGHTS), ("shop", CALLER_RIGHTS)):
        with contextlib.suppress(Exception):
            node.ctl("delete_user", user)
        node.ctl("add_user", user, "secret")
        node.ctl("set_permissions", "-p", name, user, *rights)
    of_service = vhost.replace("guest:guest@", "images:secret@")
    of_caller = vhost.replace("guest:guest@", "shop:secret@")
    config = {"AMQP_URI": of_service}
    broker_check.check_broker(config, read_settings(config, tmp_path))
    service = Service(of_service, tmp_path / "uploads", **new_store()).start()
    try:
        with ImageClient(of_caller) as images:
            image = images.upload(LARGE, "a.png")
            assert images.read(image.id) == LARGE
        service.uri = of_caller
        with service.rpc() as rpc:
            assert rpc.get_image(image.id)["success"]
        with Connection(of_caller) as connection, pytest.raises(AccessRefused):
            connection.channel().queue_purge(QUEUES[0])
    finally:
        service.uri = of_service
        service.stop()
    config = {"AMQP_URI": of_caller}
    with pytest.raises(StartError, match="does not let this user declare rpc-image_service"):
        broker_check.check_broker(config, read_settings(config, tmp_path))


def test_the_page_has_the_rights_that_are_tested() -> None:
    page = (Path(__file__).parents[2] / "docs" / "rabbitmq.md").read_text()
    for rights in (SERVICE_RIGHTS, CALLER_RIGHTS):
        assert " ".join(f"'{each}'" for each in rights) in page


def test_an_alarm_of_the_broker_holds_replies_up_and_loses_none(
    node: rabbitmq.Node,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    new_store: Callable[[], dict[str, Any]],
) -> None:
    delete_queues(node.uri)
    held = Held(monkeypatch)
    service = Service(node.uri, tmp_path / "uploads", **new_store()).start()
    try:
        with RawCaller(node.uri) as raw:
            raw.send(upload_body(picture()), "upload_image")
            wait_until(lambda: held.begun == 1)
            node.ctl("set_vm_memory_high_watermark", "0.0000001")
            held.let_go()
            wait_until(lambda: service.app.broker.blocked == {"transfers"})
            report, body = service.get("/readyz")
            assert report.status == 503
            assert b'"degraded"' in body
            assert b"alarm of memory or disk" in body
            hasty = ImageClient(node.uri, timeout_s=1, attempts=1)
            with hasty, pytest.raises(CallTimedOut, match="not answered within 1 s"):
                hasty.health()
            node.ctl("set_vm_memory_high_watermark", "0.6")
            assert raw.answer()["result"]["success"]
        wait_until(lambda: service.get("/readyz")[0].status == 200)
        with service.rpc() as rpc:
            assert rpc.health_check()["status"] == "ok"
    finally:
        node.ctl("set_vm_memory_high_watermark", "0.6")
        service.stop()
        eventlet.sleep(0)


def test_a_full_disk_of_the_broker_holds_large_replies_up_too_and_loses_none(
    node: rabbitmq.Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_queues(node.uri)
    may_answer, waiting = eventlet.event.Event(), []
    send = LargeReplies.send

    def send_later(*arguments: Any) -> None:
        waiting.append(arguments)
        may_answer.wait()
        send(*arguments)

    monkeypatch.setattr(LargeReplies, "send", send_later)
    service = Service(node.uri, tmp_path / "uploads").start()
    try:
        image_id = service.upload(LARGE)["imageId"]
        with RawCaller(node.uri) as raw:
            wanted = [{"args": [image_id], "kwargs": {"length": 200_000 + n}} for n in range(3)]
            for each in wanted:
                raw.send(json.dumps(each).encode(), "download_image")
            wait_until(lambda: len(waiting) == len(wanted))
            node.ctl("set_disk_free_limit", "1000000GB")
            may_answer.send()
            wait_until(lambda: service.app.broker.blocked == {"transfers (large replies)"})
            report, body = service.get("/readyz")
            assert report.status == 503
            assert b"transfers (large replies)" in body
            key = {"filename": "late.png", "idempotency_key": "once"}
            hasty, data = ImageClient(node.uri, timeout_s=1, attempts=1), picture()
            with hasty, pytest.raises(CallTimedOut, match="may be carried out still"):
                hasty.upload(data, **key)
            assert service.get(f"/images/{image_id}")[0].status == 200
            node.ctl("set_disk_free_limit", "50MB")
            answers = [raw.answer()["result"] for _ in wanted]
            assert sorted(each["totalBytes"] for each in answers) == [len(LARGE)] * 3
        wait_until(lambda: service.get("/readyz")[0].status == 200)
        assert service.app.broker.blocked == set()
        with ImageClient(node.uri) as images:
            late = images.upload(data, **key)
            assert [each.id for each in images.iterate(filename="late")] == [late.id]
    finally:
        node.ctl("set_disk_free_limit", "50MB")
        service.stop()
        eventlet.sleep(0)

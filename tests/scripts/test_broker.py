"""Which broker is chosen, and what a private one keeps over a restart."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import amqp, broker, compose, packages, ports, rabbitmq
from scripts.report import ToolError

ELSEWHERE = "pyamqp://me:secret@broker.example:5673/x"


@pytest.fixture(autouse=True)
def _bare_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing answers, nothing is installed, nothing may be installed."""
    monkeypatch.delenv("AMQP_URI", raising=False)
    monkeypatch.setattr(amqp, "answers", lambda *_: False)
    monkeypatch.setattr(ports, "is_free", lambda _port: True)
    monkeypatch.setattr(rabbitmq, "find_server", lambda: None)
    monkeypatch.setattr(packages, "can_install", lambda: False)
    monkeypatch.setattr(compose, "find_compose", lambda: None)


@pytest.fixture
def rabbitmq_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "find_server", lambda: Path("/opt/rabbitmq-server"))


def test_amqp_uri_comes_first_and_its_password_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, rabbitmq_is_installed: None
) -> None:
    monkeypatch.setenv("AMQP_URI", ELSEWHERE)
    chosen = broker.choose()

    assert chosen.uri == ELSEWHERE
    assert chosen.description == "AMQP_URI (me@broker.example:5673/x)"


def test_a_given_broker_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMQP_URI", "pyamqp://guest:guest@localhost:1")

    with pytest.raises(ToolError, match=r"no RabbitMQ answers at .*; check AMQP_URI"):
        broker.choose().start()


def test_what_answers_on_the_default_comes_second(
    monkeypatch: pytest.MonkeyPatch, rabbitmq_is_installed: None
) -> None:
    monkeypatch.setattr(amqp, "answers", lambda *_: True)
    chosen = broker.choose()

    assert isinstance(chosen, broker.GivenBroker)
    assert chosen.uri == broker.DEFAULT_URI


def test_a_private_node_takes_the_default_port(rabbitmq_is_installed: None) -> None:
    chosen = broker.choose()

    assert isinstance(chosen, rabbitmq.Node)
    assert chosen.uri == "pyamqp://guest:guest@localhost:5672"


def test_a_private_node_leaves_a_taken_port_alone(
    monkeypatch: pytest.MonkeyPatch, rabbitmq_is_installed: None
) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port: port != broker.DEFAULT_PORT)
    chosen = broker.choose()

    assert isinstance(chosen, rabbitmq.Node)
    assert chosen.port != broker.DEFAULT_PORT


def test_rabbitmq_is_installed_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def install(name: str) -> None:
        done.append(f"install {name}")
        monkeypatch.setattr(rabbitmq, "find_server", lambda: Path("/opt/rabbitmq-server"))

    monkeypatch.setattr(packages, "can_install", lambda: True)
    monkeypatch.setattr(packages, "install", install)
    monkeypatch.setattr(packages, "disable_service", lambda name: done.append(f"disable {name}"))

    assert isinstance(broker.choose(), rabbitmq.Node)
    assert done == ["install rabbitmq-server", "disable rabbitmq-server"]


def test_where_installing_fails_docker_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    def install(_name: str) -> None:
        raise ToolError("apt-get install failed: E: no network")

    monkeypatch.setattr(packages, "can_install", lambda: True)
    monkeypatch.setattr(packages, "install", install)
    with pytest.raises(ToolError, match="no network"):
        broker.choose()

    monkeypatch.setattr(compose, "find_compose", lambda: ["docker", "compose"])
    assert isinstance(broker.choose(), compose.ComposeBroker)


def test_docker_comes_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compose, "find_compose", lambda: ["docker", "compose"])
    chosen = broker.choose()

    assert isinstance(chosen, compose.ComposeBroker)
    assert chosen.uri == "pyamqp://guest:guest@localhost:5672"


def test_without_any_of_these_one_line_says_what_to_do() -> None:
    with pytest.raises(ToolError, match=r"no RabbitMQ: install it .* or set AMQP_URI"):
        broker.choose()


def test_a_node_without_rabbitmq_says_so(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="not installed"):
        rabbitmq.Node(tmp_path).start()


def test_a_path_with_spaces_is_reached_through_a_link(tmp_path: Path) -> None:
    directory = tmp_path / "a b"
    directory.mkdir()
    link = rabbitmq._without_spaces(directory)
    try:
        assert " " not in str(link)
        assert link.resolve() == directory.resolve()
        assert rabbitmq._without_spaces(directory) == link
    finally:
        link.unlink()


def test_settings_of_the_operators_own_node_do_not_reach_a_private_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_NODENAME", "production@host")
    monkeypatch.setenv("RABBITMQ_CONFIG_FILES", "/etc/rabbitmq/conf.d")
    environment = rabbitmq.Node(tmp_path)._environment()

    assert environment["RABBITMQ_NODENAME"] == "image_service@localhost"
    assert "RABBITMQ_CONFIG_FILES" not in environment
    assert environment["PATH"] == os.environ["PATH"]

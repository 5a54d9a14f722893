"""RabbitMQ by Docker Compose, against a stand-in for Docker that notes what it is asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scripts import amqp, compose
from scripts.report import ToolError

DOCKER = """#!/bin/sh
echo "port=$RABBITMQ_PORT $*" >> {log}
case "$*" in *"{fails}"*) echo "first line" >&2; echo "no such image" >&2; exit 1;; esac
"""


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts a `docker` into PATH, which fails at what it is told."""
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")
    monkeypatch.setattr(amqp, "answers", lambda _uri: True)
    log = tmp_path / "log"

    def put(fails: str = "nothing at all") -> Path:
        program = tmp_path / "docker"
        program.write_text(DOCKER.format(log=log, fails=fails))
        program.chmod(0o755)
        return log

    return put


def test_compose_needs_a_running_engine(docker) -> None:
    docker(fails="info")

    assert compose.find_compose() is None


def test_compose_is_found_with_a_running_engine(docker) -> None:
    docker()

    assert compose.find_compose() == ["docker", "compose"]


def test_one_service_of_the_file_is_started_stopped_and_removed(docker) -> None:
    log = docker()
    broker = compose.ComposeBroker(["docker", "compose"], project="p", port=5999)
    broker.start()
    broker.restart()
    broker.kill()
    broker.remove()

    file = f"port=5999 compose -p p -f {compose.ROOT / 'docker-compose.yml'}"
    assert log.read_text().splitlines() == [
        f"{file} up -d rabbitmq",
        f"{file} stop rabbitmq",
        f"{file} up -d rabbitmq",
        f"{file} kill rabbitmq",
        f"{file} down --volumes --remove-orphans",
    ]


def test_what_docker_says_is_the_error(docker) -> None:
    docker(fails="up")

    with pytest.raises(ToolError, match="docker compose up failed: no such image"):
        compose.ComposeBroker(["docker", "compose"], project="p", port=5999).start()

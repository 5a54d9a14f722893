"""What all tests share: the green standard library, and RabbitMQ."""

from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402

eventlet.monkey_patch()

import contextlib  # noqa: E402
import os  # noqa: E402
import secrets  # noqa: E402
import sys  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402

sys.path.insert(0, str(Path(__file__).parents[1]))  # plain `pytest` does not put the root there

from scripts import amqp, postgres, rabbitmq  # noqa: E402
from scripts import broker as brokers  # noqa: E402
from scripts.s3_server import S3Server  # noqa: E402
from tests.contracts.adapters import PostgresCatalogues  # noqa: E402
from tests.engines import (  # noqa: E402
    POSTGRESQL,
    S3,
    Engines,
    in_soak,
    reason_to_skip,
    run_on,
)
from tests.promises import marks_of  # noqa: E402
from tests.s3 import FaultyLine, not_spoken, server_in  # noqa: E402

TESTS = Path(__file__).parent
QUEUES = ("rpc-image_service", "rpc-image_service.transfers")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run some modules on several engines."""
    test = f"{_path_of(metafunc.definition)}::{metafunc.function.__name__}"
    if "engines" in metafunc.fixturenames and len(all_of_them := run_on(test)) > 1:
        in_time = [
            pytest.param(each, marks=pytest.mark.soak if each in in_soak(test) else ())
            for each in all_of_them
        ]
        metafunc.parametrize("engines", in_time, indirect=True, ids=str, scope="module")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of each promise, and those that are not for the engines they would run on.

    What is about the protocol of another object storage than the chosen one is left out.
    """
    others = [item for item in items if item.get_closest_marker(not_spoken())]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
    for item in items:
        path = _path_of(item)
        for mark in marks_of(path):
            item.add_marker(mark)
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        test = f"{path}::{getattr(item, 'originalname', item.name)}"
        engines = parameters.get("engines") or run_on(test)[0]
        if reason := reason_to_skip(test, engines):
            item.add_marker(pytest.mark.skip(reason=f"{engines}: {reason}"))


def _path_of(item: pytest.Item | pytest.FunctionDefinition) -> str:
    return item.path.relative_to(TESTS).as_posix()


@pytest.fixture(autouse=True)
def fast_teardown() -> None:
    """Put nameko's fixture of this name out of action: it stops consumers behind our backs."""


@pytest.fixture(scope="session")
def session_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Broker]:
    """The broker of AMQP_URI when that is set, else a private node."""
    given = os.environ.get("AMQP_URI")
    if not given:
        with brokers.private_node(tmp_path_factory.mktemp("rabbitmq")) as node:
            yield node
        return
    chosen = brokers.GivenBroker(given, f"AMQP_URI ({amqp.describe(given)})")
    chosen.start()
    _refuse_a_broker_in_use(given)
    yield chosen


@pytest.fixture(scope="session")
def broker_uri(session_broker: brokers.Broker) -> str:
    """The URI of a RabbitMQ that these tests may use."""
    return session_broker.uri


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server that all tests share; each takes a prefix of its own."""
    server = server_in(tmp_path_factory.mktemp("s3_server")).start()
    yield server
    server.stop(at_once=True)


@pytest.fixture
def line(s3_server: S3Server) -> Iterator[FaultyLine]:
    """A line to the S3 server that can break."""
    made = FaultyLine(s3_server.port)
    yield made
    made.close()


@pytest.fixture(scope="session")
def _own_node(
    session_broker: brokers.Broker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[brokers.Broker]:
    if isinstance(session_broker, rabbitmq.Node):
        yield session_broker
        return
    with brokers.private_node(tmp_path_factory.mktemp("restartable")) as node:
        yield node


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[postgres.Server]:
    """A private PostgreSQL."""
    with postgres.private_server() as server:
        yield server


@pytest.fixture(scope="module")
def engines(request: pytest.FixtureRequest) -> Engines:
    """What keeps originals and the catalogue: see tests.engines."""
    one: Engines = getattr(request, "param", None) or run_on(_path_of(request.node))[0]
    return one


@pytest.fixture(scope="module")
def new_store(
    request: pytest.FixtureRequest, engines: Engines
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Return where one more store is, as settings: in a bucket, a database, or upload_dir alone."""
    with contextlib.ExitStack() as stack:

        def new() -> dict[str, Any]:
            told: dict[str, Any] = {}
            if engines.store == S3:
                bucket = request.getfixturevalue("s3_server")
                told.update(bucket.settings(f"{secrets.token_hex(6)}/uploads"))
            if engines.catalogue == POSTGRESQL:
                made = PostgresCatalogues(request.getfixturevalue("postgres_server"))
                stack.callback(made.stop)
                told["catalogue_url"] = made.url
            return told

        yield new


@pytest.fixture
def broker(_own_node: brokers.Broker) -> Iterator[brokers.Broker]:
    """A broker to stop, start, kill and restart; it runs again for the next test."""
    _own_node.start()
    yield _own_node
    _own_node.start()


def _refuse_a_broker_in_use(uri: str) -> None:
    """Fail when a service consumes there: it would take the tests' calls, and they its callers'."""
    from amqp.exceptions import NotFound
    from kombu import Connection

    for queue in QUEUES:
        with Connection(uri, connect_timeout=5) as connection:
            try:
                found = connection.channel().queue_declare(queue, passive=True)
            except NotFound:
                continue
        if found.consumer_count:
            pytest.exit(
                f"a service consumes from {queue} on {amqp.describe(uri)}: stop it, point AMQP_URI "
                "to another broker or virtual host, or unset it for a private node",
                returncode=3,
            )

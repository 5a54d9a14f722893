"""RabbitMQ over TLS with an authority of one's own, which wants to know its clients, too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kombu.pools
import pytest
import trustme
from click.testing import CliRunner
from nameko.containers import ServiceContainer
from nameko.testing.services import dummy, entrypoint_hook

from image_service import broker_check, cli_remote
from image_service.amqp_tls import TlsOptions
from image_service.broker_check import StartError
from image_service.cli import main
from image_service.client import ImageClient, Images
from image_service.client.errors import BrokerRefused
from image_service.client.provider import _Connection
from image_service.config import read_settings, with_broker
from scripts import rabbitmq
from tests.component.harness import Service
from tests.component.pictures import noise


class Robot:
    name = "robot"
    images = Images()

    @dummy
    def is_well(self) -> bool:
        return self.images.health().is_ok


class Site:
    """Certificates in a folder, and a node that shows its own and asks for its clients'."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        authority, other = trustme.CA(), trustme.CA()
        authority.cert_pem.write_to_path(folder / "ca.pem")
        other.cert_pem.write_to_path(folder / "other-ca.pem")
        for name, issuer in (("client", authority), ("stranger", other)):
            issued = issuer.issue_cert("service@example.com", common_name=name)
            issued.private_key_pem.write_to_path(folder / f"{name}.key")
            issued.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        server = authority.issue_cert("localhost", "127.0.0.1")
        server.private_key_pem.write_to_path(folder / "server.key")
        server.cert_chain_pems[0].write_to_path(folder / "server.pem")
        self.port = rabbitmq.free_ports(1)[0]
        self.node = rabbitmq.Node(
            folder / "node",
            starts_fast=True,
            settings=(
                f"listeners.ssl.1 = 127.0.0.1:{self.port}",
                f"ssl_options.cacertfile = {folder / 'ca.pem'}",
                f"ssl_options.certfile = {folder / 'server.pem'}",
                f"ssl_options.keyfile = {folder / 'server.key'}",
                "ssl_options.verify = verify_peer",
                "ssl_options.fail_if_no_peer_cert = true",
            ),
        )
        self.uri = f"amqps://guest:guest@localhost:{self.port}"
        self.good = self.options("ca.pem", "client")

    def options(self, ca: str, client: str = "", **more: Any) -> dict[str, Any]:
        """AMQP_SSL with absolute paths."""
        of_client = {"certfile": f"{client}.pem", "keyfile": f"{client}.key"} if client else {}
        files = {"ca_certs": ca, **of_client}
        return {**{key: str(self.folder / name) for key, name in files.items()}, **more}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("tls"))
    site.node.start()
    yield site
    site.node.stop()
    kombu.pools.reset()


def refusal(site: Site, **tls: Any) -> str:
    """Return the one line with which the service does not start."""
    config = with_broker({"AMQP_URI": site.uri, "AMQP_SSL": tls}, site.folder)
    with pytest.raises(StartError) as raised:
        broker_check.check_broker(config, read_settings(config, site.folder))
    (line,) = raised.value.args
    assert "\n" not in line
    assert "guest:guest" not in line
    return str(line)


def test_service_and_client_speak_over_it_pictures_and_all(
    site: Site, tmp_path: Path, new_store: Callable[[], dict[str, Any]]
) -> None:
    service = Service(site.uri, tmp_path / "uploads", AMQP_SSL=site.good, **new_store()).start()
    try:
        data = noise(300)
        assert len(data) > 128 * 1024  # a reply of its own connection
        with ImageClient(site.uri, config={"AMQP_SSL": site.good}) as images:
            image = images.upload(data, "a.png")
            assert images.read(image.id) == data
            assert images.health().is_ok
        config = tmp_path / "config.yaml"
        config.write_text(f"AMQP_URI: {site.uri}\nAMQP_SSL: {site.good}\n")
        done = CliRunner().invoke(main, ["health", "--config", str(config)])
        assert done.exit_code == 0, done.output
        assert "broker:" in done.output
    finally:
        service.stop()


def test_a_nameko_service_reads_it_as_the_service_does(site: Site, tmp_path: Path) -> None:
    service = Service(site.uri, tmp_path / "uploads", AMQP_SSL=site.good).start()
    # kombu by itself knows neither this word nor a list of hosts, and compares no name.
    told = {"AMQP_URI": [site.uri, site.uri], "AMQP_SSL": {**site.good, "cert_reqs": "required"}}
    robot = ServiceContainer(Robot, {**told, "ACCEPT": ["msgpack"], "serializer": "msgpack"})
    try:
        robot.start()
        with entrypoint_hook(robot, "is_well") as is_well:
            assert is_well()
        (replies,) = [each for each in robot.extensions if isinstance(each, _Connection)]
        assert isinstance(replies.connection.ssl, TlsOptions)
        assert robot.config["AMQP_SSL"] == told["AMQP_SSL"]
    finally:
        robot.stop()
        service.stop()


def test_a_nameko_service_with_a_wrong_option_does_not_start(site: Site) -> None:
    told = {"AMQP_URI": site.uri, "AMQP_SSL": {"ca_cert": "ca.pem"}}
    with pytest.raises(ValueError, match="did you mean ca_certs"):
        ServiceContainer(Robot, told).start()


def test_an_authority_that_did_not_sign_is_said_in_one_line(site: Site) -> None:
    line = refusal(site, **site.options("other-ca.pem", "client"))
    assert "its certificate is not accepted" in line
    assert "AMQP_SSL" in line
    options = {"AMQP_SSL": site.options("other-ca.pem", "client")}
    with ImageClient(site.uri, config=options) as images, pytest.raises(BrokerRefused) as raised:
        images.health()
    assert "its certificate is not accepted" in str(raised.value)


def test_a_server_of_another_name_is_not_spoken_to(site: Site) -> None:
    line = refusal(site, **site.good, server_hostname="rabbit.example.com")
    assert "rabbit.example.com" in line
    assert "certificate is not" in line


def test_the_command_line_says_it_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMQP_SSL", f'{{"ca_certs": "{site.folder / "other-ca.pem"}"}}')
    done = CliRunner().invoke(main, ["health", "--amqp-uri", site.uri])
    assert done.exit_code == cli_remote.EXIT_UNREACHABLE
    assert "its certificate is not accepted" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("client", ["", "stranger"])
def test_a_client_that_the_server_does_not_know_is_told(site: Site, client: str) -> None:
    line = refusal(site, **site.options("ca.pem", client))
    assert "RabbitMQ at amqps://guest:" in line
    assert "AMQP_" in line

"""AMQP_SSL and the hosts of AMQP_URI."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import kombu
import pytest

from image_service.amqp_connection import CONNECT_TIMEOUT_S, described, hosts_of
from image_service.amqp_tls import TlsOptions, options, ready, several
from image_service.broker_check import message_size_warning
from image_service.config import ConfigError, read_settings, with_broker
from image_service.settings import Settings

PLAIN, ENCRYPTED = "pyamqp://a:b@one", "amqps://a:b@one"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("ca.pem", "client.pem", "client.key"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_nothing_said_is_not_encrypted_unless_the_uri_says_so(folder: Path) -> None:
    for nothing in (None, "", False, "  "):
        assert options(nothing, PLAIN, folder) is None
    for encrypted in (options(None, ENCRYPTED, folder), options(True, PLAIN, folder)):
        assert encrypted is not None
        assert dict(encrypted) == {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}


def test_paths_begin_in_the_folder_and_the_server_is_verified(folder: Path) -> None:
    told = options(
        {"ca_certs": "ca.pem", "certfile": "client.pem", "keyfile": "client.key"}, PLAIN, folder
    )
    assert told is not None
    assert told["ca_certs"] == str(folder / "ca.pem")
    assert told["cert_reqs"] == ssl.CERT_REQUIRED
    assert options(told, PLAIN, folder) is told


def test_what_was_read_once_may_be_read_again(folder: Path) -> None:
    config = {"AMQP_URI": [PLAIN, PLAIN], "AMQP_SSL": {"ca_certs": "ca.pem", "cert_reqs": "none"}}
    once = ready(config, folder)
    assert once["AMQP_URI"] == f"{PLAIN};{PLAIN}"
    assert ready(once, Path()) == once
    assert ready({}, folder) == {"AMQP_SSL": None}


def test_a_connection_is_what_nameko_s_keys_say() -> None:
    tls = options(True, PLAIN, Path())
    config = {
        "AMQP_URI": f"{PLAIN};pyamqp://a:b@two", "AMQP_SSL": tls, "LOGIN_METHOD": "EXTERNAL",
        "HEARTBEAT": 7, "TRANSPORT_OPTIONS": {"max_retries": 9},
    }  # fmt: skip
    told = described(config, on_blocked=print)
    assert (told.hostname, told.login_method, told.heartbeat) == ("one", "EXTERNAL", 0)
    assert told.ssl is tls
    assert told.connect_timeout == CONNECT_TIMEOUT_S
    assert told.transport_options == {"max_retries": 9, "on_blocked": print}
    assert described(config, has_heartbeat=True).heartbeat == 7
    assert hosts_of(told) == 2
    plain = described({"AMQP_URI": PLAIN}, has_heartbeat=True)
    assert (plain.ssl, plain.heartbeat, hosts_of(plain)) == (None, 60, 1)


def test_it_may_be_json_and_requirements_are_words_or_python_s_numbers(folder: Path) -> None:
    for none in ("none", "CERT_NONE", 0):
        told = options({"cert_reqs": none, "server_hostname": "x"}, PLAIN, folder)
        assert told == {"cert_reqs": ssl.CERT_NONE}
    told = options('{"ca_certs": "ca.pem", "server_hostname": "rabbit"}', PLAIN, folder)
    assert told is not None
    assert told["server_hostname"] == "rabbit"


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("ca.pem", "JSON"),
        (5, "mapping"),
        ({"ca_cert": "ca.pem"}, "did you mean ca_certs"),
        ({"ca_certs": "nothing.pem"}, "'nothing.pem' cannot be read"),
        ({"keyfile": "client.key"}, "keyfile needs certfile"),
        ({"cert_reqs": "maybe"}, "required, optional or none"),
    ],
)
def test_what_is_wrong_is_said_at_the_start(folder: Path, wrong: Any, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as raised:
        read_settings({"AMQP_URI": PLAIN, "AMQP_SSL": wrong}, folder)
    assert str(folder) not in str(raised.value)


def test_each_host_is_expected_to_have_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    tls = options(True, PLAIN, Path())
    connection = kombu.Connection("amqps://a:b@one;amqps://a:b@two", ssl=tls)
    expected: list[Any] = []

    def connect(self: Any) -> None:
        expected.append(dict(**self.ssl)["server_hostname"])
        raise OSError("not today")

    monkeypatch.setattr("amqp.Connection.connect", connect)
    for _ in range(3):
        with pytest.raises(OSError, match="not today"):
            connection._establish_connection()
        connection.maybe_switch_next()
    assert isinstance(tls, TlsOptions)
    assert expected == ["one", "two", "one"]


def test_hosts_may_be_a_list(folder: Path) -> None:
    uris = ["pyamqp://a:b@one", "pyamqp://a:b@two:5673"]
    joined = "pyamqp://a:b@one;pyamqp://a:b@two:5673"
    assert several(uris) == several(joined) == joined
    assert read_settings({"AMQP_URI": uris}, folder).amqp_uri == joined
    assert with_broker({"AMQP_URI": uris}, folder)["AMQP_URI"] == joined
    with pytest.raises(ConfigError, match="AMQP_URI"):
        read_settings({"AMQP_URI": ["pyamqp://a:b@one", "nothing"]}, folder)


@pytest.mark.parametrize(
    ("version", "max_message_bytes", "warns"),
    [("4.1.0", 2**24, False), ("4.1.0", 2**24 + 1, True), ("3.13.7", 2**26, False), ("", 1, False)],
)
def test_a_limit_above_rabbitmq_4_s_own_is_told(
    version: str, max_message_bytes: int, warns: bool
) -> None:
    settings = Settings(max_upload_bytes=1, max_message_bytes=max_message_bytes)
    warning = message_size_warning(version, settings)
    assert bool(warning) is warns
    assert not warns or "max_message_size" in warning

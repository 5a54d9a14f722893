"""config.yaml and its Settings."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from nameko.cli.main import setup_yaml_parser

from image_service.config import (
    NAMEKO_KEYS,
    OUR_KEYS,
    ConfigError,
    environment_name,
    read_settings,
    with_broker,
)
from image_service.settings import STRICT, Settings

FILE = Path(__file__).resolve().parents[2] / "config.yaml"
TEXT = FILE.read_text(encoding="utf-8")
BASE = Path("/srv/images")
SUBSTITUTED = re.compile(r"^(\w+): \$\{(\w+):(.*)\}$", re.MULTILINE)
KEYS = re.findall(r"^(\w+):", TEXT, re.MULTILINE)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Read config.yaml as Nameko does, in an environment that holds no more than is said."""
    for _, variable, _ in SUBSTITUTED.findall(TEXT):
        monkeypatch.delenv(variable, raising=False)

    def read(**environment: str) -> Any:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        setup_yaml_parser()
        return yaml.safe_load(TEXT)

    return read


def settings(**config: Any) -> Settings:
    return read_settings(config, BASE)


def problems(**config: Any) -> list[str]:
    with pytest.raises(ConfigError) as raised:
        settings(**config)
    assert str(raised.value) == "; ".join(raised.value.args)
    return list(raised.value.args)


def test_every_setting_is_in_config_yaml_and_every_key_is_a_setting() -> None:
    assert len(KEYS) == len(set(KEYS))
    assert set(OUR_KEYS) <= set(KEYS)
    assert set(KEYS) <= {*OUR_KEYS, *NAMEKO_KEYS}


def test_every_setting_has_its_own_environment_variable() -> None:
    variables = {key: variable for key, variable, _ in SUBSTITUTED.findall(TEXT)}
    for key in OUR_KEYS:
        assert variables.get(key) == environment_name(key)
    assert len(set(variables.values())) == len(variables)
    assert environment_name("AMQP_URI") == "AMQP_URI"
    assert all(
        name.startswith("IMAGE_SERVICE_")
        for name in variables.values()
        if not name.startswith("AMQP_")
    )


def test_every_key_is_explained() -> None:
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if re.match(r"\w+:", line):
            above = next(each for each in reversed(lines[:number]) if not re.match(r"\w+:", each))
            assert above.startswith("#"), line


def test_config_yaml_says_what_the_defaults_are(load: Callable[..., Any]) -> None:
    config = load()
    assert read_settings(config, BASE) == settings(serializer="msgpack")
    assert config["host"] == "localhost"
    assert config["port"] == 3001
    assert config["AMQP_URI"] == "pyamqp://guest:guest@localhost"
    assert config["ACCEPT"] == ["msgpack", "json"], "never pickle"


def test_the_environment_overrides_the_file(load: Callable[..., Any]) -> None:
    config = load(
        IMAGE_SERVICE_HOST="127.0.0.1",
        IMAGE_SERVICE_PORT="8080",
        IMAGE_SERVICE_UPLOAD_DIR="/data/pictures",
        IMAGE_SERVICE_STATE_DIR="/data/state",
        IMAGE_SERVICE_MAX_UPLOAD_BYTES="1024",
        IMAGE_SERVICE_WORKER_TIMEOUT_S="2.5",
        IMAGE_SERVICE_HTTP_SHARE_PORT="true",
        IMAGE_SERVICE_CACHE_CONTROL="no-store",
        IMAGE_SERVICE_PUBLIC_URL="https://images.example.com/x/",
        AMQP_URI="pyamqp://u:p@broker:5671/vhost",
    )
    read = read_settings(config, BASE)
    assert (read.host, read.port) == ("127.0.0.1", 8080)
    assert (read.upload_path, read.state_path) == (Path("/data/pictures"), Path("/data/state"))
    assert (read.max_upload_bytes, read.worker_timeout_s) == (1024, 2.5)
    assert (read.http_share_port, read.cache_control) == (True, "no-store")
    assert read.url_prefix == "https://images.example.com/x"
    assert read.amqp_uri == config["AMQP_URI"] == "pyamqp://u:p@broker:5671/vhost"


def test_an_empty_variable_means_the_default(load: Callable[..., Any]) -> None:
    names = ["HOST", "PORT", "UPLOAD_DIR", "STATE_DIR", "MAX_PIXELS", "PUBLIC_URL", "LOG_LEVEL"]
    config = load(**{f"IMAGE_SERVICE_{name}": "" for name in names})
    assert read_settings(config, BASE) == settings()


def test_directories_begin_where_the_file_stands() -> None:
    assert settings().upload_path == BASE / "uploads"
    assert settings().state_path == BASE / "uploads" / ".state"
    assert settings(upload_dir="a").state_path == BASE / "a" / ".state"
    assert settings(state_dir="b").state_path == BASE / "b"
    assert settings(upload_dir="/x", state_dir="").state_path == Path("/x/.state")
    assert str(settings(upload_dir="a/b").upload_dir) == "a/b", "shown as configured"


def test_all_problems_are_told_at_once() -> None:
    told = problems(
        host="a b",
        port=70_000,
        max_uploads_bytes=5,
        max_upload_bytes="many",
        worker_timeout_s=0,
        log_level="LOUD",
        public_url="example.com",
        cache_control="a\nb",
        image_workers=-1,
    )
    assert len(told) == 9
    assert "unknown key 'max_uploads_bytes' (did you mean max_upload_bytes?)" in told
    for key in ("host", "port", "max_upload_bytes", "worker_timeout_s", "log_level", "public_url"):
        variable = f"(environment: IMAGE_SERVICE_{key.upper()})"
        assert any(line.startswith(f"{key} {variable}: ") for line in told)
    assert any("not 'many'" in line for line in told)


BAD = [
    ("port", [-1, 65_536, "http", 1.5, [3001]]),
    ("host", ["", " ", "http://x", "a/b", "user@x", 5]),
    ("public_url", ["ftp://x", "images.example.com", "https://", "https://x?a=b"]),
    ("upload_dir", [" ", 5]),
    ("max_upload_bytes", [0, -1, "10 MB", 2**41]),
    ("max_side_px", [0, 65_536]),
    ("worker_timeout_s", [0, -1, float("nan"), float("inf"), "soon"]),
    ("worker_memory_bytes", [1024]),
    ("upload_concurrency", [0, 257]),
    ("sweep_interval_s", [0]),
    ("log_level", ["debug", "TRACE"]),
]


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in BAD for value in values], ids=str
)
def test_a_bad_value_is_told_by_its_key(key: str, value: object) -> None:
    (told,) = problems(**{key: value})
    assert told.startswith(f"{key} (environment: IMAGE_SERVICE_{key.upper()}): ")


def test_unknown_keys_are_told_with_what_was_perhaps_meant() -> None:
    assert problems(prot=1) == ["unknown key 'prot' (did you mean port?)"]
    assert problems(qqqqqqqq=1) == ["unknown key 'qqqqqqqq'"]
    assert problems(base_dir="/")[0].startswith("unknown key 'base_dir'")
    assert problems(amqp_uri="x")[0].startswith("unknown key 'amqp_uri'")


def test_namekos_own_keys_are_left_alone() -> None:
    config = dict.fromkeys(NAMEKO_KEYS - {*OUR_KEYS, "AMQP_SSL", "LOGGING"}, "anything")
    assert settings(**config) == settings()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "[::]", "0:0:0:0:0:0:0:0"])
def test_a_wildcard_host_needs_a_public_url(host: str) -> None:
    (told,) = problems(host=host)
    assert "IMAGE_SERVICE_PUBLIC_URL" in told
    allowed = settings(host=host, public_url="http://images.example.com")
    assert allowed.is_wildcard_host
    assert allowed.url_prefix == "http://images.example.com"


@pytest.mark.parametrize(
    ("host", "prefix"),
    [
        ("localhost", "http://localhost:3001"),
        ("127.0.0.1", "http://127.0.0.1:3001"),
        ("::1", "http://[::1]:3001"),
        ("[::1]", "http://[::1]:3001"),
    ],
)
def test_urls_point_to_where_the_service_listens(host: str, prefix: str) -> None:
    assert settings(host=host).url_prefix == prefix
    assert not settings(host=host).is_wildcard_host


def test_a_picture_must_fit_a_message() -> None:
    (told,) = problems(max_upload_bytes=200, max_message_bytes=100)
    assert "200" in told
    assert "100" in told
    assert settings(max_upload_bytes=100, max_message_bytes=100)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        settings().port = 5


def test_no_workers_means_one_per_core() -> None:
    assert settings(image_workers=0).image_worker_count >= 1
    assert settings(image_workers=3).image_worker_count == 3


@pytest.mark.parametrize(
    ("key", "value", "word"),
    [
        ("AMQP_URI", "pyamqp://guest:guest@localhost:abc", "pyamqp://user:password@host"),
        ("AMQP_URI", "http://localhost", "pyamqp://"),
        ("AMQP_URI", "memory://", "pyamqp://"),
        ("AMQP_URI", "pyamqp://a@b;redis://c", "pyamqp://"),
        ("max_workers", "abc", "integer"),
        ("max_workers", 0, "2"),
        ("HEARTBEAT", -5, "0"),
        ("ACCEPT", "pickle", "list"),
        ("ACCEPT", ["pickle"], "msgpack"),
        ("serializer", "foo", "msgpack"),
        ("LOGGING", 5, "mapping"),
    ],
)
def test_what_nameko_would_fail_on_is_told_before(key: str, value: Any, word: str) -> None:
    (problem,) = problems(**{key: value})
    assert problem.startswith(key)
    assert word in problem


def test_hosts_that_are_gone_are_found_out_in_seconds_whatever_the_file_leaves_out() -> None:
    folder = Path("/")
    assert with_broker({}, folder)["HEARTBEAT"] == 5
    assert with_broker({"HEARTBEAT": 20}, folder)["HEARTBEAT"] == 20


def test_a_password_is_in_no_problem() -> None:
    (problem,) = problems(AMQP_URI="pyamqp://me:s3cret@host:x")
    assert "s3cret" not in problem


def test_strict_limits_are_defaults_that_a_key_overrides() -> None:
    strict = settings(limits="strict", max_pixels=20_000_000)
    assert (strict.max_pixels, strict.max_side_px) == (20_000_000, 8192)
    assert settings().max_side_px == 16_384
    for key, value in STRICT.items():
        assert value < getattr(settings(), key)

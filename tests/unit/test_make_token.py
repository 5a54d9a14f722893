"""`image-service make-token`, and what the settings make of its line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from image_service.cli import main
from image_service.config import ConfigError, read_settings
from image_service.domain.tokens import digest_of
from image_service.settings import Settings


def made(*options: str) -> tuple[str, str]:
    """Return the token and the line for config.yaml."""
    ended = CliRunner().invoke(main, ["make-token", *options])
    assert ended.exit_code == 0, ended.output
    return ended.stdout.strip(), ended.stderr.splitlines()[-1]


def settings(**config: Any) -> Settings:
    return read_settings(config, Path("/srv"))


def problem(**config: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        settings(**config)
    return str(raised.value)


def test_the_line_is_yaml_that_the_settings_take() -> None:
    options = ("--scope", "upload", "--scope", "read", "--name", "Ü: 'x'", "--owner", "shop")
    text, line = made(*options, "--expires", "2030-01-01")
    (token,) = (each.token() for each in settings(tokens=yaml.safe_load(line)).tokens)
    assert token.digest == digest_of(text)
    assert token.scopes == {"read", "upload"}
    assert (token.name, token.owner, token.expires_s) == ("Ü: 'x'", "shop", 1_893_456_000)
    assert text.removeprefix("ist_") not in line


def test_the_environment_takes_the_same_as_json() -> None:
    _, line = made("--scope", "admin")
    entry = line.strip().removeprefix("- ")
    assert settings(tokens=f"[{entry}]").tokens == settings(tokens=[json.loads(entry)]).tokens
    assert settings(tokens="").tokens == []


def test_no_two_tokens_are_the_same() -> None:
    assert made("--scope", "read") != made("--scope", "read")


@pytest.mark.parametrize(
    "options", [[], ["--scope", "write"], ["--scope", "read", "--expires", "x"]]
)
def test_what_is_no_scope_or_time_is_refused(options: list[str]) -> None:
    assert CliRunner().invoke(main, ["make-token", *options]).exit_code == 2


DIGEST = "a" * 64


@pytest.mark.parametrize(
    "tokens",
    [
        "[{",
        {"sha256": DIGEST},
        [{"sha256": "secret-token-itself", "scopes": ["read"]}],
        [{"sha256": DIGEST, "scopes": []}],
        [{"sha256": DIGEST, "scopes": ["write"]}],
        [{"sha256": DIGEST, "scopes": ["read"], "token": "secret-token-itself"}],
        [{"sha256": DIGEST, "scopes": ["read"], "expires": "soon"}],
        [{"sha256": DIGEST, "scopes": ["read"]}, {"sha256": DIGEST.upper(), "scopes": ["read"]}],
    ],
)
def test_what_is_no_token_is_told_without_repeating_it(tokens: Any) -> None:
    told = problem(tokens=tokens)
    assert told.startswith("tokens (environment: IMAGE_SERVICE_TOKENS)")
    assert "secret-token-itself" not in told


def test_the_api_is_open_only_where_nobody_else_can_ask() -> None:
    assert settings().opens_api
    assert settings(host="127.0.0.1").opens_api
    assert settings(host="::1").opens_api
    assert not settings(tokens=[{"sha256": DIGEST, "scopes": ["read"]}]).opens_api
    assert not settings(host="10.0.0.1").opens_api
    assert not settings(host="0.0.0.0", public_url="http://x").opens_api
    assert not settings(public_url="http://localhost:3001").opens_api

"""config.yaml as frozen Settings, validated at start with every problem listed at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from . import amqp_tls
from .settings import Settings

ENVIRONMENT_PREFIX = "IMAGE_SERVICE_"

NAMEKO_KEYS = frozenset(
    (
        "ACCEPT", "AMQP_SSL", "AMQP_URI", "HEARTBEAT", "LOGGING", "LOGIN_METHOD",
        "SERIALIZERS", "SERVICE_CONTAINER_CLS", "TRANSPORT_OPTIONS", "WEB_SERVER_ADDRESS",
        "max_workers", "parent_calls_tracked", "rpc_exchange", "serializer",
    )
)  # fmt: skip
"""Keys of the same file that Nameko reads, documented by it; this module leaves them alone."""

_SECRETS = frozenset(
    ("AMQP_URI", "catalogue_url", "catalogue_replica_url", "signing_keys", "tokens")
)


class ConfigError(ValueError):
    """Raised when the configuration cannot be used: ConfigError(problem, …), one line each."""

    def __str__(self) -> str:
        return "; ".join(str(problem) for problem in self.args)


OUR_KEYS = tuple(
    field.alias or name for name, field in Settings.model_fields.items() if name != "base_dir"
)
"""The keys of config.yaml that this module reads."""


def environment_name(key: str) -> str | None:
    """Return the environment variable that config.yaml lets override key, None where it doesn't."""
    if key in ("ACCEPT", "serializer"):
        return None
    return key if key == "AMQP_URI" else ENVIRONMENT_PREFIX + key.upper()


def read_settings(config: Mapping[str, Any], base_dir: Path) -> Settings:
    """Return the settings in config, a mapping as config.yaml spells it.

    Args:
        base_dir: the folder that relative paths begin in: config.yaml's.
    Raises: ConfigError with every problem: unknown keys, wrong types, values out of range.
    """
    problems = [*_unknown_keys(config), *_tls_problems(config, base_dir)]
    if not isinstance(config.get("LOGGING") or {}, Mapping):
        problems.append("LOGGING must be a mapping, as logging.config.dictConfig() takes it")
    mine = {
        key: value
        for key, value in config.items()
        if key in OUR_KEYS and (value is not None or key == "state_dir")
    }
    try:
        settings = Settings(**mine, base_dir=base_dir.absolute())
    except ValidationError as exc:
        raise ConfigError(*problems, *map(_problem, exc.errors())) from None
    if problems:
        raise ConfigError(*problems)
    return settings


def with_broker(config: Mapping[str, Any], base_dir: Path) -> dict[str, Any]:
    """Return config with AMQP_URI, AMQP_SSL and HEARTBEAT as Nameko and kombu take them.

    Raises: ConfigError.
    """
    heartbeat_s = Settings.model_fields["heartbeat"].default  # Nameko's own is 60
    try:
        return {"HEARTBEAT": heartbeat_s, **amqp_tls.ready(config, base_dir)}
    except ValueError as exc:
        raise ConfigError(f"AMQP_SSL (environment: AMQP_SSL): {exc}") from None


def _unknown_keys(config: Mapping[str, Any]) -> list[str]:
    allowed = {*OUR_KEYS, *NAMEKO_KEYS}
    problems = []
    for key in config:
        if key not in allowed:
            near = difflib.get_close_matches(str(key), allowed, n=1)
            problems.append(
                f"unknown key {key!r}" + (f" (did you mean {near[0]}?)" if near else "")
            )
    return problems


def _tls_problems(config: Mapping[str, Any], base_dir: Path) -> list[str]:
    try:
        with_broker(config, base_dir)
    except ConfigError as exc:
        return [str(exc)]
    return []


def _problem(error: Any) -> str:
    key = str(error["loc"][0]) if error["loc"] else ""
    why = str(error["msg"]).removeprefix("Value error, ")
    if not key:
        return why
    is_secret = key in _SECRETS or key.startswith("s3_")
    if isinstance(error["input"], (str, int, float, bool)) and not is_secret:
        why += f", not {error['input']!r}"
    variable = environment_name(key)
    return f"{key} (environment: {variable}): {why}" if variable else f"{key}: {why}"

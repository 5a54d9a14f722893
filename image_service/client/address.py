"""Where the broker is: as was said, as the environment says, or where `make run` has started it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .. import started
from ..amqp_tls import options, several

DEFAULT_AMQP_URI = "pyamqp://guest:guest@localhost"
CONFIG = Path("config.yaml")
_RUN_DIR = "IMAGE_SERVICE_RUN_DIR"
# What of Nameko's configuration a caller needs to reach the service.
_KEYS = ("AMQP_URI", "AMQP_SSL", "LOGIN_METHOD", "rpc_exchange")


def find_broker(amqp_uri: str = "", config_path: Path | None = None) -> dict[str, Any]:
    """Return Nameko's keys for reaching the broker, AMQP_URI among them.

    The first of: what is given; the variable AMQP_URI; the given configuration file; what
    `make run` runs, in this folder or one above it, or where this package lies; ./config.yaml; the
    default.

    Args: config_path: a configuration of the service, or of any Nameko service.
    Raises: OSError, ValueError if the given file cannot be read, or AMQP_SSL not be used.
    """
    said = {} if config_path is None else _read(config_path)
    uri = amqp_uri or os.environ.get("AMQP_URI") or said.get("AMQP_URI") or _started()
    if not uri and config_path is None and CONFIG.exists():
        said = _read(CONFIG)
        uri = said.get("AMQP_URI")
    uri = several(uri) or DEFAULT_AMQP_URI
    folder = Path() if config_path is None else config_path.absolute().parent
    tls = options(said.get("AMQP_SSL") or os.environ.get("AMQP_SSL"), uri, folder)
    return {**said, "AMQP_URI": uri, **({"AMQP_SSL": tls} if tls is not None else {})}


def _started() -> str | None:
    for folder in _run_folders():
        state = started.running(folder)
        if state and state.amqp_uri:
            return state.amqp_uri
    return None


def _run_folders() -> Iterator[Path]:
    told = os.environ.get(_RUN_DIR)
    if told:
        yield Path(told)
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[2]):
        yield folder / ".run"


def _read(path: Path) -> dict[str, Any]:
    """Return what a configuration says, its variables filled in as Nameko does it."""
    import yaml

    with warnings.catch_warnings():
        # Eventlet's own, and of setuptools: who reads a file cannot help it.
        warnings.simplefilter("ignore")
        from nameko.cli.main import setup_yaml_parser
        from nameko.exceptions import ConfigurationError

    setup_yaml_parser()
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, ConfigurationError) as exc:
        raise ValueError(f"{path} is not valid YAML: {' '.join(str(exc).split())}") from exc
    if not isinstance(config, dict):
        raise ValueError(f"{path} must be a mapping of keys to values")  # noqa: TRY004 - a file
    return {key: config[key] for key in _KEYS if config.get(key)}

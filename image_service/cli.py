"""The command `image-service`."""

from __future__ import annotations

import secrets
import sys
import warnings
from pathlib import Path

import click

from . import __version__

EXIT_FAILED = 1
EXIT_CONFIG = 2
EXIT_FOUND = 3
_KEY_BYTES = 32


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="image-service")
def main() -> None:
    """The image microservice for Nameko."""


_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=Path("config.yaml"),
    show_default=True,
    help="The configuration file; relative paths in it begin in its folder.",
)


@main.command()
@_config_option
def serve(config_path: Path) -> None:
    """Serve RPC and HTTP until SIGTERM or Ctrl-C."""
    _patch()
    from . import serve as server
    from .config import ConfigError

    try:
        server.serve(*server.load(config_path))
    except ConfigError as exc:
        _fail(EXIT_CONFIG, *exc.args)
    except server.StartError as exc:
        _fail(EXIT_FAILED, *exc.args)


@main.command("check-config")
@_config_option
def check_config(config_path: Path) -> None:
    """Say what is wrong with the configuration, all at once, or that nothing is."""
    _patch()
    from . import serve as server
    from .config import ConfigError

    try:
        server.load(config_path)
    except ConfigError as exc:
        _fail(EXIT_CONFIG, *exc.args)
    click.echo(f"{config_path}: ok")


@main.command()
@_config_option
@click.option("--quick", is_flag=True, help="Look whether files are there with their size only.")
@click.option(
    "--repair",
    is_flag=True,
    help="Put damaged files into quarantine; drop images that have no file.",
)
@click.option("--max-rate", type=click.FloatRange(0, min_open=True), help="MiB/s to read at most.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(
    config_path: Path, quick: bool, repair: bool, max_rate: float | None, as_json: bool
) -> None:
    """Compare every stored file with the catalogue and its checksum.

    The service may go on meanwhile. Exit code 0: all is well; 3: something is wrong, or was.
    """
    from .cli_verify import run
    from .config import ConfigError
    from .errors import ImageServiceError

    try:
        is_clean = run(
            config_path, quick=quick, repair=repair, max_rate_mib=max_rate, as_json=as_json
        )
    except ConfigError as exc:
        _fail(EXIT_CONFIG, *exc.args)
    except ImageServiceError as exc:
        _fail(EXIT_FAILED, str(exc))
    if not is_clean:
        sys.exit(EXIT_FOUND)


@main.command("make-key")
def make_key() -> None:
    """Print a new key and salt for signing_keys."""
    click.echo(f"{secrets.token_hex(_KEY_BYTES)}:{secrets.token_hex(_KEY_BYTES)}")


def _patch() -> None:
    """Make the standard library green before anything else imports it."""
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    import eventlet

    eventlet.monkey_patch()


def _fail(code: int, *lines: str) -> None:
    for line in lines:
        click.echo(f"image-service: error: {line}", err=True)
    sys.exit(code)

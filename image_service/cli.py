"""The command `image-service`."""

from __future__ import annotations

import secrets
from pathlib import Path

import click

from . import __version__
from .cli_archive import archive, unarchive
from .cli_catalogue import prepare_catalogue
from .cli_common import EXIT_FAILED, config_option, fail, told
from .cli_download import download
from .cli_images import get, list_images, rm, similar, tag, undelete, url
from .cli_migrate import migrate
from .cli_profile import profile
from .cli_status import health, info, top
from .cli_store import backup, rebuild, restore, verify
from .cli_tokens import make_token
from .cli_upload import upload

_KEY_BYTES = 32


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="image-service")
def main() -> None:
    """The image microservice for Nameko."""


OF_THE_STORE = (
    verify, backup, restore, rebuild, prepare_catalogue, migrate, archive, unarchive, make_token,
    profile,
)  # fmt: skip
OF_A_SERVICE = (
    upload, get, download, list_images, rm, undelete, tag, similar, url, info, health, top,
)  # fmt: skip
for command in (*OF_THE_STORE, *OF_A_SERVICE):
    main.add_command(command)


@main.command()
@config_option
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    help="Service processes; else as the setting service_processes says.",
)
@click.option("--below", type=int, hidden=True)
def serve(config_path: Path, workers: int | None, below: int | None) -> None:
    """Serve RPC and HTTP until SIGTERM or Ctrl-C."""
    _patch()
    from . import serve as server
    from .broker_check import StartError

    with told():
        try:
            if below is not None:
                _serve_below(config_path, below)
                return
            config, settings = server.load(config_path)
            if (workers or settings.service_processes) > 1:
                _supervise(config_path, workers)
            else:
                server.serve(config, settings)
        except StartError as exc:
            fail(EXIT_FAILED, *exc.args)


def _serve_below(config_path: Path, fd: int) -> None:
    from .children import serve_below

    serve_below(config_path, fd)


def _supervise(config_path: Path, workers: int | None) -> None:
    from .supervisor import supervise

    supervise(config_path, workers)


@main.command("check-config")
@config_option
def check_config(config_path: Path) -> None:
    """Say what is wrong with the configuration, all at once, or that nothing is."""
    _patch()
    from . import serve as server

    with told():
        server.load(config_path)
    click.echo(f"{config_path}: ok")


@main.command("make-key")
def make_key() -> None:
    """Print a new key and salt for signing_keys."""
    click.echo(f"{secrets.token_hex(_KEY_BYTES)}:{secrets.token_hex(_KEY_BYTES)}")


def _patch() -> None:
    """Make the standard library green before anything else imports it."""
    import eventlet

    eventlet.monkey_patch()

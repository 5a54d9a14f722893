"""`image-service migrate`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from .cli_common import config_option, told


@click.command()
@config_option
@click.option(
    "--dry-run", "is_dry", is_flag=True, help="Say what would be moved, and move nothing."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def migrate(config_path: Path, is_dry: bool, as_json: bool) -> None:
    """Move what the configuration says is moving, while the service goes on.

    It may be interrupted at any time and begun again.
    """
    from .cli_move_catalogue import move_catalogue
    from .maintenance import opened
    from .serve import load

    with told(), opened(load(config_path)[1], finds_images=True) as parts:
        catalogue = move_catalogue(parts, is_dry=is_dry)
    if as_json:
        click.echo(json.dumps({"catalogue": catalogue}, indent=1))
    elif catalogue is None:
        click.echo("Nothing is moving: see catalogue_moving.")

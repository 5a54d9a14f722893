"""`image-service prepare-catalogue`."""

from __future__ import annotations

from pathlib import Path

import click

from .cli_common import config_option, told


@click.command("prepare-catalogue")
@config_option
def prepare_catalogue(config_path: Path) -> None:
    """Make the catalogue's tables, or bring them to this version.

    The service does that, too, when it starts; this is for databases in which it may not. It also
    makes PostgreSQL's index of filenames where it is missing, while services go on: with a million
    images that takes seconds, and as long as the oldest transaction that is under way.
    """
    from .maintenance import opened
    from .serve import load

    with told(), opened(load(config_path)[1], may_be_new=True) as parts:
        if why := parts.database.index_names():
            click.echo(f"There is no index of filenames, so searches read names: {why}.")
        click.echo("The catalogue is ready.")

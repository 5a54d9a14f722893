"""`image-service prepare-catalogue`."""

from __future__ import annotations

from pathlib import Path

import click

from .cli_common import config_option, progress, told


@click.command("prepare-catalogue")
@config_option
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A catalogue.sqlite3: what it knows is added.",
)
def prepare_catalogue(config_path: Path, source: Path | None) -> None:
    """Make the catalogue's tables, or bring them to this version.

    The service does that, too, when it starts; this is for databases in which it may not. With
    --from a store moves from SQLite to PostgreSQL: stop the service, and start it afterwards.
    """
    from .maintenance import MoveRun, opened
    from .serve import load

    added = 0
    with told(), opened(load(config_path)[1], may_be_new=True) as parts:
        if source:
            with MoveRun(parts, source) as run, progress("Moving", run.total_images) as bar:
                for looked_at, new in run.images():
                    bar.update(looked_at)
                    added += new
    click.echo(f"The catalogue is ready{f': {added:,} images were added' if source else ''}.")

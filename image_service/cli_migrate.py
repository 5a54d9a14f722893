"""`image-service migrate`."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from .cli_common import (
    EXIT_CONFIG,
    EXIT_FAILED,
    EXIT_FOUND,
    config_option,
    fail,
    rate_option,
    told,
)


@click.command()
@config_option
@click.option(
    "--dry-run", "is_dry", is_flag=True, help="Say what would be moved, and move nothing."
)
@click.option(
    "--remove-old",
    is_flag=True,
    help="Remove from originals_also what is in the main place, after comparing it there.",
)
@rate_option
@click.option(
    "--at-once",
    type=click.IntRange(1, 64),
    default=4,
    show_default=True,
    help="Originals at a time: more where a bucket is far away.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def migrate(
    config_path: Path,
    is_dry: bool,
    remove_old: bool,
    max_rate_mib: float | None,
    at_once: int,
    as_json: bool,
) -> None:
    """Move what the configuration says is moving, while the service goes on.

    The catalogue goes from SQLite to catalogue_url, with catalogue_moving; originals go from
    originals_also to s3_originals, or to upload_dir where that is empty. Interrupted at any moment
    and run again it goes on. Without --remove-old all originals stay where they were, too: the
    settings may be taken back. Exit code 3: the originals that are named could not be moved; the
    others were.
    """
    from .cli_move_catalogue import move_catalogue
    from .cli_move_originals import move_originals
    from .maintenance import opened
    from .serve import load
    from .settings import MIB
    from .verify import Pace

    if is_dry and remove_old:
        raise click.UsageError("--dry-run looks at what is to be moved: leave --remove-old out")
    with told():
        settings = load(config_path)[1]
        if not (settings.originals_also or settings.catalogue_moving):
            fail(
                EXIT_CONFIG,
                "nothing is to be moved: neither originals_also (environment: "
                "IMAGE_SERVICE_ORIGINALS_ALSO) nor catalogue_moving (environment: "
                "IMAGE_SERVICE_CATALOGUE_MOVING) is set",
            )
        with opened(settings, leaves_room=True) as parts, _alone(parts.state_path):
            catalogue = move_catalogue(parts, is_dry=is_dry)
            pace = Pace((max_rate_mib or 0) * MIB)
            originals = move_originals(
                parts, pace, at_once=at_once, is_dry=is_dry, remove_old=remove_old
            )
    if as_json:
        told_of = {
            "catalogue": catalogue and catalogue.as_json(),
            "originals": originals and originals.as_json(),
        }
        click.echo(json.dumps(told_of, indent=1))
    else:
        if catalogue:
            click.echo(catalogue.as_text(is_dry=is_dry))
        if originals:
            click.echo(originals.as_text(is_dry=is_dry))
        if not (catalogue or originals):
            click.echo("The catalogue is in PostgreSQL: nothing is left to be moved.")
    if originals and (originals.wrong or not (is_dry or originals.is_complete)):
        sys.exit(EXIT_FOUND)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep others of this machine out meanwhile: they would only do the same."""
    from .storage import FileTurn

    turn = FileTurn(folder / "migrate.lock")
    if not turn.take():
        fail(EXIT_FAILED, "another `image-service migrate` is at work here")
    try:
        yield
    finally:
        turn.release()

"""`image-service migrate`, of catalogues: what it does and prints."""

from __future__ import annotations

from typing import Any

import click

from .catalogue.move import MoveFailed
from .cli_common import EXIT_FAILED, fail, progress
from .maintenance import CatalogueMoveRun, Parts


def move_catalogue(parts: Parts, *, is_dry: bool) -> dict[str, Any] | None:
    """Move the catalogue to PostgreSQL, where the settings say that it moves.

    Returns: what was done, for --json; None where there is nothing to do.
    Raises: StorageUnavailable. Exits where it cannot be done.
    """
    try:
        with CatalogueMoveRun(parts) as run:
            return _move(run, is_dry=is_dry)
    except MoveFailed as exc:
        fail(EXIT_FAILED, f"the catalogue: {exc.args[0]}")


def _move(run: CatalogueMoveRun, *, is_dry: bool) -> dict[str, Any] | None:
    move = run.move
    if move is None:
        return None
    if is_dry:
        click.echo(f"The catalogue moves to PostgreSQL: {move.total_images():,} images.", err=True)
        return {"images": move.total_images()}
    with progress("Copying", move.total_images()) as bar:
        for looked_at in move.copy():
            bar.update(looked_at)
    move.catch_up()
    with progress("Comparing", move.total_images()) as bar:
        for looked_at in move.compare():
            bar.update(looked_at)
    run.check_processes()
    held_s = move.cut_over()
    done = move.done
    click.echo(
        f"The catalogue is in PostgreSQL: {done.compared:,} images, the same in both. Who wrote "
        f"waited {held_s:.2f} s. Take catalogue_moving out of the configuration and renew the "
        "service; the file catalogue.sqlite3 is of no use any more.",
        err=True,
    )
    return {
        "images": done.compared,
        "copiedImages": done.images,
        "copiedRequests": done.requests,
        "writersWaitedS": round(held_s, 3),
    }

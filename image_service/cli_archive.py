"""`image-service archive` and `unarchive`."""

from __future__ import annotations

from pathlib import Path

import click

from .cli_common import (
    EXIT_CONFIG,
    config_option,
    fail,
    progress,
    rate_option,
    tell_wrong,
    told,
)

_tag = click.option("--tag", help="Of images that have this tag.")


@click.command()
@config_option
@click.option(
    "--older-than",
    "days",
    type=click.FloatRange(0, min_open=True),
    help="Of images that were stored, or brought back, so many days ago.",
)
@_tag
@rate_option
def archive(
    config_path: Path, days: float | None, tag: str | None, max_rate_mib: float | None
) -> None:
    """Move originals to archive_dir, or s3_archive.

    They are listed, shown and deleted as before, and brought back when somebody reads them. The
    service may go on meanwhile. Exit code 3: those that are named are damaged, and stay.
    """
    from .config import environment_name
    from .domain.image import human_size
    from .maintenance import ArchiveRun, opened
    from .serve import load

    if days is None and tag is None:
        raise click.UsageError("say which: --older-than DAYS, --tag TAG, or both")
    with told():
        settings = load(config_path)[1]
        if settings.originals_also:
            fail(EXIT_CONFIG, "originals_also is set: nothing is put away while originals move")
        key, value = "archive_dir", settings.archive_path or ""
        if settings.s3_originals:
            key, value = "s3_archive", settings.s3_archive
        if not value:
            fail(EXIT_CONFIG, f"{key} (environment: {environment_name(key)}) is not set")
        with opened(settings) as parts:
            run = ArchiveRun(
                parts,
                tag=tag,
                older_than_days=days or 0,
                max_bytes_per_s=(max_rate_mib or 0) * 2**20,
            )
            with progress("Archiving", run.total_images) as bar:
                for _ in run.put_away():
                    bar.update(1)
    click.echo(f"{run.done.images:,} originals, {human_size(run.done.bytes)}, moved.")
    tell_wrong(run.done.wrong)


@click.command()
@config_option
@_tag
@click.option("--all", "all_", is_flag=True, help="Of all images.")
def unarchive(config_path: Path, tag: str | None, all_: bool) -> None:
    """Bring originals back from archive_dir, or s3_archive.

    Exit code 3: those that are named are damaged there, or missing.
    """
    from .domain.image import human_size
    from .maintenance import ArchiveRun, opened
    from .serve import load

    if (tag is None) != all_:
        raise click.UsageError("say which: either --tag TAG or --all")
    with told(), opened(load(config_path)[1]) as parts:
        run = ArchiveRun(parts, tag=tag)
        with progress("Bringing back", run.total_images) as bar:
            for _ in run.bring_back():
                bar.update(1)
    click.echo(f"{run.done.images:,} originals, {human_size(run.done.bytes)}, brought back.")
    tell_wrong(run.done.wrong)

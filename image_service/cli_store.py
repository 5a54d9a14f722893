"""`image-service verify`, `backup` and `restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from .cli_common import (
    EXIT_FAILED,
    EXIT_FOUND,
    config_option,
    fail,
    progress,
    rate_option,
    tell_wrong,
    told,
)
from .domain.bucket_url import BucketUrl, is_bucket_url


class _Target(click.ParamType):  # type: ignore[type-arg]  # it takes none before 8.5
    """A folder, a file, or s3://bucket/prefix and its like."""

    name = "target"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Path | BucketUrl:
        if isinstance(value, str) and is_bucket_url(value):
            try:
                return BucketUrl.parse(value)
            except ValueError as exc:
                self.fail(str(exc), param, ctx)
        return Path(value)


_target = click.argument("target", type=_Target())


def _backups(target: Path | BucketUrl, config_path: Path) -> Any:
    from .maintenance import backups_in
    from .serve import load

    is_bucket = isinstance(target, BucketUrl)
    return backups_in(target, load(config_path)[1] if is_bucket else None)


@click.command()
@config_option
@click.option("--quick", is_flag=True, help="Look whether files are there with their size only.")
@click.option(
    "--repair",
    is_flag=True,
    help="Put damaged files into quarantine; drop images that have no file.",
)
@click.option(
    "--from",
    "backups",
    type=_Target(),
    help="With --repair: backups, the newest of which has what is damaged or missing.",
)
@rate_option
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def verify(
    config_path: Path,
    quick: bool,
    repair: bool,
    backups: Path | BucketUrl | None,
    max_rate_mib: float | None,
    as_json: bool,
) -> None:
    """Compare every stored file with the catalogue and its checksum.

    The service may go on meanwhile. Exit code 0: all is well; 3: something is wrong, or was.
    """
    from .cli_verify import run

    if backups and not repair:
        raise click.UsageError("--from is for --repair")
    with told():
        is_clean = run(
            config_path,
            quick=quick,
            repair=repair,
            backups=backups,
            max_rate_mib=max_rate_mib,
            as_json=as_json,
        )
    if not is_clean:
        sys.exit(EXIT_FOUND)


class _WithDefault(click.Group):
    """A group in which what is no command is the target of `create`."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["create", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and args[0] not in ("-h", "--help"):
            args = ["create", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_WithDefault)
def backup() -> None:
    """Make, list, check and prune backups.

    `image-service backup TARGET` makes one in the folder TARGET, or in s3://bucket/prefix: of a
    living service, as it is at one moment, copying what no backup there has yet. FILE.zip is a
    backup of its own.
    """


@click.command()
@config_option
def rebuild(config_path: Path) -> None:
    """Add the images whose files are there and which the catalogue does not know.

    For a catalogue that was lost. A good backup has more: `restore` it first. Exit code 3: files
    that are named are no pictures any more.
    """
    from .domain.image import human_size
    from .maintenance import RebuildRun, opened
    from .serve import load

    with told():
        settings = load(config_path)[1]
        with opened(settings, may_be_new=True, finds_images=True) as parts:
            run = RebuildRun(parts, settings)
            with progress("Rebuilding", len(run.names)) as bar:
                for _ in run.images():
                    bar.update(1)
    done = run.done
    click.echo(f"{done.images:,} images, {human_size(done.bytes)}, added.")
    if done.unnamed:
        click.echo(f"{done.unnamed:,} have lost their names and tags.")
    tell_wrong(done.wrong)


@backup.command()
@_target
@config_option
@rate_option
def create(target: Path | BucketUrl, config_path: Path, max_rate_mib: float | None) -> None:
    """Make a backup. Exit code 3: there is one, without the images that are named."""
    from .domain.image import human_size
    from .maintenance import BackupRun, opened
    from .serve import load

    with told(), opened(load(config_path)[1]) as parts:
        run = BackupRun(parts, target, max_bytes_per_s=(max_rate_mib or 0) * 2**20)
        with progress("Backing up", run.total_bytes) as bar:
            for image in run.images():
                bar.update(image.size_bytes)
    done = run.done
    click.echo(
        f"{done.images:,} images, {human_size(done.bytes)}; "
        f"{done.files:,} files, {human_size(done.copied_bytes)} were new."
    )
    tell_wrong(done.wrong)


@backup.command("list")
@_target
@config_option
def list_backups(target: Path | BucketUrl, config_path: Path) -> None:
    """List the backups in a folder, the oldest first."""
    from .domain.image import human_size

    with told():
        for each in _backups(target, config_path).backups():
            click.echo(
                f"{each.name}  {each.images:>9,} images  {human_size(each.bytes):>10}  "
                f"new: {human_size(each.copied_bytes)}"
            )


@backup.command("verify")
@_target
@config_option
def verify_backups(target: Path | BucketUrl, config_path: Path) -> None:
    """Compare every file with its checksum, and every backup with what it should have."""
    from .backup_format import BackupFailed

    wrong: list[tuple[str, str]] = []
    with told():
        folder = _backups(target, config_path)
        count = 0
        for name, is_sound in folder.objects():
            count += 1
            if not is_sound:
                wrong.append((name, "damaged"))
        backups = folder.backups()
        wrong.extend((why, "it is no backup") for why in folder.broken())
        if not backups and not wrong:
            raise BackupFailed("there is none here")
        for each in backups:
            try:
                wrong.extend((name, f"missing in {each.name}") for name in folder.missing(each))
            except BackupFailed as exc:
                wrong.append((each.name, exc.why))
    click.echo(f"{count:,} files, {len(backups):,} backups looked at.")
    tell_wrong(wrong)
    click.echo("All is well.")


@backup.command()
@_target
@config_option
@click.option("--keep", type=click.IntRange(1), required=True, help="How many of the newest stay.")
def prune(target: Path | BucketUrl, config_path: Path, keep: int) -> None:
    """Remove old backups, and the files that only they had."""
    from .backup_file import BackupFile
    from .backup_format import BackupFailed

    with told():
        folder = _backups(target, config_path)
        if isinstance(folder, BackupFile):
            raise BackupFailed("a file is one backup: remove it as a whole")
        backups, files = folder.prune(keep)
    click.echo(f"{backups:,} backups and {files:,} files removed.")


@click.command()
@_target
@config_option
@click.option("--backup", "name", help="Its name, as `backup list` tells it; else the newest.")
@click.option("--image", "image_id", help="The id of the one image to bring back.")
def restore(
    target: Path | BucketUrl, config_path: Path, name: str | None, image_id: str | None
) -> None:
    """Bring back what a store lacks from the backups in TARGET.

    Into an empty store or a living one: images that are there stay as they are, and of those whose
    file is missing or in quarantine the file is put back.
    """
    from .domain.image import human_size
    from .maintenance import RestoreRun, opened
    from .serve import load

    with told(), opened(load(config_path)[1], may_be_new=True) as parts:
        run = RestoreRun(parts, target, name)
        looked_at = 0
        with progress("Restoring", run.backup.bytes) as bar:
            for image in run.images({image_id} if image_id else None):
                looked_at += 1
                bar.update(image.size_bytes)
    if image_id and not looked_at:
        fail(EXIT_FAILED, f"{run.backup.name} has no image {image_id[:80]}")
    done = run.done
    click.echo(
        f"From {run.backup.name}: {done.images:,} images and {done.files:,} files brought back, "
        f"{human_size(done.bytes)}."
    )
    tell_wrong(done.wrong)

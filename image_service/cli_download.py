"""`image-service download`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_common import EXIT_FAILED, fail
from .cli_images import image_ids_argument
from .cli_remote import console, of_each, printable, remote, transform_option
from .domain.filename import check_filename
from .domain.formats import Format
from .errors import InvalidFilename

if TYPE_CHECKING:
    from .client import ImageApi

STDOUT = "-"
_EXTENSIONS = {each.content_type: each.extension for each in Format}


@click.command()
@image_ids_argument
@transform_option
@click.option("-o", "--output", default="", help="A file, a folder, or - for standard output.")
@click.option("-f", "--force", is_flag=True, help="Overwrite files that are there.")
@remote
def download(
    images: ImageApi,
    image_ids: tuple[str, ...],
    transform: str | None,
    output: str,
    force: bool,
) -> None:
    """Write pictures to files, by their own names or to --output.

    A file is there when it is complete; an original is compared with its checksum.
    """
    if output == STDOUT:
        of_each(image_ids, lambda each: _to_stdout(images, each, transform))
        return
    target = Path(output) if output else Path()
    if len(image_ids) > 1 and not target.is_dir():
        raise click.UsageError("several images go into a folder that is there: -o FOLDER")
    of_each(image_ids, lambda each: _to_file(images, each, transform, target, force=force))


def _to_stdout(images: ImageApi, image_id: str, transform: str | None) -> None:
    images.download(image_id, sys.stdout.buffer, transform=transform)
    sys.stdout.buffer.flush()


def _to_file(
    images: ImageApi, image_id: str, transform: str | None, target: Path, *, force: bool
) -> None:
    from rich import progress

    is_named = not target.is_dir()
    path = target if is_named else target / _name_of(images, image_id)
    if not is_named and transform:
        # Its type shows with the first bytes: found out before there is a file.
        head = images.call("download_image", image_id=image_id, transform=transform, length=1)
        path = path.with_suffix("." + _EXTENSIONS.get(head["contentType"], "bin"))
    if path.exists() and not force:
        fail(EXIT_FAILED, f"{printable(str(path))} is there already: -f overwrites it")
    bar = progress.Progress(
        progress.TextColumn("Downloading"),
        progress.BarColumn(),
        progress.DownloadColumn(binary_units=True),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
        console=console(stderr=True),
        disable=not sys.stderr.isatty(),
        transient=True,
    )
    with bar:
        task = bar.add_task("", total=None)

        def advance(done_bytes: int, total_bytes: int) -> None:
            bar.update(task, completed=done_bytes, total=total_bytes)

        images.download(image_id, path, transform=transform, on_progress=advance)
    click.echo(printable(str(path)))


def _name_of(images: ImageApi, image_id: str) -> str:
    """Return a name in this folder and no other, visible: it was chosen by whoever uploaded."""
    image = images.get(image_id)
    name = image.filename.replace("/", "_").replace("\\", "_").lstrip(".") or image.id
    try:
        name = check_filename(name)
    except InvalidFilename:
        name = image.id
    extension = _EXTENSIONS.get(image.content_type, "bin")
    return name if "." in name else f"{name}.{extension}"

"""`image-service get`, `ls`, `rm`, `undelete`, `tag`, `similar` and `url`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from .cli_pictures import graphics_option, show
from .cli_remote import (
    console,
    is_terminal,
    json_option,
    of_each,
    print_json,
    printable,
    remote,
    transform_option,
)

if TYPE_CHECKING:
    from .client import Image, ImageApi, ImageDetails

image_ids_argument = click.argument("image_ids", nargs=-1, required=True, metavar="IMAGE_ID...")
_LISTED = 50
_NOT_SHOWN = frozenset(("thumbhash", "exif", "extra"))
_THUMBNAIL = "rs:fit:160:160/f:png"
_LARGE = "rs:fit:800:600/f:png"


@click.command()
@image_ids_argument
@click.option("--show", "is_shown", is_flag=True, help="Show the picture, in terminals that can.")
@graphics_option
@json_option
@remote
def get(
    images: ImageApi,
    image_ids: tuple[str, ...],
    is_shown: bool,
    graphics: str | None,
    as_json: bool,
) -> None:
    """Tell all that is known of images."""

    def tell(image_id: str) -> None:
        image = images.get(image_id)
        if as_json:
            print_json(image)
            return
        if image_id != image_ids[0]:
            click.echo()
        if is_shown:
            show(images.read(image.id, _LARGE), graphics)
        for name, value in _lines(image):
            click.echo(f"{name + ':':<18}{printable(value)}")

    of_each(image_ids, tell)


def _lines(image: ImageDetails) -> Iterator[tuple[str, str]]:
    for name, value in vars(image).items():
        if name not in _NOT_SHOWN and value not in (None, "", (), {}):
            yield name.replace("_", " "), _text(value)
    for name, value in (image.exif or {}).items():
        yield f"exif {name}", _text(value)


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}={each}" for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)


@click.command("ls")
@click.option("-t", "--tag", help="With this tag.")
@click.option("--format", "format_", help="Of this format, as jpeg.")
@click.option("--name", "filename", help="With this in the filename, in any case.")
@click.option("--after", "created_after", help="Stored then or later: 2026-01-31T12:00:00Z.")
@click.option("--before", "created_before", help="Stored earlier than this.")
@click.option("--min-bytes", type=int, help="Of so many bytes or more.")
@click.option("--max-bytes", type=int, help="Of so many bytes or fewer.")
@click.option("--trashed", is_flag=True, help="Those in the trash.")
@click.option("--order", help="createdAt, filename or sizeBytes; with - in front in reverse.")
@click.option(
    "-n", "--limit", type=click.IntRange(1), default=_LISTED, show_default=True, help="At most."
)
@click.option("--all", "is_all", is_flag=True, help="All, however many.")
@click.option("-q", "--quiet", is_flag=True, help="Ids only, one a line.")
@click.option("--thumbnails", is_flag=True, help="With pictures, in terminals that can.")
@graphics_option
@json_option
@remote
def list_images(
    images: ImageApi,
    limit: int,
    is_all: bool,
    quiet: bool,
    thumbnails: bool,
    graphics: str | None,
    as_json: bool,
    format_: str | None,
    trashed: bool,
    **filters: Any,
) -> None:
    """List images, the newest first; JSON as one object a line."""
    found = images.iterate(
        page_size=1000 if is_all else min(limit, 1000),
        format=format_,
        trashed=trashed or None,
        **filters,
    )
    told = found if is_all else islice(found, limit)
    if as_json or quiet:
        for image in told:
            print_json(image) if as_json else click.echo(image.id)
    elif thumbnails:
        for image in told:
            show(images.read(image.id, _THUMBNAIL), graphics)
            click.echo("  ".join(_columns(image)))
    else:
        table(told)


def table(told: Iterable[Image], *more: str) -> None:
    """Print images as a table, or where no terminal is, as text between tabs."""
    if not is_terminal():
        for image in told:
            click.echo("\t".join(_columns(image, *more)))
        return
    from rich.table import Table

    headings = ("id", "stored", "size", "dimensions", "format", "filename", "tags", *more)
    page = Table(*headings, box=None, pad_edge=False, header_style="bold")
    for image in told:
        page.add_row(*_columns(image, *more))
    console().print(page)


def _columns(image: Image, *more: str) -> list[str]:
    stored = image.created_at.strftime("%Y-%m-%d %H:%M") if image.created_at else ""
    words = [image.id, stored, image.size, f"{image.width}x{image.height}", image.format]
    words += [image.filename, ", ".join(image.tags)]
    words += [str(getattr(image, name)) for name in more]
    return [printable(word) for word in words]


@click.command()
@image_ids_argument
@click.option("--permanent", is_flag=True, help="For good, also where there is a trash.")
@remote
def rm(images: ImageApi, image_ids: tuple[str, ...], permanent: bool) -> None:
    """Delete images."""

    def delete(image_id: str) -> None:
        deletion = images.delete(image_id, permanent=permanent)
        click.echo(f"{deletion.image_id}  {deletion.message}")

    of_each(image_ids, delete)


@click.command()
@image_ids_argument
@remote
def undelete(images: ImageApi, image_ids: tuple[str, ...]) -> None:
    """Take images out of the trash."""
    of_each(image_ids, lambda each: click.echo(f"{images.restore(each).id}  Image restored."))


@click.command()
@image_ids_argument
@click.option("-a", "--add", "added", multiple=True, help="A tag to add; may be repeated.")
@click.option("-d", "--remove", "removed", multiple=True, help="A tag to remove.")
@click.option("--set", "replaced", multiple=True, help="Tags in place of those that are there.")
@remote
def tag(
    images: ImageApi,
    image_ids: tuple[str, ...],
    added: tuple[str, ...],
    removed: tuple[str, ...],
    replaced: tuple[str, ...],
) -> None:
    """Change the tags of images; without options, tell them."""

    def change(image_id: str) -> None:
        tags = images.get(image_id).tags
        wanted = dict.fromkeys((*(replaced or tags), *added))
        kept = [each for each in wanted if each not in removed]
        if tuple(kept) != tags:
            tags = images.update(image_id, tags=kept).tags
        click.echo(f"{image_id}  {printable(', '.join(tags))}")

    of_each(image_ids, change)


@click.command()
@click.argument("image_id")
@click.option("--max-distance", type=click.IntRange(0, 10), help="Bits of 64 that may differ.")
@click.option("-n", "--limit", type=click.IntRange(1, 1000), default=_LISTED, show_default=True)
@json_option
@remote
def similar(
    images: ImageApi, image_id: str, max_distance: int | None, limit: int, as_json: bool
) -> None:
    """List the images that look like one, the nearest first."""
    found = images.similar(image_id, max_distance=max_distance, limit=limit)
    if as_json:
        for each in found:
            print_json(each)
    else:
        table(found, "distance", "identical")


@click.command()
@image_ids_argument
@transform_option
@click.option("--expires-in", type=click.IntRange(1), help="Seconds that it is good for.")
@remote
def url(
    images: ImageApi, image_ids: tuple[str, ...], transform: str | None, expires_in: int | None
) -> None:
    """Print where images, or variants of them, are served."""
    of_each(image_ids, lambda each: click.echo(images.url(each, transform, expires_in)))

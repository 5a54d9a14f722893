"""`image-service info`, `health` and `top`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import click

from .cli_common import EXIT_FOUND
from .cli_remote import console, json_option, live_remote, print_json, printable, remote
from .domain.image import human_size

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from .client import Health, ImageApi, ImagePage, StorageInfo

_NEWEST = 10
_COLORS = {"ok": "green", "degraded": "yellow"}


@click.command()
@json_option
@remote
def info(images: ImageApi, as_json: bool) -> None:
    """Tell how much is stored."""
    found = images.storage_info()
    if as_json:
        print_json(found)
        return
    lines = [
        ("images", f"{found.total_files:,}, {found.total_size}"),
        ("in the trash", f"{found.trashed_files:,}, {human_size(found.trashed_bytes)}"),
        ("variants kept", human_size(found.cache_bytes)),
        ("free on the disk", _free(found.free_bytes)),
        ("folder", found.uploads_dir),
    ]
    if found.quota_files or found.quota_bytes:
        lines.append(("quota", _quota(found.quota_files, found.quota_bytes)))
    for name, totals in (found.by_format or {}).items():
        lines.append((name, f"{totals.files:,}, {human_size(totals.bytes)}"))
    if found.owner:
        mine = found.owner
        used = f"{mine.total_files:,}, {human_size(mine.total_bytes)}"
        lines.append((mine.owner, f"{used} of {_quota(mine.quota_files, mine.quota_bytes)}"))
    for name, text in lines:
        click.echo(f"{printable(name) + ':':<18}{printable(text)}")


def _free(size_bytes: int | None) -> str:
    return "not known" if size_bytes is None else human_size(size_bytes)


def _quota(files: int | None, size_bytes: int | None) -> str:
    parts = [f"{files:,} images"] if files else []
    parts += [human_size(size_bytes)] if size_bytes else []
    return " and ".join(parts) or "any number"


@click.command()
@json_option
@live_remote
def health(images: ImageApi, as_json: bool) -> None:
    """Tell how the service is. Exit code 3: not all is well."""
    found = images.health()
    if as_json:
        print_json(found)
    else:
        up = _duration(found.uptime_s)
        click.echo(f"{found.status}  image_service {found.version}, up {up}")
        for name, check in (found.checks or {}).items():
            click.echo(f"  {name + ':':<11}{check.status}  {check.message}".rstrip())
    if not found.is_ok:
        sys.exit(EXIT_FOUND)


@click.command()
@click.option(
    "--interval",
    "interval_s",
    type=click.FloatRange(0.1),
    default=2.0,
    show_default=True,
    help="Seconds between two looks.",
)
@click.option("--looks", type=click.IntRange(1), help="How many looks; else until Ctrl-C.")
@live_remote
def top(images: ImageApi, interval_s: float, looks: int | None) -> None:
    """Watch the service: how it is, what it holds, what comes in."""
    from rich.live import Live

    before: tuple[float, StorageInfo] | None = None
    with Live(console=console(), auto_refresh=False, screen=False) as live:
        left = looks
        while left is None or left > 0:
            now_s, found = time.monotonic(), images.storage_info()
            view = _view(images.health(), found, images.page(_NEWEST), _rates(before, now_s, found))
            live.update(view, refresh=True)
            before = now_s, found
            left = None if left is None else left - 1
            if left != 0:
                time.sleep(interval_s)


def _rates(
    before: tuple[float, StorageInfo] | None, now_s: float, found: StorageInfo
) -> tuple[float, float]:
    """Return the images and bytes that came in a second, those that went taken off."""
    if before is None:
        return 0.0, 0.0
    then_s, then = before
    seconds = max(now_s - then_s, 0.001)
    return (
        (found.total_files - then.total_files) / seconds,
        (found.total_bytes - then.total_bytes) / seconds,
    )


def _view(state: Health, found: StorageInfo, page: ImagePage, rates: tuple[float, float]) -> Group:
    from rich.console import Group
    from rich.text import Text

    head = Text.assemble(
        (state.status, f"bold {_COLORS.get(state.status, 'red')}"),
        f"  image_service {state.version}, up {_duration(state.uptime_s)}",
    )
    checks = (state.checks or {}).items()
    failed = [f"{name}: {each.message}" for name, each in checks if each.message]
    lines = [head, *(Text(line, style="red") for line in failed)]
    return Group(*lines, _facts(found, rates), _newest(page))


def _facts(found: StorageInfo, rates: tuple[float, float]) -> Table:
    from rich.table import Table

    asked = found.cache_hits + found.cache_misses
    hits = f"{100 * found.cache_hits / asked:.0f} % of {asked:,} found" if asked else "none asked"
    facts = Table.grid(padding=(0, 2))
    for row in (
        ("images", f"{found.total_files:,}", found.total_size, f"{rates[0]:+.1f}/s"),
        ("trash", f"{found.trashed_files:,}", human_size(found.trashed_bytes), ""),
        ("variants", "", human_size(found.cache_bytes), hits),
        ("free", "", _free(found.free_bytes), _rate(rates[1])),
    ):
        facts.add_row(*row)
    return facts


def _newest(page: ImagePage) -> Table:
    from rich.table import Table
    from rich.text import Text

    newest = Table("stored", "size", "dimensions", "filename", box=None, header_style="bold")
    for image in page.images:
        stored = image.created_at.strftime("%H:%M:%S") if image.created_at else ""
        size = f"{image.width}x{image.height}"
        newest.add_row(stored, image.size, size, Text(printable(image.filename)))
    return newest


def _rate(bytes_per_s: float) -> str:
    sign = "-" if bytes_per_s < 0 else "+"
    return f"{sign}{human_size(int(abs(bytes_per_s)))}/s"


def _duration(seconds: float) -> str:
    minutes, _ = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"

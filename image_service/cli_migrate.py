"""`image-service migrate`."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .cli_common import (
    EXIT_CONFIG,
    EXIT_FAILED,
    EXIT_FOUND,
    SHOWN,
    config_option,
    fail,
    rate_option,
    told,
)

if TYPE_CHECKING:
    from .domain.image import Blob
    from .maintenance import Parts
    from .migration import Migration, Moved

_KINDS = {True: "orphaned", False: "foreign"}
_MIB = 2**20


@dataclass
class _Result:
    """What a run did. left: what is in the old place and of no image: kind and name."""

    source: str
    target: str
    copied: Moved
    removed: Moved | None = None
    left: list[tuple[str, str]] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether there is nothing more to do."""
        return (self.removed or self.copied).is_complete

    @property
    def wrong(self) -> dict[str, str]:
        """What could not be moved, and why; of an original what was wrong with it first."""
        later = self.removed.wrong if self.removed else []
        return dict([*later, *self.copied.wrong])


@click.command()
@config_option
@click.option("--dry-run", is_flag=True, help="Say what would be copied, and copy nothing.")
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
    dry_run: bool,
    remove_old: bool,
    max_rate_mib: float | None,
    at_once: int,
    as_json: bool,
) -> None:
    """Move originals from originals_also to s3_originals, or to upload_dir where that is empty.

    The service goes on meanwhile, with both. Interrupted at any moment and run again it goes on.
    Without --remove-old all stay where they were, too: the settings may be taken back. Exit code 3:
    those that are named could not be moved; the others were.
    """
    from .config import environment_name
    from .maintenance import opened
    from .migration import Migration
    from .serve import load
    from .storage.pair import PairStore
    from .verify import Pace

    if dry_run and remove_old:
        raise click.UsageError("--dry-run looks at what is to be copied: leave --remove-old out")
    with told():
        settings = load(config_path)[1]
        if not settings.originals_also:
            key = "originals_also"
            fail(EXIT_CONFIG, f"{key} (environment: {environment_name(key)}) is not set")
        with opened(settings, leaves_room=True) as parts, _alone(parts.state_path):
            assert isinstance(parts.store, PairStore)
            pace = Pace((max_rate_mib or 0) * _MIB)
            migration = Migration(parts.store, parts.catalogue, pace, at_once=at_once)
            result = _run(migration, parts, dry_run=dry_run, remove_old=remove_old)
    click.echo(_as_json(result) if as_json else _as_text(result, dry_run=dry_run))
    if result.wrong or not (dry_run or result.is_complete):
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


def _run(migration: Migration, parts: Parts, *, dry_run: bool, remove_old: bool) -> _Result:
    from .migration import Moved

    target, source = parts.settings.places
    result = _Result(source, target, Moved())
    if dry_run:
        _follow("Looking", migration.look(result.copied), parts, result.copied)
        return result
    _follow("Copying", migration.copy(result.copied), parts, result.copied)
    if remove_old and result.copied.is_complete:
        result.removed = Moved()
        _follow("Removing", migration.remove_old(result.removed), parts, result.removed)
        result.left = [(_KINDS[is_ours], name) for name, is_ours in migration.left()]
    return result


def _follow(label: str, images: Iterable[Blob], parts: Parts, done: Moved) -> None:
    """Go through images and show how far that is, and how fast what was done goes."""
    began_s = time.monotonic()

    def rate(_: object) -> str:
        return f"{done.bytes / _MIB / max(time.monotonic() - began_s, 0.001):.1f} MiB/s"

    length = parts.catalogue.used().bytes
    with click.progressbar(
        length=length, label=label, file=sys.stderr, show_pos=False, item_show_func=rate
    ) as bar:
        for image in images:
            bar.update(image.size_bytes)


def _as_text(result: _Result, *, dry_run: bool) -> str:
    from .domain.image import human_size

    copied, removed = result.copied, result.removed
    lines = [
        f"{copied.seen:,} images, {human_size(copied.seen_bytes)}: {copied.images:,}, "
        f"{human_size(copied.bytes)}, {'would be ' * dry_run}copied from {result.source} to "
        f"{result.target}."
    ]
    if removed:
        lines.append(
            f"{removed.images:,}, {human_size(removed.bytes)}, removed from {result.source}."
        )
    wrong = [f"  {name}: {why}" for name, why in result.wrong.items()]
    left = [f"  {name}: {kind}" for kind, name in sorted(result.left)]
    if wrong:
        lines.extend([f"{len(wrong):,} could not be moved:", *_some(wrong)])
    if left:
        kinds = Counter(kind for kind, _ in result.left)
        counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
        lines.extend([f"Left in {result.source}, of no image: {counts}.", *_some(left)])
    if not dry_run:
        lines.append(_what_now(result))
    return "\n".join(lines)


def _what_now(result: _Result) -> str:
    if not result.is_complete:
        return "Run it again once that is mended."
    if result.removed:
        return "Done: take originals_also out of the settings, and renew the service."
    return f"Done: `image-service migrate --remove-old` removes them from {result.source}."


def _some(lines: list[str]) -> list[str]:
    more = len(lines) - SHOWN
    return lines[:SHOWN] + [f"  … and {more:,} more (--json has them)"] * (more > 0)


def _as_json(result: _Result) -> str:
    copied, removed = result.copied, result.removed
    return json.dumps(
        {
            "from": result.source,
            "to": result.target,
            "images": copied.seen,
            "bytes": copied.seen_bytes,
            "copied": copied.images,
            "copiedBytes": copied.bytes,
            "removed": removed.images if removed else 0,
            "removedBytes": removed.bytes if removed else 0,
            "isComplete": result.is_complete,
            "wrong": [{"name": name, "why": why} for name, why in result.wrong.items()],
            "left": [{"kind": kind, "name": name} for kind, name in result.left],
        },
        indent=1,
    )

"""`image-service migrate`, of originals: what it does and prints."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import click

from .cli_common import some
from .domain.image import Blob, human_size
from .maintenance import Parts
from .migration import Migration, Moved
from .settings import MIB
from .storage.pair import PairStore
from .verify import Pace

_KINDS = {True: "orphaned", False: "foreign"}


@dataclass
class Result:
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

    def as_text(self, *, is_dry: bool) -> str:
        """Return it for people."""
        copied, removed = self.copied, self.removed
        lines = [
            f"{copied.seen:,} images, {human_size(copied.seen_bytes)}: {copied.images:,}, "
            f"{human_size(copied.bytes)}, {'would be ' * is_dry}copied from {self.source} to "
            f"{self.target}."
        ]
        if removed:
            lines.append(
                f"{removed.images:,}, {human_size(removed.bytes)}, removed from {self.source}."
            )
        wrong = [f"  {name}: {why}" for name, why in self.wrong.items()]
        left = [f"  {name}: {kind}" for kind, name in sorted(self.left)]
        if wrong:
            lines.extend([f"{len(wrong):,} could not be moved:", *some(wrong)])
        if left:
            kinds = Counter(kind for kind, _ in self.left)
            counts = ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))
            lines.extend([f"Left in {self.source}, of no image: {counts}.", *some(left)])
        if not is_dry:
            lines.append(self._what_now())
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        copied, removed = self.copied, self.removed
        return {
            "from": self.source,
            "to": self.target,
            "images": copied.seen,
            "bytes": copied.seen_bytes,
            "copied": copied.images,
            "copiedBytes": copied.bytes,
            "removed": removed.images if removed else 0,
            "removedBytes": removed.bytes if removed else 0,
            "isComplete": self.is_complete,
            "wrong": [{"name": name, "why": why} for name, why in self.wrong.items()],
            "left": [{"kind": kind, "name": name} for kind, name in self.left],
        }

    def _what_now(self) -> str:
        if not self.is_complete:
            return "Run it again once that is mended."
        if self.removed:
            return "Done: take originals_also out of the settings, and renew the service."
        return f"Done: `image-service migrate --remove-old` removes them from {self.source}."


def move_originals(
    parts: Parts, pace: Pace, *, at_once: int, is_dry: bool, remove_old: bool
) -> Result | None:
    """Move originals, where the settings say that they move; None where they don't.

    Args: at_once: how many.
    Raises: StorageUnavailable.
    """
    if not isinstance(parts.store, PairStore):
        return None
    migration = Migration(parts.store, parts.catalogue, pace, at_once=at_once)
    return _run(migration, parts, is_dry=is_dry, remove_old=remove_old)


def _run(migration: Migration, parts: Parts, *, is_dry: bool, remove_old: bool) -> Result:
    target, source = parts.settings.places
    result = Result(source, target, Moved())
    if is_dry:
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
        return f"{done.bytes / MIB / max(time.monotonic() - began_s, 0.001):.1f} MiB/s"

    length = parts.catalogue.used().bytes
    with click.progressbar(
        length=length, label=label, file=sys.stderr, show_pos=False, item_show_func=rate
    ) as bar:
        for image in images:
            bar.update(image.size_bytes)

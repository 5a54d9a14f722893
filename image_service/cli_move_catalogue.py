"""`image-service migrate`, of catalogues: what it does and prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .catalogue.move import CatalogueMove, MoveFailed, MoveProgress
from .cli_common import EXIT_FAILED, fail, progress
from .maintenance import Parts


@dataclass(frozen=True)
class CatalogueResult:
    """What a run did. images: that there are; held_s: for how long all who write waited."""

    images: int
    done: MoveProgress
    held_s: float = 0.0

    def as_text(self, *, is_dry: bool) -> str:
        """Return it for people."""
        if is_dry:
            return f"{self.images:,} images would be copied from SQLite to PostgreSQL."
        return (
            f"The catalogue is in PostgreSQL: {self.images:,} images, the same in both. Who wrote "
            f"waited {self.held_s:.2f} s.\nTake catalogue_moving out of the settings, and renew "
            "the service; catalogue.sqlite3 is of no use any more."
        )

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "images": self.images,
            "copiedImages": self.done.images,
            "copiedRequests": self.done.requests,
            "writersWaitedS": round(self.held_s, 3),
        }


def move_catalogue(parts: Parts, *, is_dry: bool) -> CatalogueResult | None:
    """Move the catalogue, where it has yet to move; None where it has not.

    Raises: StorageUnavailable. Exits where it cannot be done.
    """
    move = parts.database.move()
    if move is None:
        return None
    if is_dry:
        return CatalogueResult(move.total_images(), move.done)
    try:
        return _moved(parts, move)
    except MoveFailed as exc:
        fail(EXIT_FAILED, f"the catalogue: {exc.args[0]}")


def _moved(parts: Parts, move: CatalogueMove) -> CatalogueResult:
    with progress("Copying", move.total_images()) as bar:
        for looked_at in move.copy():
            bar.update(looked_at)
    move.catch_up()
    with progress("Comparing", move.total_images()) as bar:
        for looked_at in move.compare():
            bar.update(looked_at)
    if pids := sorted({each.partition("-")[0] for each in parts.database.stragglers()}):
        raise MoveFailed(
            f"process {', '.join(pids)} of the service runs without catalogue_moving: renew it, "
            "then run `image-service migrate` again"
        )
    held_s = move.cut_over()
    return CatalogueResult(move.done.compared, move.done, held_s)

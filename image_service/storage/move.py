"""How far a move of originals from one place to another is, as all processes of a machine know it.

{state_dir}/move.json    {"written": [...], "whole": [...]}, of LOCAL and s3://bucket/prefix

Whoever knows of two places looks in both for what he reads, and removes from both. Where new
originals are written follows the move: at first where they were before, so that processes which do
not know the new place yet see them; from the first `image-service migrate` on to both; in the end
to the new place alone. A process that knows one place goes on only where that has everything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ..errors import StorageUnavailable
from .directory import sync_directory
from .files import only_one, translated
from .lease import LeaseBook


@dataclass(frozen=True)
class Phase:
    """written: the places that new originals are stored in; whole: those that have everything."""

    written: frozenset[str]
    whole: frozenset[str]


class _Read(NamedTuple):
    """What the file said, and what tells whether it is another one now."""

    sign: tuple[int, ...]
    phase: Phase | None


class Move:
    """The move of a store's originals, or that there is none. Its methods block, but for phase."""

    def __init__(self, folder: Path, places: tuple[str, ...], leases: LeaseBook) -> None:
        """Args: places: that this process knows, the main one first; leases: see note_of()."""
        self.places = places
        self._path = folder / "move.json"
        self._lock = folder / "move.lock"
        self._leases = leases
        self._last = _Read((), None)

    @property
    def phase(self) -> Phase:
        """How far it is, for the places there are. So cheap that anybody may ask.

        Raises: StorageUnavailable.
        """
        told = self._told()
        old = frozenset(self.places[-1:])
        if told is None:
            return Phase(old, old)
        known = frozenset(self.places)
        return Phase(told.written & known or old, told.whole & known or old)

    def check(self) -> None:
        """See whether the places that this process knows have everything, and take note of it.

        Raises: StorageUnavailable where some originals may be in none of them.
        """
        told = self._told()
        if told is None:
            if len(self.places) > 1:  # from now on it is known where everything is
                self._change(lambda phase: phase)
            return
        if not told.whole & set(self.places):
            raise StorageUnavailable(
                f"not all originals are in {' or '.join(self.places)} yet, but in "
                f"{' and '.join(sorted(told.whole))}: set originals_also to that and run "
                f"`image-service migrate`, or remove {self._path} if they are there all the same"
            )
        if len(self.places) == 1:
            # From now on others may miss what this process stores.
            here = frozenset(self.places)
            self._change(lambda _: Phase(here, here))

    def begin(self) -> None:
        """Have new originals written to both places. Raises: StorageUnavailable."""
        main = self.places[:1]
        self._change(lambda phase: Phase(phase.written.union(main), phase.whole))

    def arrive(self) -> None:
        """Note that the main place has everything. Raises: StorageUnavailable."""
        main = self.places[0]

        def arrived(phase: Phase) -> Phase:
            if main not in phase.written:
                raise StorageUnavailable(
                    "a process without originals_also was started meanwhile: renew it"
                )
            return Phase(phase.written, phase.whole | {main})

        self._change(arrived)

    def leave(self) -> None:
        """Have new originals written to the main place alone: the other one is given up.

        Raises: StorageUnavailable.
        """
        main = frozenset(self.places[:1])
        self._change(lambda _: Phase(main, main))

    def has_strangers(self) -> bool:
        """Tell whether processes of this machine live that know other places."""
        return any(note != note_of(self.places) for note in self._leases.notes())

    def _told(self) -> Phase | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise StorageUnavailable(f"its state directory: {exc.strerror}") from exc
        sign = (status.st_mtime_ns, status.st_ino, status.st_size)
        last = self._last
        if last.sign != sign:
            self._last = last = _Read(sign, _read(self._path))
        return last.phase

    def _change(self, change: Callable[[Phase], Phase]) -> None:
        """Write what becomes of the phase as it is."""
        with translated(), only_one(self._lock):
            after = change(self.phase)
            if after != self._told():
                self._write(after)

    def _write(self, phase: Phase) -> None:
        told = {"written": sorted(phase.written), "whole": sorted(phase.whole)}
        part = self._path.with_suffix(".part")
        with part.open("w", encoding="utf-8") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._path)
        sync_directory(self._path.parent)


def note_of(places: Collection[str]) -> str:
    """Return what a process that knows these places says of itself beside its lease."""
    return "\n".join(sorted(places))


def _read(path: Path) -> Phase | None:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        return Phase(*(frozenset(map(str, told[key])) for key in ("written", "whole")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise StorageUnavailable(f"{path} cannot be read: remove it if it is damaged") from exc

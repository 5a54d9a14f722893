"""A Journal in files: one for each name, under the lease of the process whose work it is.

{folder}/{lease}~{name}     noted by that process
{folder}/{lease}.dead       when it was first seen that the process had died

For processes of one machine, as leases are.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

from .directory import SharedSync
from .files import translated
from .lease import Lease, LeaseBook

_SEPARATOR, _DEAD = "~", ".dead"


class LocalJournal:
    """See Journal. Its methods block."""

    def __init__(self, folder: Path, leases: LeaseBook, lease: Lease, *, grace_s: float) -> None:
        """Args: grace_s: for how long what a process had begun may still happen once it is dead."""
        self._folder = folder
        self._leases, self._lease = leases, lease
        self._grace_s = grace_s
        self._directory = SharedSync(folder)

    def begin(self, name: str) -> None:
        """See Journal.begin."""
        with translated():
            self._lease.ensure()
            try:
                self._write(name)
            except FileNotFoundError:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._write(name)

    def end(self, name: str) -> None:
        """See Journal.end."""
        # Not synced: a name that is there again after a power cut is looked at once more.
        with translated():
            for lease, noted in self._noted():
                if noted == name and (lease == self._lease.id or not self._leases.is_alive(lease)):
                    self._path(lease, name).unlink(missing_ok=True)

    def left_over(self) -> list[str]:
        """See Journal.left_over."""
        with translated():
            noted = list(self._noted())
            alive = {
                lease: lease == self._lease.id or self._leases.is_alive(lease)
                for lease in {lease for lease, _ in noted}
            }
            self._forget_all_but({lease for lease, lives in alive.items() if not lives})
            busy = {name for lease, name in noted if alive[lease]}
            ripe = {lease for lease, lives in alive.items() if not lives and self._is_ripe(lease)}
        return sorted({name for lease, name in noted if lease in ripe} - busy)

    def noted(self) -> set[str]:
        """See Journal.noted."""
        with translated():
            return {name for _, name in self._noted()}

    def _write(self, name: str) -> None:
        fd = os.open(self._path(self._lease.id, name), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC)
        try:
            number = self._directory.number()
            os.fsync(fd)
        finally:
            os.close(fd)
        self._directory.sync(number)

    def _path(self, lease: str, name: str) -> Path:
        return self._folder / f"{lease}{_SEPARATOR}{name}"

    def _noted(self) -> Iterator[tuple[str, str]]:
        """Yield each lease and the name that is noted under it."""
        try:
            entries = os.listdir(self._folder)
        except FileNotFoundError:
            return
        for entry in entries:
            lease, separator, name = entry.partition(_SEPARATOR)
            if separator:
                yield lease, name

    def _is_ripe(self, lease: str) -> bool:
        """Tell whether a process has been dead for long enough, by when that was seen first."""
        sign = self._folder / f"{lease}{_DEAD}"
        try:
            seen_s = sign.stat().st_mtime
        except FileNotFoundError:
            sign.touch()
            seen_s = time.time()
        # A clock that was set back must not keep anything for ever.
        return not 0 <= time.time() - seen_s < self._grace_s

    def _forget_all_but(self, leases: set[str]) -> None:
        for sign in self._folder.glob(f"*{_DEAD}"):
            if sign.name.removesuffix(_DEAD) not in leases:
                sign.unlink(missing_ok=True)

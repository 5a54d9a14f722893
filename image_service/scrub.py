"""The scrub: a verification that goes on in the background, a part at a time, for ever."""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .errors import StorageUnavailable
from .verify import Finding, Verification, Verifier

_log = logging.getLogger(__name__)
_IDS_KEPT = 100
_OF_IMAGES = ("damaged", "quarantined", "unreadable", "missing")


class ScrubLog:
    """Where the scrub is, and how its last round or the last verification ended, in a file.

    One process at a time scrubs, whoever holds the lock beside it. A verification that ends writes
    without it: the scrub then begins a new round.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "scrub.json"
        self._lock = folder / "scrub.lock"

    def read(self) -> dict[str, Any]:
        """Return what was written last, {} for nothing or what cannot be read."""
        try:
            found = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def write(self, state: dict[str, Any]) -> None:
        """Write in one step. Raises: StorageUnavailable."""
        part = self._path.with_suffix(f".{os.getpid()}")
        try:
            part.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")
            part.rename(self._path)
        except OSError as exc:
            raise StorageUnavailable(f"its scrub log: {exc.strerror}") from exc

    def finished(self, done: Verification) -> dict[str, Any]:
        """Note how a verification of everything ended; return what is noted."""
        of_images = [each for each in done.findings if each.kind in _OF_IMAGES]
        last = {
            "finishedAt": dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds"),
            "images": done.images,
            "bytes": done.bytes,
            "damaged": sum(done.counts.get(kind, 0) for kind in _OF_IMAGES if kind != "missing"),
            "missing": done.counts.get("missing", 0),
            "imageIds": [each.image_id for each in of_images[:_IDS_KEPT]],
        }
        self.write({"last": last})
        return last

    @contextlib.contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the lock meanwhile; yields False where another process has it."""
        with self._lock.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            yield True


class Scrub:
    """Looks at a part of the images each time it is asked, and at all of them in time."""

    def __init__(
        self,
        verifier: Verifier,
        log: ScrubLog,
        *,
        bytes_at_once: int,
        report: Callable[[str], object] = _log.error,
    ) -> None:
        """Args:
        bytes_at_once: after so many a part ends; 0: nothing is looked at.
        report: is told of what is wrong, in whatever thread the scrub runs.
        """
        self._report = report
        self._verifier = verifier
        self._log = log
        self._bytes_at_once = bytes_at_once
        self.last: dict[str, Any] | None = None
        """How the last round or verification ended, of whichever process."""

    def step(self) -> None:
        """Look at the next part; what is damaged is put into quarantine."""
        self.read()
        if not self._bytes_at_once:
            return
        with self._log.held() as is_ours:
            if is_ours:
                self._step()

    def read(self) -> None:
        """See how the last round ended, of whichever process."""
        last = self._log.read().get("last")
        self.last = last if isinstance(last, dict) else None

    def _step(self) -> None:
        done = _resumed(self._log.read().get("round"))
        before, is_over = done.bytes, True
        known = len(done.findings)
        for _ in self._verifier.images(done):
            if done.bytes - before >= self._bytes_at_once:
                is_over = False
                break
        new = done.findings[known:]
        for finding in new:
            self._report(f"image {finding.image_id} is {finding.kind} in storage")
        self._verifier.quarantine(new)
        if is_over:
            self.last = self._log.finished(done)
        else:  # read again: a verification by hand may have ended meanwhile
            self._log.write({**self._log.read(), "round": _saved(done)})


def _saved(done: Verification) -> dict[str, Any]:
    return {**vars(done), "findings": [list(vars(each).values()) for each in done.findings]}


def _resumed(saved: Any) -> Verification:
    try:
        findings = [Finding(*map(str, each)) for each in saved["findings"]]  # type: ignore[arg-type]
        counts = {str(kind): int(count) for kind, count in saved["counts"].items()}
        return Verification(
            int(saved["images"]), int(saved["bytes"]), counts, findings, str(saved["last_id"])
        )
    except (KeyError, TypeError, ValueError, AttributeError):  # none, or of another version
        return Verification()

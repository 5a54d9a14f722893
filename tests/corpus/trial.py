"""Giving a hostile file to a real pool of workers, and measuring what it costs.

python -m tests.corpus.trial TEXT... tries those whose names hold one of the texts, or all.
"""

from __future__ import annotations

import contextlib
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from image_service.domain.formats import sniff
from image_service.errors import EmptyFile, ImageServiceError, ImageTooLarge, UnsupportedFormat
from image_service.imaging.engine import PooledEngine
from image_service.imaging.limits import Limits
from image_service.imaging.pool import WorkerPool
from image_service.native import threading

from .files import hostile_files
from .hostile import HostileFile

MAX_UPLOAD_BYTES = 10 * 1024 * 1024
_SAMPLED_EVERY_S = 0.02


@dataclass(frozen=True)
class Trial:
    """What became of a file: outcome is an error's code, "accepted", or an exception's name.

    cpu_seconds: what the workers worked; where one was ended at its limit of processor time, that.
    """

    file: HostileFile
    outcome: str
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def is_allowed(self) -> bool:
        """Tell whether the outcome is one that the file allows."""
        return self.file.allows(self.outcome)

    def __str__(self) -> str:
        cost = f"{self.seconds:6.2f} s ({self.cpu_seconds:.2f} s of work) {self.peak_mb:5.0f} MB"
        return f"{cost}  {self.file.name}: {self.outcome} (allowed: {self.file.allowed})"


def look_at(engine: PooledEngine, data: bytes) -> None:
    """Do with data what an upload does: look at its length, its type, then its pixels."""
    if not data:
        raise EmptyFile
    if len(data) > MAX_UPLOAD_BYTES:
        raise ImageTooLarge("max_upload_bytes", MAX_UPLOAD_BYTES, len(data))
    format_ = sniff(data)
    if format_ is None:
        raise UnsupportedFormat("something else")
    facts = engine.analyse(data, format_).result().facts
    if facts.format is not format_ or facts.width < 1 or facts.height < 1 or facts.frames < 1:
        raise ValueError(f"nonsense was told of it: {facts}")


def try_out(pool: WorkerPool, file: HostileFile) -> Trial:
    """Give file to the pool."""
    data = file.data
    outcome, why = "accepted", ""
    with _peak_of(pool) as peaks:
        before, started = _cpu_seconds(pool), time.perf_counter()
        try:
            look_at(PooledEngine(pool), data)
        except ImageServiceError as exc:
            outcome, why = exc.code, str(exc)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the test is told of it
            outcome = repr(exc)[:200]
        seconds = time.perf_counter() - started
        is_out_of_time = f"more than {pool.cpu_s:g} s of a processor" in why
        cpu_seconds = pool.cpu_s if is_out_of_time else _cpu_seconds(pool) - before
    return Trial(file, outcome, seconds, cpu_seconds, max(peaks, default=0.0))


def _cpu_seconds(pool: WorkerPool) -> float:
    """Return what the workers have worked, and those that were replaced: children that ended."""
    living = sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pool.pids())
    ended = psutil.Process().cpu_times()
    return float(living + ended.children_user + ended.children_system)


@contextlib.contextmanager
def _peak_of(pool: WorkerPool) -> Iterator[list[float]]:
    """Collect the most memory that a worker has, in MB: also of one that dies meanwhile."""
    peaks: list[float] = []
    done = threading.Event()

    def sample() -> None:
        while not done.is_set():
            peaks.extend(peak for pid in pool.pids() if (peak := _peak_mb(pid)))
            done.wait(_SAMPLED_EVERY_S)

    for pid in pool.pids():
        _reset_peak(pid)
    sampler = threading.Thread(target=sample)
    sampler.start()
    try:
        yield peaks
    finally:
        peaks.extend(peak for pid in pool.pids() if (peak := _peak_mb(pid)))
        done.set()
        sampler.join()


def _reset_peak(pid: int) -> None:
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def _peak_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) / 1024 if found else 0.0
    return 0.0


def worst(trials: list[Trial], count: int = 5) -> str:
    """Return the trials that took longest and those that took most memory, a line each."""
    slow = sorted(trials, key=lambda trial: -trial.seconds)[:count]
    large = sorted(trials, key=lambda trial: -trial.peak_mb)[:count]
    lines = ["slowest:", *map(str, slow), "largest:", *map(str, large)]
    return "\n".join(lines)


def main(texts: list[str]) -> int:
    """Try files out and print each that does what it may not, and the worst."""
    pool = WorkerPool(Limits(), workers=1, max_waiting=8, timeout_s=10, jobs_before_restart=100_000)
    pool.start()
    trials = []
    for file in hostile_files():
        if not texts or any(text in file.name for text in texts):
            trials.append(trial := try_out(pool, file))
            if texts or not trial.is_allowed or trial.seconds > 4 or trial.peak_mb > 900:
                print("   " if trial.is_allowed else "NO ", trial, flush=True)
    pool.stop()
    print(f"{len(trials)} files\n{worst(trials, 12)}")
    return 0 if all(trial.is_allowed for trial in trials) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""health_check while the service is as busy as it can be.

    python -m benchmarks.health [--photos DIR] [--nest DIR]      about a minute
    python -m benchmarks.health --hostile                        about a minute

Four callers upload 12 MP photographs without pause, or files made to do harm; another asks for
health on a schedule. The floor, an empty Nameko echo in another process, is asked in turn with it:
what the same busy machine does to a call that nothing in the service can slow down.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from benchmarks import hostile, pictures
from benchmarks.caller import Callers, Run
from benchmarks.nest import add_nest_option, peer
from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.rig import Rig, running
from benchmarks.stats import Spread, quantile, rounded, rounds
from benchmarks.workloads import SERVICE, Workload

UPLOADERS = 4
CALLS = {"health": 100, "echo id": 40}
INTERVAL_S = 0.05
BAR_MS = 100.0
HOSTILE_BAR_MS = 150.0
GROWTH_BAR_MB = 200.0
WARM_UP_S = 2.0
OURS, FLOOR, IDLE = "health_check under load", "floor: echo under load", "health_check, idle"
QUANTILES = (0.5, 0.9, 0.99, 1.0)
Runs = dict[str, list[Run]]
Measured = tuple[Runs, Run]


def ask(callers: Callers, kind: str) -> Run:
    """Make the calls of one round, INTERVAL_S apart."""
    callers.prepare(Workload(kind, ids=("x",), interval_s=INTERVAL_S), 1)
    callers.begin(CALLS[kind])
    return callers.end()


def measure(rig: Rig, asker: Callers, uploads: Workload, numbers: Iterable[int]) -> Measured:
    """Return the calls by name, and the uploads made meanwhile."""
    runs: Runs = {OURS: [], FLOOR: [], IDLE: [ask(asker, "health")]}
    rig.callers.prepare(uploads, UPLOADERS)
    rig.callers.begin()
    time.sleep(WARM_UP_S)
    for _ in numbers:
        runs[OURS].append(ask(asker, "health"))
        runs[FLOOR].append(ask(asker, "echo id"))
    return runs, rig.callers.stop()


def row(name: str, runs: list[Run]) -> list[str]:
    """Return the table's row of one contender."""
    latencies = [ms for run in runs for ms in run.latencies_ms]
    late = [ms for run in runs for ms in run.lateness_ms]
    cells = [rounded(quantile(latencies, share)) for share in QUANTILES]
    return [name, str(len(latencies)), *cells, rounded(quantile(late, 0.99))]


def nest_rows(folder: Path | None) -> list[list[str]]:
    """Return the peer's own figures: health_check idle, and under four uploads of 2 MB."""
    nest = peer(folder)
    if nest is None:
        return []
    nest.give([*pictures.drawn(pictures.SMALL), *pictures.drawn(pictures.PHOTO)])
    shares = ("p50ms", "p90ms", "p99ms", "maxms")
    return [
        [
            f"NestJS peer: {told['name']}",
            str(told["calls"]),
            *[rounded(told[share]) if share in told else "–" for share in shares],
            "–",
        ]
        for told in nest.run("health")
    ]


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=6, limit_s=150)
    add_nest_option(parser)
    pictures.add_photos_option(parser)
    parser.add_argument(
        "--hostile", action="store_true", help="upload the hostile files of tests/corpus instead"
    )
    options = parser.parse_args()
    if options.hostile:
        workload = Workload("upload hostile", hostile.written())
    else:
        workload = Workload("upload", tuple(pictures.large_photos(options.photos)))
    with running(callers=UPLOADERS, mezzanines="variant") as rig:
        service = psutil.Process(rig.servers[SERVICE])
        before = service.memory_info().rss
        asker = Callers(rig.uri, 1)
        try:
            runs, uploads = measure(rig, asker, workload, rounds(options.rounds, options.limit))
        finally:
            asker.close()
        grown_mb = (peak_bytes(service) - before) / 2**20
    rows = [row(name, measured) for name, measured in runs.items()] + nest_rows(options.nest)
    headings = ("", "calls", "p50 ms", "p90", "p99", "max", "p99 from when it was due")
    print("\n" + table(headings, rows))
    rate = len(uploads.spans) / uploads.wall_s
    what = (
        f"{len(workload.paths)} hostile files"
        if options.hostile
        else f"photographs ({pictures.describe(workload.paths)})"
    )
    print(f"\nMeanwhile {UPLOADERS} callers made {len(uploads.spans)} uploads of {what},")
    print(f"{rounded(rate)} a second.")
    figures = {
        "uploads_per_s": rate,
        "latencies_ms": {name: [r.latencies_ms for r in told] for name, told in runs.items()},
    }
    pooled = quantile([ms for run in runs[OURS] for ms in run.latencies_ms], 0.99)
    each = [quantile(run.latencies_ms, 0.99) for run in runs[OURS]]
    name, bar_ms = (
        ("health_check beside hostile files", HOSTILE_BAR_MS)
        if options.hostile
        else ("health_check under load", BAR_MS)
    )
    bars = [
        Bar(f"{name}: p99, ms", Spread(pooled, min(each), max(each)), bar_ms),
        Bar("growth of the service process, MB", Spread.exactly(grown_mb), GROWTH_BAR_MB),
    ]
    return finish("health_hostile" if options.hostile else "health", bars, figures, options.out)


def peak_bytes(process: psutil.Process) -> int:
    """Return the most memory that a process has had."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return int(process.memory_info().rss)
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


if __name__ == "__main__":
    sys.exit(main())

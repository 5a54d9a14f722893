"""health_check while the service is as busy as it can be.

    python -m benchmarks.health [--photos DIR] [--nest DIR]      about a minute

Four callers upload 12 MP photographs without pause; another asks for health on a schedule. The
floor, an empty Nameko echo in another process, is asked in turn with it: what the same busy
machine does to a call that nothing in the service can slow down.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import pictures
from benchmarks.caller import Callers, Run
from benchmarks.nest import add_nest_option, peer
from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.rig import Rig, running
from benchmarks.stats import Spread, quantile, rounded, rounds
from benchmarks.workloads import Workload

UPLOADERS = 4
CALLS = {"health": 100, "echo id": 40}
INTERVAL_S = 0.05
BAR_MS = 100.0
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


def measure(rig: Rig, asker: Callers, photos: Sequence[Path], numbers: Iterable[int]) -> Measured:
    """Return the calls by name, and the uploads made meanwhile."""
    runs: Runs = {OURS: [], FLOOR: [], IDLE: [ask(asker, "health")]}
    rig.callers.prepare(Workload("upload", tuple(photos)), UPLOADERS)
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
    options = parser.parse_args()
    photos = pictures.large_photos(options.photos)
    with running(callers=UPLOADERS) as rig:
        asker = Callers(rig.uri, 1)
        try:
            runs, uploads = measure(rig, asker, photos, rounds(options.rounds, options.limit))
        finally:
            asker.close()
    rows = [row(name, measured) for name, measured in runs.items()] + nest_rows(options.nest)
    headings = ("", "calls", "p50 ms", "p90", "p99", "max", "p99 from when it was due")
    print("\n" + table(headings, rows))
    rate = len(uploads.spans) / uploads.wall_s
    print(f"\nMeanwhile {UPLOADERS} callers uploaded {len(uploads.spans)} photographs")
    print(f"({pictures.describe(photos)}), {rounded(rate)} a second.")
    figures = {
        "uploads_per_s": rate,
        "latencies_ms": {name: [r.latencies_ms for r in told] for name, told in runs.items()},
    }
    pooled = quantile([ms for run in runs[OURS] for ms in run.latencies_ms], 0.99)
    each = [quantile(run.latencies_ms, 0.99) for run in runs[OURS]]
    bar = Bar("health_check under load: p99, ms", Spread(pooled, min(each), max(each)), BAR_MS)
    return finish("health", [bar], figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

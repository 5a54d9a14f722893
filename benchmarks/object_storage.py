"""Originals in a bucket (SeaweedFS on this machine) beside originals on disk, in turns.

python -m benchmarks.object_storage      about 3 minutes
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import statistics
import sys
from collections import defaultdict
from dataclasses import asdict

from benchmarks import pictures
from benchmarks.report import HEADINGS, Bar, add_report_options, block_cells, finish, table
from benchmarks.rig import Rig, running
from benchmarks.stats import Block, ratios, rounds
from benchmarks.workloads import Workload
from scripts.paths import RUN_DIR
from scripts.seaweed import SeaweedServer

LOCAL, BUCKET = "on disk", "in a bucket"
CALLS = {"2m": 10, "100k": 30}
UPLOAD_BAR = 3.0
"""At most: S3 syncs nothing here, but takes two requests more."""


def measure(
    rigs: dict[str, Rig],
    urls: dict[str, dict[str, tuple[str, ...]]],
    blocks: dict[str, list[Block]],
    *,
    callers: int,
    reverse: bool,
) -> None:
    """Measure all once, in reverse order every other round."""
    for where, rig in reversed(rigs.items()) if reverse else rigs.items():
        for kind in (pictures.SMALL, pictures.PHOTO):
            paths = tuple(pictures.drawn(kind))
            work = {
                "upload": Workload("upload", paths=paths),
                "get": Workload("fetch", urls=urls[where][kind.label]),
            }
            for what, workload in work.items():
                name = f"{what} {kind.label}, {callers} callers, {where}"
                calls = CALLS[kind.label] * callers
                blocks[name].append(rig.measure(workload, callers=callers, calls=calls))


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=8, limit_s=240)
    parser.add_argument("--callers", type=int, default=4, help="default 4")
    options = parser.parse_args()
    blocks: dict[str, list[Block]] = defaultdict(list)
    folder = RUN_DIR / "bench" / "seaweed"
    shutil.rmtree(folder, ignore_errors=True)
    server = SeaweedServer(folder)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(server.stop, at_once=True)
        told = {key: str(value) for key, value in server.start().settings("bench").items()}
        plain = {"mezzanines": "variant", "scrub_bytes_per_s": "0"}
        rigs = {
            LOCAL: stack.enter_context(running(callers=options.callers, name="local", **plain)),
            BUCKET: stack.enter_context(
                running(callers=options.callers, name="bucket", **plain, **told)
            ),
        }
        urls = {
            where: {
                kind.label: tuple(
                    f"{rig.url}/images/{image_id}" for image_id in rig.upload(pictures.drawn(kind))
                )
                for kind in (pictures.SMALL, pictures.PHOTO)
            }
            for where, rig in rigs.items()
        }
        for number in rounds(options.rounds, options.limit):
            for callers in (1, options.callers):
                measure(rigs, urls, blocks, callers=callers, reverse=bool(number % 2))
    print("\n" + table(("", *HEADINGS), [[n, *block_cells(b)] for n, b in blocks.items()]))
    return report(blocks, options)


def report(blocks: dict[str, list[Block]], options: argparse.Namespace) -> int:
    """Print the ratios and return the exit code."""
    bars = []
    for name in [name for name in blocks if name.endswith(LOCAL)]:
        what = name.removesuffix(f", {LOCAL}")
        times = ratios(blocks[f"{what}, {BUCKET}"], blocks[name])
        bars.append(Bar(f"{what}: wall time, times that on disk", times, UPLOAD_BAR))
    figures = {
        "p50_ms": {n: statistics.median(b.p50_ms for b in told) for n, told in blocks.items()},
        "blocks": {n: [asdict(block) for block in told] for n, told in blocks.items()},
    }
    return finish("object_storage", bars, figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

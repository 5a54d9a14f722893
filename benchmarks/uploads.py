"""Uploads a second: the service beside the NestJS peer and beside what the machine can do.

python -m benchmarks.uploads --nest DIR        about 3 minutes
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict

from benchmarks import pictures
from benchmarks.nest import Nest, add_nest_option, peer
from benchmarks.report import HEADINGS, Bar, add_report_options, block_cells, finish, table
from benchmarks.rig import Rig, running
from benchmarks.stats import Block, ratios, rounds
from benchmarks.workloads import Workload

CALLERS = (1, 8)
CALLS = {("100k", 1): 150, ("100k", 8): 300, ("2m", 1): 32, ("2m", 8): 64}
NEST_CALLS = {"n100k": 160, "n2m": 24}
NEST_BARS = {"100k": 1.2, "2m": 5.0}
FLOOR_BAR = 3.0
OURS, ECHO, TAKE, WRITE, NEST = (
    "image_service",
    "floor: Nameko echo",
    "floor: Nameko, bytes one way",
    "floor: write + fsync",
    "NestJS peer",
)
KINDS = {OURS: "upload", ECHO: "echo bytes", TAKE: "take bytes", WRITE: "write"}
Key = tuple[str, int, str]
Blocks = dict[Key, list[Block]]


def measure(rig: Rig, nest: Nest | None, blocks: Blocks, *, reverse: bool) -> None:
    """Measure every contender once; in reverse order every other round."""
    contenders = [*KINDS] if not reverse else [*reversed(KINDS)]
    if nest and not reverse:
        _measure_nest(nest, blocks)
    for kind in (pictures.SMALL, pictures.PHOTO):
        paths = tuple(pictures.drawn(kind))
        for callers in CALLERS:
            for contender in contenders:
                workload = Workload(KINDS[contender], paths, directory=rig.scratch / "written")
                calls = CALLS[kind.label, callers]
                block = rig.measure(workload, callers=callers, calls=calls)
                blocks[kind.label, callers, contender].append(block)
    if nest and reverse:
        _measure_nest(nest, blocks)


def _measure_nest(nest: Nest, blocks: Blocks) -> None:
    for (name, callers), block in nest.measure("upload", **NEST_CALLS).items():
        blocks[name.removeprefix("upload "), callers, NEST].append(block)


def bars(blocks: Blocks) -> list[Bar]:
    """Return the promises, with what was measured."""
    found = []
    for label in NEST_BARS:
        for callers in CALLERS:
            place = f"{label}, {callers} caller{'s' * (callers > 1)}"
            ours = blocks[label, callers, OURS]
            theirs = blocks.get((label, callers, NEST))
            if theirs:
                times = ratios(ours, theirs, of="rate")
                name = f"{place}: calls/s, times the peer's"
                found.append(Bar(name, times, NEST_BARS[label], at_least=True))
            if label == "2m":
                floor = (blocks[label, callers, ECHO], blocks[label, callers, WRITE])
                name = f"{place}: wall time, times (echo + write)"
                found.append(Bar(name, ratios(ours, *floor), FLOOR_BAR))
    return found


def report(blocks: Blocks) -> str:
    """Return the table of all contenders."""
    rows = [
        [label, str(callers), contender, *block_cells(measured)]
        for (label, callers, contender), measured in blocks.items()
    ]
    return table(("picture", "callers", "contender", *HEADINGS), sorted(rows, key=_row_order))


def _row_order(row: Sequence[str]) -> tuple[str, int, int]:
    return row[0], int(row[1]), [OURS, NEST, ECHO, TAKE, WRITE].index(row[2])


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=5, limit_s=400)
    add_nest_option(parser)
    options = parser.parse_args()
    nest = peer(options.nest)
    drawn = {kind.label: pictures.drawn(kind) for kind in (pictures.SMALL, pictures.PHOTO)}
    if nest:
        nest.give([path for paths in drawn.values() for path in paths])
    blocks: Blocks = defaultdict(list)
    with running(callers=max(CALLERS), mezzanines="variant") as rig:
        for number in rounds(options.rounds, options.limit):
            print(f"round {number + 1} of {options.rounds}", flush=True)
            measure(rig, nest, blocks, reverse=bool(number % 2))
    for label, paths in drawn.items():
        print(f"{label}: JPEG, {pictures.describe(paths)}")
    print("\n" + report(blocks))
    figures = {
        "blocks": [
            {"picture": label, "callers": callers, "contender": contender}
            | {"rounds": [asdict(block) for block in measured]}
            for (label, callers, contender), measured in blocks.items()
        ]
    }
    return finish("uploads", bars(blocks), figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

"""get_image beside an empty Nameko echo: what looking an image up costs.

python -m benchmarks.lookups [--nest DIR]      about 30 seconds
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections import defaultdict
from dataclasses import asdict

from benchmarks import pictures
from benchmarks.nest import add_nest_option, peer
from benchmarks.report import HEADINGS, Bar, add_report_options, block_cells, finish, table
from benchmarks.rig import Rig, running
from benchmarks.stats import Block, ratios, rounds
from benchmarks.workloads import Workload

CALLS = 100
ECHO_BAR = 1.5
OURS, ECHO, NEST = "image_service get_image", "floor: Nameko echo", "NestJS peer get_image"
KINDS = {OURS: "get", ECHO: "echo id"}


def measure(rig: Rig, ids: tuple[str, ...], blocks: dict[str, list[Block]], reverse: bool) -> None:
    """Measure both once, with one caller; in reverse order every other round."""
    for contender in [*KINDS] if not reverse else [*reversed(KINDS)]:
        workload = Workload(KINDS[contender], ids=ids)
        blocks[contender].append(rig.measure(workload, callers=1, calls=CALLS))


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=40, limit_s=120)
    add_nest_option(parser)
    options = parser.parse_args()
    nest = peer(options.nest)
    photos = pictures.drawn(pictures.SMALL)
    blocks: dict[str, list[Block]] = defaultdict(list)
    with running(callers=1, mezzanines="variant") as rig:
        ids = rig.upload(photos)
        for number in rounds(options.rounds, options.limit):
            measure(rig, ids, blocks, reverse=bool(number % 2))
            if nest and number % 10 == 0:
                nest.give(photos)
                blocks[NEST].append(nest.measure("get")["get_image", 1])
    rows = [[contender, *block_cells(measured)] for contender, measured in blocks.items()]
    print("\n" + table(("one caller", *HEADINGS), rows))
    times = ratios(blocks[OURS], blocks[ECHO], of="p50_ms")
    figures = {
        "p50_ms": {
            name: statistics.median(b.p50_ms for b in told) for name, told in blocks.items()
        },
        "blocks": {name: [asdict(block) for block in told] for name, told in blocks.items()},
    }
    bar = Bar("get_image: median latency, times an echo's", times, ECHO_BAR)
    return finish("lookups", [bar], figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

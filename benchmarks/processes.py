"""What several service processes cost and give, beside one: uploads, new and kept variants.

python -m benchmarks.processes        about 6 minutes
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks import pictures
from benchmarks.caller import Callers
from benchmarks.disk import keep_apart
from benchmarks.report import HEADINGS, Bar, add_report_options, block_cells, finish, table
from benchmarks.rig import Rig, answers, service_on, wait_for
from benchmarks.stats import Block, Spread, ratios, rounds
from benchmarks.workloads import SERVICE, Workload
from scripts import broker, rabbitmq
from scripts.paths import RUN_DIR
from scripts.ports import free_ports

COUNTS = (1, 2, 4)
CALLERS = 8
UPLOAD, NEW, KEPT = "uploads of 100 KB", "new variants", "kept variants"
CALLS = {UPLOAD: 400, NEW: 150, KEPT: 2000}
_FIRST_SIDE_PX = 60
_IMAGES = 8
CPU_BAR = 1.1
Key = tuple[str, int]
Blocks = dict[Key, list[Block]]


@dataclass(frozen=True)
class Ground:
    """What all contenders run on, one after the other."""

    node: broker.Broker
    callers: Callers
    scratch: Path


@contextlib.contextmanager
def ground() -> Iterator[Ground]:
    """Start the broker and the callers; remove all in the end."""
    scratch = RUN_DIR / "bench" / f"run-{os.getpid()}"
    scratch.parent.mkdir(parents=True, exist_ok=True)
    keep_apart(scratch.parent)
    scratch.mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        node = stack.enter_context(broker.private_node(scratch / "broker", starts_fast=False))
        callers = Callers(node.uri, CALLERS)
        stack.callback(callers.close)
        yield Ground(node, callers, scratch)


@contextlib.contextmanager
def served_by(count: int, on: Ground) -> Iterator[Rig]:
    """A service of so many processes, on a store that is its own in all rounds."""
    scratch = on.scratch / str(count)
    scratch.mkdir(exist_ok=True)
    port = free_ports(1)[0]
    settings = {"service_processes": str(count), "mezzanines": "variant"}
    with service_on(on.node.uri, scratch, port, settings) as child:
        url = f"http://localhost:{port}"
        log = scratch / "service.log"
        wait_for(child, log, lambda: answers(f"{url}/readyz") and _living(url) == count)
        pid = (
            on.node.process.pid if isinstance(on.node, rabbitmq.Node) and on.node.process else None
        )
        yield Rig(on.node.uri, on.callers, scratch, {SERVICE: child.pid}, pid, url, "")


def _living(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    found = [line for line in lines if line.startswith("image_service_processes ")]
    return int(float(found[0].split()[1])) if found else 0


def measure(rig: Rig, count: int, number: int, blocks: Blocks) -> None:
    """Measure one contender once. Args: number: of the round; new variants are new in each."""
    paths = tuple(pictures.drawn(pictures.SMALL))
    ids = rig.upload(paths[:_IMAGES])
    first = _FIRST_SIDE_PX + number * CALLS[NEW]
    base = f"{rig.url}/img/insecure"
    workloads = {
        UPLOAD: Workload("upload", paths),
        NEW: Workload(
            "fetch", urls=tuple(f"{base}/w:{{n}}/plain/{each}@jpg" for each in ids), first=first
        ),
        KEPT: Workload("fetch", urls=tuple(f"{base}/w:50/plain/{each}@jpg" for each in ids)),
    }
    for name, workload in workloads.items():
        if name != NEW:
            rig.measure(workload, callers=CALLERS, calls=CALLS[name] // 5)
        blocks[name, count].append(rig.measure(workload, callers=CALLERS, calls=CALLS[name]))


def bars(blocks: Blocks) -> list[Bar]:
    """Return the promises, with what was measured."""
    found = []
    for name in CALLS:
        alone = blocks[name, 1]
        for count in COUNTS[1:]:
            several = blocks[name, count]
            pairs = zip(several, alone, strict=True)
            cpu = Spread.of([more.cpu_ms["service"] / one.cpu_ms["service"] for more, one in pairs])
            place = f"{name}, {count} processes"
            found.append(Bar(f"{place}: CPU a call, times one's", cpu, CPU_BAR))
            rate = ratios(several, alone, of="rate")
            found.append(Bar(f"{place}: calls/s, times one's", rate, 1.0, at_least=True))
    return found


def report(blocks: Blocks) -> str:
    """Return the table of all contenders."""
    rows = [[name, str(count), *block_cells(blocks[name, count])] for name, count in blocks]
    return table(("work", "processes", *HEADINGS), sorted(rows))


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=5, limit_s=600)
    options = parser.parse_args()
    blocks: Blocks = defaultdict(list)
    with ground() as on:
        for number in rounds(options.rounds, options.limit):
            print(f"round {number + 1} of {options.rounds}", flush=True)
            for count in COUNTS if number % 2 else reversed(COUNTS):
                with served_by(count, on) as rig:
                    measure(rig, count, number, blocks)
    print("\n" + report(blocks))
    figures = {
        "blocks": [
            {"work": name, "processes": count, "rounds": [asdict(block) for block in measured]}
            for (name, count), measured in blocks.items()
        ]
    }
    return finish("processes", bars(blocks), figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

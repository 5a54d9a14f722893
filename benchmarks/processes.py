"""What several service processes cost and give, beside one: uploads, new and kept variants.

python -m benchmarks.processes [--gunicorn DIR]    about 20 minutes
python -m benchmarks.processes --one-core          as long
python -m benchmarks.processes --only new kept     fewer works, so more rounds of them

All contenders live at once and work in turns of as many calls as one process answers in a second,
so that what a virtual machine's neighbours take hits the sides of a ratio alike: the same loop has
been seen to cost 0.53 and 0.9 s of processor time within ten seconds. Shorter ones tell what
beginning costs: each process that has a part in it begins with cold caches.

Each work is asked for without pause, which tells how much of it is done, and for a second at half
the rate of one process, which tells what it costs: a process that has more to do than it can never
waits for the next request, and saves what waiting costs.

On two cores that are shared with the callers, whatever gives the service more to do at a time has
service and callers take each other's place more often, which costs both of them: the callers, who
do the same in each turn, tell by how much. With --one-core it is left out: each contender has one
core for all its processes, callers and broker have the other.

--gunicorn DIR names a virtual environment with gunicorn, gevent and Flask, a peer for what several
processes of Python cost on shared cores: it serves a kept variant as a file.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks import pictures
from benchmarks.caller import Callers
from benchmarks.disk import keep_apart
from benchmarks.peers import GUNICORN, add_peer_options, gunicorn_with_files
from benchmarks.report import HEADINGS, Bar, add_report_options, block_cells, finish, table
from benchmarks.rig import Rig, answers, service_on, wait_for
from benchmarks.stats import Block, Spread, ratios, rounds
from benchmarks.workloads import SERVICE, Workload
from scripts import broker, rabbitmq
from scripts.paths import RUN_DIR
from scripts.ports import free_ports

COUNTS = (1, 2, 4)
CALLERS = 8
UPLOAD, LARGE = "uploads of 100 KB", "uploads of 12 MP"
NEW, KEPT = "new variants", "kept variants"
WORKS = {"uploads": UPLOAD, "large": LARGE, "new": NEW, "kept": KEPT}
STEADY = "at half that rate"
PEER = f"{KEPT} as files, {GUNICORN}"
PEER_CALLS = 1000
_FEW = 100
_FIRST_SIDE_PX = 60
_IMAGES = 8
CPU_BAR = 1.1
Key = tuple[str, int]
Blocks = dict[Key, list[Block]]


@dataclass(frozen=True)
class Ground:
    """What all contenders stand on. cores: those of a service, and those of all else."""

    node: rabbitmq.Node
    scratch: Path
    cores: tuple[set[int], set[int]]


@dataclass(frozen=True)
class Work:
    """What each contender is asked for, of one kind. calls: as many as one does in a second."""

    name: str
    asked: Mapping[int, Workload]
    calls: int


@contextlib.contextmanager
def ground(*, is_one_core: bool) -> Iterator[Ground]:
    """Start the broker; remove all in the end."""
    every = os.sched_getaffinity(0)
    cores = ({min(every)}, every - {min(every)}) if is_one_core else (every, every)
    scratch = RUN_DIR / "bench" / f"run-{os.getpid()}"
    scratch.parent.mkdir(parents=True, exist_ok=True)
    keep_apart(scratch.parent)
    scratch.mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, scratch, ignore_errors=True)
        with _begun_on(cores[1]):
            node = stack.enter_context(broker.private_node(scratch / "broker", starts_fast=False))
        if not isinstance(node, rabbitmq.Node):
            sys.exit("It gives each contender a virtual host of its own: install rabbitmq-server.")
        yield Ground(node, scratch, cores)


@contextlib.contextmanager
def _begun_on(cores: set[int]) -> Iterator[None]:
    """Have processes that are started here stay on these cores, and all that they start."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def served_by(count: int, on: Ground) -> Iterator[Rig]:
    """A service of so many processes, with a store, a virtual host and callers of its own."""
    scratch = on.scratch / str(count)
    scratch.mkdir()
    port = free_ports(1)[0]
    uri = on.node.add_vhost(f"of-{count}")
    settings = {"service_processes": str(count), "mezzanines": "variant"}
    with contextlib.ExitStack() as stack:
        with _begun_on(on.cores[0]):
            child = stack.enter_context(service_on(uri, scratch, port, settings))
        url = f"http://localhost:{port}"
        log = scratch / "service.log"
        wait_for(child, log, lambda: answers(f"{url}/readyz") and _living(url) == count)
        with _begun_on(on.cores[1]):
            callers = Callers(uri, CALLERS)
        stack.callback(callers.close)
        pid = on.node.process.pid if on.node.process else None
        yield Rig(uri, callers, scratch, {SERVICE: child.pid}, pid, url, "")


def _living(url: str) -> int:
    with urllib.request.urlopen(f"{url}/metrics", timeout=5) as reply:
        lines = reply.read().decode().splitlines()
    found = [line for line in lines if line.startswith("image_service_processes ")]
    return int(float(found[0].split()[1])) if found else 0


def workloads(rig: Rig) -> dict[str, Workload]:
    """Return what each contender can be asked for, on images of its own."""
    paths = tuple(pictures.drawn(pictures.SMALL))
    base = f"{rig.url}/img/insecure"
    ids = rig.upload(paths[:_IMAGES])
    new = tuple(f"{base}/w:{{n}}/plain/{each}@jpg" for each in ids)
    kept = tuple(f"{base}/w:50/plain/{each}@jpg" for each in ids)
    return {
        UPLOAD: Workload("upload", paths),
        LARGE: Workload("upload", tuple(pictures.drawn(pictures.LARGE))),
        NEW: Workload("fetch", urls=new, first=_FIRST_SIDE_PX),
        KEPT: Workload("fetch", urls=kept),
    }


@contextlib.contextmanager
def peers(program: Path | None, rigs: Mapping[int, Rig], on: Ground) -> Iterator[dict[int, Rig]]:
    """Start gunicorn with as many processes as each service has, where there is one."""
    found: dict[int, Rig] = {}
    if program is None:
        yield found
        return
    files = on.scratch / "files"
    files.mkdir()
    (files / "a.jpg").write_bytes(_kept_variant(rigs[COUNTS[0]]))
    with contextlib.ExitStack() as stack:
        for count in COUNTS:
            scratch = on.scratch / f"{GUNICORN}-{count}"
            with _begun_on(on.cores[0]):
                begun = gunicorn_with_files(program, count, files, scratch)
                pid, url = stack.enter_context(begun)
            found[count] = replace(rigs[count], servers={GUNICORN: pid}, url=url)
        yield found


def _kept_variant(rig: Rig) -> bytes:
    with urllib.request.urlopen(workloads(rig)[KEPT].urls[0], timeout=10) as reply:
        return bytes(reply.read())


def warm_up(rigs: Mapping[int, Rig], names: Sequence[str]) -> list[Work]:
    """Have every worker started and every kept variant made; find out how fast one process is."""
    offered = {count: workloads(rig) for count, rig in rigs.items()}
    works = []
    for name in names:
        asked = {count: offered[count][name] for count in rigs}
        blocks: list[Block] = []
        for count in (*sorted(rigs, reverse=True), 1):
            first = asked[count].first + _FEW * len(blocks)
            workload = replace(asked[count], first=first)
            blocks.append(rigs[count].measure(workload, callers=CALLERS, calls=_FEW))
        begun = {
            count: replace(each, first=each.first + _FEW * len(blocks))
            for count, each in asked.items()
        }
        works.append(Work(name, begun, round(blocks[-1].rate)))
    return works


def measure(rigs: Mapping[int, Rig], works: Sequence[Work], number: int, blocks: Blocks) -> None:
    """Measure all contenders once. Args: number: of the round; new variants are new in each."""
    for work in works:
        for count in COUNTS if number % 2 else tuple(reversed(COUNTS)):
            workload = work.asked[count]
            seen = number * (work.calls + _steady(work.calls)) if work.name == NEW else 0
            workload = replace(workload, first=workload.first + seen)
            _measure_both(rigs[count], workload, work.calls, (work.name, count), blocks)


def measure_peers(rigs: Mapping[int, Rig], calls: int, number: int, blocks: Blocks) -> None:
    """Measure the peers once. Args: calls: without pause; number: of the round."""
    for count in sorted(rigs, reverse=not number % 2):
        workload = Workload("fetch", urls=(f"{rigs[count].url}/a.jpg",), asked=GUNICORN)
        _measure_both(rigs[count], workload, calls, (PEER, count), blocks)


def _measure_both(rig: Rig, workload: Workload, calls: int, key: Key, blocks: Blocks) -> None:
    """Have work done without pause, and steadily for a second."""
    blocks[key].append(rig.measure(workload, callers=CALLERS, calls=calls))
    rate = _steady(calls)
    steady = replace(workload, first=workload.first + calls, interval_s=1 / rate)
    block = rig.measure(steady, callers=CALLERS, calls=rate)
    blocks[steadily(key[0]), key[1]].append(block)


def _steady(calls: int) -> int:
    return max(1, calls // 2)


def steadily(work: str) -> str:
    """Return what the work is called at the steady rate."""
    return f"{work}, {STEADY}"


def bars(blocks: Blocks) -> list[Bar]:
    """Return the promises, with what was measured."""
    found = []
    for name in (name for name in WORKS.values() if (name, 1) in blocks):
        alone = blocks[name, 1]
        for count in COUNTS[1:]:
            several = blocks[name, count]
            place = f"{name}, {count} processes"
            found.append(Bar(f"{place}: CPU a call, times one's", _cpu(several, alone), CPU_BAR))
            rate = ratios(several, alone, of="rate")
            found.append(Bar(f"{place}: calls/s, times one's", rate, 1.0, at_least=True))
            cpu = _cpu(blocks[steadily(name), count], blocks[steadily(name), 1])
            place = f"{steadily(name)}, {count} processes"
            found.append(Bar(f"{place}: CPU a call, times one's", cpu, CPU_BAR))
    return found


def _cpu(several: list[Block], alone: list[Block]) -> Spread:
    pairs = zip(several, alone, strict=True)
    return Spread.of([more.cpu_ms["service"] / one.cpu_ms["service"] for more, one in pairs])


def report(blocks: Blocks) -> str:
    """Return the table of all contenders, and what several processes cost the peer."""
    rows = [[name, str(count), *block_cells(blocks[name, count])] for name, count in blocks]
    told = table(("work", "processes", *HEADINGS), sorted(rows))
    for name, count in blocks:
        if name.startswith(PEER) and count > 1:
            ratio = _cpu(blocks[name, count], blocks[name, 1])
            told += f"\n{name}, {count} processes: CPU a call, times one's: {ratio}"
    return told


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--one-core", action="store_true", help="one core for a service, the others for all else"
    )
    parser.add_argument(
        "--only", nargs="+", choices=WORKS, default=list(WORKS), help="which works, default all"
    )
    add_peer_options(parser, GUNICORN)
    add_report_options(parser, rounds=40, limit_s=1200)
    options = parser.parse_args()
    blocks: Blocks = defaultdict(list)
    with ground(is_one_core=options.one_core) as on, contextlib.ExitStack() as stack:
        rigs = {count: stack.enter_context(served_by(count, on)) for count in COUNTS}
        works = warm_up(rigs, [WORKS[name] for name in options.only])
        beside = stack.enter_context(peers(options.gunicorn, rigs, on))
        for number in rounds(options.rounds, options.limit):
            print(f"round {number + 1} of {options.rounds}", flush=True)
            measure(rigs, works, number, blocks)
            measure_peers(beside, PEER_CALLS, number, blocks)
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

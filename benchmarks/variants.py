"""Variants a second: the service beside thumbor and ipx.

python -m benchmarks.variants [--thumbor DIR] [--ipx DIR] [--photos DIR]      about 8 minutes
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import urllib.request
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks import pictures
from benchmarks.likeness import likeness, reference, size_of
from benchmarks.peers import IPX, THUMBOR, Peer, Task, add_peer_options, running_peers
from benchmarks.report import HEADINGS, Bar, add_report_options, block_cells, finish, table
from benchmarks.rig import Rig, running
from benchmarks.stats import Block, Spread, ratios, rounds
from benchmarks.workloads import FLOOR, Workload

CLIENTS = 4
OURS, BARE = "image_service", "floor: bare handler"
CACHED = "cached, about 50 KB"
CACHED_SIDE_PX, CACHED_CALLS = 620, 2000
# Less is no difference: a step of the quality is more.
EQUAL_SSIM = 0.001
# So far from the quality of a task others are tried, to compare results of equal size.
NEARBY = 5
_QUALITY_HEADINGS = ("task", "contender", "bytes", "SSIM to a float reference", "ours in its bytes")


@dataclass(frozen=True)
class Contest:
    """A task on some sources. bars: how many times the better peer's rate, thumbor's, or ipx's.

    is_first: every picture is asked for once; else many times, each time for another variant.
    """

    task: Task
    sources: tuple[Path, ...]
    calls: int
    is_first: bool = False
    best_bar: float = 0.0
    thumbor_bar: float = 0.0
    ipx_bar: float = 0.0


def contests(photos: Path | None) -> list[Contest]:
    """Return what is measured."""
    medium, large = pictures.photos_of(photos)
    pngs = tuple(pictures.as_pngs(medium, side_px=1024))
    return [
        Contest(Task("JPEG from 6 MP", 512, "jpg", 80), medium, 160, best_bar=1.15),
        Contest(Task("JPEG from 12 MP", 512, "jpg", 80), large, 100, best_bar=1.15),
        Contest(Task("WebP from 6 MP", 512, "webp", 75), medium, 120, best_bar=1.15),
        Contest(Task("AVIF from 6 MP", 512, "avif", 65), medium, 40, best_bar=2.0),
        Contest(Task("PNG to PNG", 256, "png", 80), pngs, 120, thumbor_bar=1.1, ipx_bar=1.0),
        Contest(
            Task("JPEG, each photo's first", 512, "jpg", 80),
            medium,
            100,
            is_first=True,
            best_bar=1.15,
        ),
    ]


class Numbers:
    """Numbers that make every URL a new one: nothing is in a cache."""

    def __init__(self) -> None:
        self._next = 1

    def take(self, count: int) -> int:
        """Return the first of so many numbers that nobody else gets."""
        first, self._next = self._next, self._next + count
        return first


def urls_of(
    rig: Rig, contest: Contest, peers: Sequence[Peer], ids: Sequence[str]
) -> dict[str, list[str]]:
    """Return the addresses of a contest's results by contender, one for each image or source."""
    task = contest.task
    ours = [
        f"{rig.url}/img/insecure/rs:fit:{task.side_px}:{task.side_px}/q:{task.quality}"
        # An offset that moves nothing, for nothing is cut, and makes another variant.
        f"/g:ce:{{n}}/plain/{image_id}@{task.extension}"
        for image_id in ids
    ]
    theirs = {
        peer.name: [peer.url(task, source.name) for source in contest.sources] for peer in peers
    }
    return {OURS: ours, **theirs}


@dataclass(frozen=True)
class Judged:
    """How large and how true a contender's results are.

    as_small: our results' SSIM at as many bytes, between the two qualities that lead to nearly as
    many; None where quality means nothing.
    """

    task: str
    name: str
    mean_bytes: float
    ssim: float
    as_small: float | None = None

    @property
    def row(self) -> list[str]:
        """A row of the table."""
        as_small = "" if self.as_small is None else f"{self.as_small:.4f}"
        return [self.task, self.name, f"{self.mean_bytes:,.0f}", f"{self.ssim:.4f}", as_small]


def judged(rig: Rig, contest: Contest, peers: Sequence[Peer], ids: Sequence[str]) -> list[Judged]:
    """Return how large and how true each contender's results are."""
    task = contest.task
    urls = urls_of(rig, contest, peers, ids)
    files = {name: [_got(url) for url in each] for name, each in urls.items()}
    tried = [
        [_got(url.replace(f"q:{task.quality}/", f"q:{quality}/")) for url in urls[OURS]]
        for quality in range(task.quality - NEARBY, task.quality + NEARBY + 1)
        if not task.is_lossless
    ]
    # Files grow with the quality.
    sizes = [_mean_bytes(each) for each in tried]
    alike = [_mean_likeness(each, contest.sources) for each in tried]
    return [
        Judged(
            task.name,
            name,
            _mean_bytes(each),
            _mean_likeness(each, contest.sources),
            float(np.interp(_mean_bytes(each), sizes, alike)) if tried and name != OURS else None,
        )
        for name, each in files.items()
    ]


def _mean_bytes(files: Sequence[bytes]) -> float:
    return statistics.mean(map(len, files))


def _got(url: str) -> bytes:
    with urllib.request.urlopen(url.replace("{n}", "0")) as answer:
        data: bytes = answer.read()
    return data


def _mean_likeness(files: Sequence[bytes], sources: Sequence[Path]) -> float:
    return statistics.mean(
        likeness(data, reference(source, size_of(data)))
        for data, source in zip(files, sources, strict=True)
    )


def measure(
    rig: Rig,
    contest: Contest,
    peers: Sequence[Peer],
    ids: Sequence[str],
    numbers: Numbers,
    reverse: bool,
) -> dict[str, Block]:
    """Measure every contender once; in reverse order every other round."""
    first = numbers.take(contest.calls)
    if contest.is_first:
        turns = itertools.islice(itertools.cycle(contest.sources), contest.calls)
        ids = rig.upload(list(turns))
        rig.wait_for_lull_work()
    workloads = {
        name: Workload("fetch", urls=tuple(urls), first=first, asked="" if name == OURS else name)
        for name, urls in urls_of(rig, contest, peers, ids).items()
    }
    order = reversed(workloads) if reverse else iter(workloads)
    return {
        name: rig.measure(workloads[name], callers=CLIENTS, calls=contest.calls) for name in order
    }


Blocks = dict[str, dict[str, list[Block]]]


def measure_cached(rig: Rig, image_id: str, reverse: bool) -> dict[str, Block]:
    """Measure a variant that is kept, and a bare handler that answers as many bytes."""
    url = f"{rig.url}/img/insecure/rs:fit:{CACHED_SIDE_PX}:{CACHED_SIDE_PX}/plain/{image_id}@jpg"
    with urllib.request.urlopen(url) as answer:
        size_bytes = len(answer.read())
    bare = f"{rig.floor_url}/bytes/{size_bytes}"
    workloads = {
        OURS: Workload("fetch", urls=(url,)),
        BARE: Workload("fetch", urls=(bare,), asked=FLOOR),
    }
    order = reversed(workloads) if reverse else iter(workloads)
    return {
        name: rig.measure(workloads[name], callers=CLIENTS, calls=CACHED_CALLS) for name in order
    }


def bars(all_contests: Sequence[Contest], blocks: Blocks, quality: Sequence[Judged]) -> list[Bar]:
    """Return the promises, with what was measured."""
    found = []
    for contest in all_contests:
        measured = blocks[contest.task.name]
        times = {
            name: ratios(measured[OURS], measured[name], of="rate")
            for name in (THUMBOR, IPX)
            if measured.get(name)
        }
        if contest.best_bar and times:
            worst = min(times.values(), key=lambda spread: spread.median)
            name = f"{contest.task.name}: variants/s, times the better peer's"
            found.append(Bar(name, worst, contest.best_bar, at_least=True))
        for peer, bar in ((THUMBOR, contest.thumbor_bar), (IPX, contest.ipx_bar)):
            if bar and peer in times:
                name = f"{contest.task.name}: variants/s, times {peer}'s"
                found.append(Bar(name, times[peer], bar, at_least=True))
    for each in quality:
        if each.as_small is not None:
            name = f"{each.task}: SSIM in {each.name}'s bytes, beyond its own"
            more = Spread.of([each.as_small - each.ssim])
            found.append(Bar(name, more, -EQUAL_SSIM, at_least=True))
    cached = blocks[CACHED]
    share = ratios(cached[OURS], cached[BARE], of="rate")
    found.append(Bar("cached: variants/s, times a bare handler's", share, 0.8, at_least=True))
    peers = [
        contenders[name]
        for contenders in blocks.values()
        for name in (THUMBOR, IPX)
        if contenders.get(name)
    ]
    if peers:
        best = max(peers, key=lambda told: Spread.of([block.rate for block in told]).median)
        name = "cached: variants/s, times the peers' best uncached"
        found.append(Bar(name, ratios(cached[OURS], best, of="rate"), 10.0, at_least=True))
    return found


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=5, limit_s=600)
    add_peer_options(parser, THUMBOR, IPX)
    pictures.add_photos_option(parser)
    options = parser.parse_args()
    planned = contests(options.photos)
    sources = list(dict.fromkeys(path for contest in planned for path in contest.sources))
    blocks: Blocks = defaultdict(lambda: defaultdict(list))
    numbers = Numbers()
    with running(callers=CLIENTS) as rig:
        ids = dict(zip(sources, rig.upload(sources), strict=True))
        rig.wait_for_lull_work()
        with running_peers(rig, sources, thumbor=options.thumbor, ipx=options.ipx) as peers:
            for number in rounds(options.rounds, options.limit):
                cached = measure_cached(rig, ids[planned[0].sources[0]], bool(number % 2))
                for name, block in cached.items():
                    blocks[CACHED][name].append(block)
                for contest in planned:
                    its_ids = [ids[path] for path in contest.sources]
                    told = measure(rig, contest, peers, its_ids, numbers, bool(number % 2))
                    for name, block in told.items():
                        blocks[contest.task.name][name].append(block)
            quality = [
                each
                for contest in planned
                if not contest.is_first
                for each in judged(rig, contest, peers, [ids[path] for path in contest.sources])
            ]
    rows = [
        [task, name, *block_cells(measured)]
        for task, contenders in blocks.items()
        for name, measured in contenders.items()
    ]
    print("\n" + table(("task", "contender", *HEADINGS), rows))
    print("\n" + table(_QUALITY_HEADINGS, [each.row for each in quality]))
    figures = {
        "quality": [asdict(each) for each in quality],
        "blocks": {
            task: {name: [asdict(block) for block in told] for name, told in contenders.items()}
            for task, contenders in blocks.items()
        },
    }
    return finish("variants", bars(planned, blocks, quality), figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

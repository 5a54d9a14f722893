"""What all processes take together while 16 clients ask for new variants of 48 MP photographs.

python -m benchmarks.render_memory [--photos DIR]      about 30 seconds
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field

import psutil

from benchmarks import pictures
from benchmarks.report import Bar, add_report_options, finish
from benchmarks.rig import running
from benchmarks.stats import Spread
from benchmarks.workloads import SERVICE

CLIENTS = 16
BAR_MB = 1200
OPTIONS = (
    "rs:fit:512:512", "rs:fill:800:800", "w:1600", "w:300/bl:3", "w:2400/f:webp", "w:1000/f:avif",
)  # fmt: skip
_LOOK_EVERY_S = 0.02
_TIMEOUT_S = 120


@dataclass
class Peak:
    """The most that a process and its children took at one time, in bytes."""

    rss_bytes: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self, root: psutil.Process) -> None:
        """Look again and again until over is set."""
        while not self.over.wait(_LOOK_EVERY_S):
            total = 0
            for process in (root, *root.children(recursive=True)):
                with contextlib.suppress(psutil.Error):
                    total += process.memory_info().rss
            self.rss_bytes = max(self.rss_bytes, total)


@contextlib.contextmanager
def watching(pid: int) -> Iterator[Peak]:
    """Watch a process and its children meanwhile."""
    peak = Peak()
    thread = threading.Thread(target=peak.watch, args=(psutil.Process(pid),))
    thread.start()
    try:
        yield peak
    finally:
        peak.over.set()
        thread.join()


def ask(url: str, image_id: str, number: int) -> None:
    """Be one client; number makes its variants different from all others'."""
    for options in OPTIONS:
        address = f"{url}/img/insecure/{options}/pd:0:0:0:{number}/plain/{image_id}"
        with urllib.request.urlopen(address, timeout=_TIMEOUT_S) as answer:
            answer.read()


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=3, limit_s=120)
    pictures.add_photos_option(parser)
    options = parser.parse_args()
    photo = pictures.tiled(pictures.large_photos(options.photos)[0])
    peaks = []
    with running(callers=1) as rig:
        (image_id,) = rig.upload([photo])
        for round_number in range(options.rounds):
            with watching(rig.servers[SERVICE]) as peak:
                first = round_number * CLIENTS
                threads = [
                    threading.Thread(target=ask, args=(rig.url, image_id, first + number + 1))
                    for number in range(CLIENTS)
                ]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join()
            peaks.append(peak.rss_bytes / 2**20)
    bar = Bar("16 clients, 48 MP: RSS of all processes, MB", Spread.of(peaks), BAR_MB)
    return finish("render_memory", [bar], {"peaks_mb": peaks}, options.out)


if __name__ == "__main__":
    sys.exit(main())

"""What `image-service upload` costs beside the service that it uploads to.

python -m benchmarks.cli_upload [--photos 1000]      about 3 minutes, and 4 GB of disk

The same pictures are uploaded to a new store in each round, then once more: all are there then.
Processor time is that of the command from its start to its end, Python's own start included, and
that of the service with its image workers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pictures, rig
from benchmarks.cpu import Meter
from benchmarks.disk import keep_apart
from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.stats import Spread, rounds
from scripts import broker
from scripts.paths import RUN_DIR
from scripts.ports import free_ports

MOST_SHARE = 0.25
KINDS = {kind.label: kind for kind in (pictures.PHOTO, pictures.SMALL)}
HEADINGS = (
    "photos", "seconds", "command: CPU ms each", "service: CPU ms each", "share", "again: s",
)  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One upload of all: seconds, the command's processor time, the service's."""

    wall_s: float
    command_s: float
    service_s: float

    @property
    def share(self) -> float:
        """The command's processor time, the service's being 1."""
        return self.command_s / self.service_s


def write_photos(folder: Path, kind: pictures.Kind, count: int) -> None:
    """Write so many pictures of a kind that all have other bytes."""
    drawn = [path.read_bytes() for path in pictures.drawn(kind)]
    folder.mkdir(parents=True)
    for number in range(count):
        # Behind a JPEG's end anything may stand.
        data = drawn[number % len(drawn)] + number.to_bytes(8, "big")
        (folder / f"{number:05}.jpg").write_bytes(data)


def upload(folder: Path, uri: str, service_pid: int, *, expected: str) -> Run:
    """Run the command. Raises: SystemExit if it does not say what is expected."""
    program = Path(sys.executable).with_name("image-service")
    meter = Meter(service=service_pid)
    before, began_s = meter.read()["service"], time.monotonic()
    process = subprocess.Popen(
        [str(program), "upload", "-r", str(folder), "--amqp-uri", uri],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - began_s
    if status or expected not in said:
        raise SystemExit(f"the upload failed: {said}")
    spent_s = meter.read()["service"] - before
    return Run(wall_s, usage.ru_utime + usage.ru_stime, spent_s)


@contextmanager
def service(scratch: Path, uri: str) -> Iterator[int]:
    """Serve an empty store, and yield the service's pid."""
    scratch.mkdir()
    settings = {"mezzanines": "variant"}  # what is made in lulls is no part of an upload
    with rig.service_on(uri, scratch, free_ports(1)[0], settings) as child:
        yield child.pid
    shutil.rmtree(scratch)


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=3, limit_s=400)
    parser.add_argument("--photos", type=int, default=1000, help="default 1,000")
    parser.add_argument("--kind", choices=KINDS, action="append", help="default: both")
    options = parser.parse_args()
    scratch = RUN_DIR / "bench" / f"cli-{os.getpid()}"
    scratch.mkdir(parents=True)
    keep_apart(scratch)
    runs: dict[str, list[tuple[Run, Run]]] = {label: [] for label in options.kind or KINDS}
    count = options.photos
    try:
        for label in runs:
            write_photos(scratch / label, KINDS[label], count)
        with broker.private_node(scratch / "broker", starts_fast=False) as node:
            for number in rounds(options.rounds, options.limit):
                for label, done in runs.items():
                    with service(scratch / f"{label}-{number}", node.uri) as pid:
                        first = upload(
                            scratch / label, node.uri, pid, expected=f"{count:,} stored, 0 there"
                        )
                        again = upload(
                            scratch / label, node.uri, pid, expected=f"0 stored, {count:,} there"
                        )
                    done.append((first, again))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"\n{count:,} photos\n")
    print(table(HEADINGS, [_row(label, done, count) for label, done in runs.items()]))
    bars = [
        Bar(
            f"{label}: the command's CPU, times the service's",
            Spread.of([first.share for first, _ in done]),
            MOST_SHARE,
        )
        for label, done in runs.items()
    ]
    figures = {
        label: [[vars(first), vars(again)] for first, again in done] for label, done in runs.items()
    }
    return finish("cli_upload", bars, figures, options.out)


def _row(label: str, done: list[tuple[Run, Run]], count: int) -> list[str]:
    def spread(values: list[float]) -> str:
        return str(Spread.of(values))

    return [
        label,
        spread([first.wall_s for first, _ in done]),
        spread([1000 * first.command_s / count for first, _ in done]),
        spread([1000 * first.service_s / count for first, _ in done]),
        spread([first.share for first, _ in done]),
        spread([again.wall_s for _, again in done]),
    ]


if __name__ == "__main__":
    sys.exit(main())

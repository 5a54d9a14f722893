"""The peer: a NestJS service of the same six calls, through its own client and benchmark.

It is not part of this repository. `--nest DIR` names a folder with it, built, whose `bench.js`
measures it; that program starts a server and a client of its own for each measurement.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.disk import keep_apart
from benchmarks.stats import Block

BENCH_TIMEOUT_S = 300.0
Measured = dict[tuple[str, int], Block]


def add_nest_option(parser: argparse.ArgumentParser) -> None:
    """Let the user name the peer's folder."""
    parser.add_argument(
        "--nest", metavar="DIR", type=Path, help="a built copy of the NestJS peer (else left out)"
    )


class Nest:
    """A built copy of the peer."""

    def __init__(self, folder: Path) -> None:
        """Check that it is built. Raises: SystemExit."""
        self._folder = folder.resolve()
        if not (self._folder / "dist/main.js").exists():
            raise SystemExit(f"{folder} holds no built peer: run npm ci and npm run build there")

    def give(self, pictures: Sequence[Path]) -> None:
        """Have it upload these pictures, the ones we upload, and no others."""
        data = self._folder / "data"
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir()
        keep_apart(data)
        for path in pictures:
            shutil.copy(path, data)

    def measure(self, only: str, **counts: int) -> Measured:
        """Run one round of its benchmark; return its blocks by name and callers.

        Args:
            only: which measurements, as its `--only` takes them.
            counts: calls a block, as its options `--n100k` and `--n2m` take them.
        """
        blocks = {}
        for result in self.run(only, **counts):
            blocks[result["name"], result["inFlight"]] = Block(
                calls=result["calls"],
                wall_s=result["calls"] / result["callsPerSecond"],
                p50_ms=result["p50ms"],
                p99_ms=result["p99ms"],
                cpu_ms={
                    "service": result["serverCpuMsPerCall"],
                    "client": result["clientCpuMsPerCall"],
                },
            )
        return blocks

    def run(self, only: str, **counts: int) -> list[dict[str, Any]]:
        """Run one round of its benchmark; return its results as it prints them."""
        options = [f"--{name}={value}" for name, value in counts.items()]
        done = subprocess.run(
            ["node", "bench.js", "--rounds=1", f"--only={only}", *options],
            cwd=self._folder,
            env={k: v for k, v in os.environ.items() if not k.startswith("IMAGE_SERVICE_")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=BENCH_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"the peer's benchmark failed:\n{done.stderr[-2000:]}")
        results: list[dict[str, Any]] = json.loads(done.stdout)["results"]
        return results


def peer(folder: Path | None) -> Nest | None:
    """Return the peer, or None and a printed line without a folder."""
    if folder is None:
        print("No --nest DIR: the NestJS peer is left out, and with it the bars against it.")
        return None
    return Nest(folder)

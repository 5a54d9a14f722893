"""How results are told: a Markdown table for people, JSON for machines, an exit code for CI."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.stats import Block, Spread, cpu, rounded
from scripts.paths import RUN_DIR

HEADINGS = ("calls/s (range)", "p50 ms", "CPU ms a call: client", "service", "broker", "all")


@dataclasses.dataclass(frozen=True)
class Bar:
    """A figure that was promised. is_met tells whether the median reaches it."""

    name: str
    measured: Spread
    wanted: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether the median keeps the promise."""
        if self.at_least:
            return self.measured.median >= self.wanted
        return self.measured.median <= self.wanted

    def cells(self) -> list[str]:
        """Return its row of the table."""
        sign = "≥" if self.at_least else "≤"
        met = "yes" if self.is_met else "NO"
        likely = self.measured.likely
        interval = "–" if likely is None else "–".join(map(rounded, likely))
        return [self.name, str(self.measured), interval, f"{sign} {rounded(self.wanted)}", met]


def table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return an aligned Markdown table."""
    lines = [list(headings), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| "
        + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        + " |"
        for line in lines
    )


def block_cells(blocks: Sequence[Block]) -> list[str]:
    """Return the cells under HEADINGS: medians over the rounds, rates with their range."""
    parts = [cpu(blocks, part) for part in ("client", "service", "broker")]
    cells = ["–" if part is None else rounded(part) for part in parts]
    rate = Spread.of([block.rate for block in blocks])
    latency = Spread.of([block.p50_ms for block in blocks])
    return [str(rate), rounded(latency.median), *cells, rounded(cpu(blocks) or 0.0)]


def add_report_options(parser: argparse.ArgumentParser, *, rounds: int, limit_s: int) -> None:
    """Add what all benchmarks take."""
    parser.add_argument("--rounds", type=int, default=rounds, help=f"default {rounds}")
    parser.add_argument(
        "--limit", metavar="SECONDS", type=float, default=limit_s, help=f"default {limit_s}"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="JSON; default .run/bench/")


def finish(name: str, bars: Sequence[Bar], figures: Mapping[str, object], out: Path | None) -> int:
    """Print the bars, write everything as JSON, return the exit code: 1 when a bar is missed."""
    headings = ("bar", "measured (range)", "95 % of the median", "wanted", "met")
    print("\n" + table(headings, [bar.cells() for bar in bars]))
    path = out or RUN_DIR / "bench" / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = [dataclasses.asdict(bar) | {"is_met": bar.is_met} for bar in bars]
    document = {"benchmark": name, "machine": machine(), "bars": told, **figures}
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{machine_line()}\nWritten: {path}")
    return 0 if all(bar.is_met for bar in bars) else 1


def machine() -> dict[str, object]:
    """Return what the figures were measured on and with."""
    return {
        "cores": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("nameko", "kombu", "eventlet", "Pillow")},
        "measured_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    }


def machine_line() -> str:
    """Return the same in one line."""
    facts = machine()
    return f"{facts['cores']} cores, load {facts['load_1min']}, Python {facts['python']}"

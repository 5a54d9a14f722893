"""sharp's published task beside sharp: 2725 x 2225 to 720 x 588, JPEG at quality 80.

python -m benchmarks.sharp --ipx DIR [--photos DIR]      about a minute

Both from memory to memory in one process, one thread. sharp shrinks on load, and so do we; and
both are asked to decode in full, too. Fidelity: what is encoded, against a float reference.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import pictures
from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.stats import Spread, rounded, rounds
from image_service.domain.formats import Format
from image_service.domain.image import PictureFacts
from image_service.domain.transform import Transform
from image_service.imaging.examine import set_up
from image_service.imaging.limits import Limits
from image_service.imaging.render import Source, render
from image_service.memory import keep_freed

WIDTH, HEIGHT, QUALITY = 720, 588, 80
OPERATIONS = 15
SAME_BAR, TRUER_BAR, TRUER_DB = 1.05, 1.5, 15.0
_ENVIRONMENT = {"VIPS_CONCURRENCY": "1", "PILLOW_BLOCKS_MAX": "16", "OPENBLAS_NUM_THREADS": "1"}
# Prints the processor time of an operation in ms; writes what it encodes, losslessly.
_PROGRAM = """
import sharp from "sharp"; import fs from "fs";
const [file, count, fast, out] = process.argv.slice(1);
const data = fs.readFileSync(file);
sharp.concurrency(1); sharp.cache(false);
const resized = () => sharp(data).resize(%d, %d, {fit: "fill", fastShrinkOnLoad: fast === "1"});
const operation = () => resized().jpeg({quality: %d}).toBuffer();
for (let i = 0; i < 3; i++) await operation();
const before = process.cpuUsage();
for (let i = 0; i < +count; i++) await operation();
const spent = process.cpuUsage(before);
fs.writeFileSync(out, await resized().png().toBuffer());
console.log((spent.user + spent.system) / 1000 / count);
"""


@dataclass
class Contender:
    """One way to do the task. cpu_ms: of an operation, each round; decibels: how true it is."""

    name: str
    measure: Callable[[], float]
    shown: Callable[[], bytes]
    cpu_ms: list[float] = field(default_factory=list)
    decibels: float = 0.0


def ours(data: bytes, *, shrink_on_load: bool) -> Contender:
    """Return our way, as a worker does it."""
    source = Source(data, PictureFacts(Format.JPEG, 0, 0))
    wanted = Transform("force", WIDTH, HEIGHT, format=Format.JPEG, quality=QUALITY)
    lossless = Transform("force", WIDTH, HEIGHT, format=Format.PNG)

    def measure() -> float:
        before = time.process_time()
        for _ in range(OPERATIONS):
            render(source, wanted, Limits(), shrink_on_load=shrink_on_load)
        return 1000 * (time.process_time() - before) / OPERATIONS

    def shown() -> bytes:
        return render(source, lossless, Limits(), shrink_on_load=shrink_on_load).data

    return Contender("image_service" + ("" if shrink_on_load else ", in full"), measure, shown)


def theirs(folder: Path, photo: Path, out: Path, *, shrink_on_load: bool) -> Contender:
    """Return sharp's way."""
    program = _PROGRAM % (WIDTH, HEIGHT, QUALITY)
    arguments = [str(photo), str(OPERATIONS), str(int(shrink_on_load)), str(out)]

    def measure() -> float:
        told = subprocess.run(
            ["node", "--input-type=module", "--eval", program, *arguments],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        return float(told.stdout)

    return Contender("sharp" + ("" if shrink_on_load else ", in full"), measure, out.read_bytes)


def fidelity(data: bytes, expected: np.ndarray) -> float:
    """Return the PSNR of a picture's file and a reference, in dB."""
    with Image.open(io.BytesIO(data)) as image:
        error = np.asarray(image.convert("RGB"), np.float64) - expected
    return float(10 * np.log10(255**2 / np.mean(error**2)))


def reference(photo: Path) -> np.ndarray:
    """Return what a full decode and a Lanczos filter in floats give."""
    with Image.open(photo) as image:
        planes = [
            plane.convert("F").resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
            for plane in image.convert("RGB").split()
        ]
    expected: np.ndarray = np.clip(np.stack([np.asarray(p) for p in planes], -1), 0, 255)
    return expected


def bars(fast: Contender, full: Contender, sharp: Contender, sharp_full: Contender) -> list[Bar]:
    """Return the promises, with what was measured."""

    def times(one: Contender, other: Contender) -> Spread:
        return Spread.of([a / b for a, b in zip(one.cpu_ms, other.cpu_ms, strict=True)])

    ahead = Spread.exactly(full.decibels - sharp.decibels)
    level = round(min(fast.decibels - sharp.decibels, full.decibels - sharp_full.decibels), 1)
    return [
        Bar("CPU, times sharp's", times(fast, sharp), SAME_BAR),
        Bar("in full: CPU, times sharp's in full", times(full, sharp_full), SAME_BAR),
        Bar("truer than sharp in both, dB", Spread.exactly(level), 0, at_least=True),
        Bar("in full: CPU, times sharp's shrinking", times(full, sharp), TRUER_BAR),
        Bar("in full: truer than sharp's shrinking, dB", ahead, TRUER_DB, at_least=True),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=7, limit_s=120)
    pictures.add_photos_option(parser)
    parser.add_argument("--ipx", metavar="DIR", type=Path, required=True, help="has sharp, too")
    options = parser.parse_args(arguments)
    photo = pictures.photos_of(options.photos)[0][0].absolute()
    data, out = photo.read_bytes(), pictures.CACHE / "sharp.png"
    set_up(Limits())
    folder = options.ipx.absolute()
    contenders = [
        ours(data, shrink_on_load=True),
        ours(data, shrink_on_load=False),
        theirs(folder, photo, out, shrink_on_load=True),
        theirs(folder, photo, out, shrink_on_load=False),
    ]
    expected = reference(photo)
    for each in contenders:
        each.measure()
        each.decibels = fidelity(each.shown(), expected)
    for number in rounds(options.rounds, options.limit):
        for each in reversed(contenders) if number % 2 else contenders:
            each.cpu_ms.append(each.measure())
    rows = [[each.name, str(Spread.of(each.cpu_ms)), rounded(each.decibels)] for each in contenders]
    print(f"\n{pictures.describe([photo])} to {WIDTH}x{HEIGHT}, JPEG at quality {QUALITY}")
    print("\n" + table(("contender", "CPU ms (range)", "PSNR, dB"), rows))
    figures = {
        each.name: {"cpu_ms": each.cpu_ms, "median": statistics.median(each.cpu_ms)}
        for each in contenders
    }
    return finish("sharp", bars(*contenders), figures, options.out)


if __name__ == "__main__":
    if not _ENVIRONMENT.items() <= os.environ.items():
        os.execve(
            sys.executable,
            [sys.executable, "-m", "benchmarks.sharp", *sys.argv[1:]],
            {**os.environ, **_ENVIRONMENT},
        )
    keep_freed()
    sys.exit(main())

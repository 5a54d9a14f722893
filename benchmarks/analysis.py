"""What looking at one picture costs a worker, and what look-alikes cost among a million images.

python -m benchmarks.analysis [--photos DIR]      about 3 minutes, most of it for the million
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

import sqlalchemy as sa
from PIL import Image as Pictures

from benchmarks import pictures
from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.stats import Spread, rounded, rounds
from image_service.catalogue import SqlCatalogue
from image_service.catalogue.migrate import upgrade
from image_service.catalogue.records import to_row
from image_service.catalogue.sqlite import open_sqlite
from image_service.catalogue.tables import images
from image_service.domain.fingerprint import Fingerprint
from image_service.domain.formats import Format
from image_service.domain.image import Image, PictureFacts, make_image_id
from image_service.domain.strip import Strip
from image_service.imaging.examine import examine, set_up
from image_service.imaging.limits import Limits
from scripts.paths import RUN_DIR

ANALYSIS_BAR_MS = 60.0
SIMILAR_BAR_MS = 20.0
MILLION = 1_000_000
AT_ONCE = 10_000
QUESTIONS = 100
DISTANCES = (0, 8, 10)
ALIKE = 50
START_MS = 1_767_268_800_000


def cpu_ms(work: object, data: bytes, **arguments: object) -> float:
    """Return the processor time of one call."""
    assert callable(work)
    before = time.process_time()
    work(data, **arguments)
    return 1000 * (time.process_time() - before)


def look(data: bytes, strip_mode: Strip) -> None:
    """Do all that a worker does with an upload."""
    examine(data, Format.JPEG, Limits(), strip_mode=strip_mode)


def decode(data: bytes) -> None:
    """Do what a service without any of it does: decode once."""
    with Pictures.open(io.BytesIO(data)) as picture:
        picture.load()


def analysis(photos: Sequence[Path], count: int, limit_s: float) -> dict[str, list[float]]:
    """Return the processor time of each kind of look, a figure a round."""
    set_up(Limits())
    found: dict[str, list[float]] = {"full decode": []}
    found |= {f"analysis, strip {mode.value}": [] for mode in Strip}
    data = [path.read_bytes() for path in photos]
    for number in rounds(count, limit_s):
        photo = data[number % len(data)]
        found["full decode"].append(cpu_ms(decode, photo))
        for mode in Strip:
            found[f"analysis, strip {mode.value}"].append(cpu_ms(look, photo, strip_mode=mode))
    return found


def similar(folder: Path) -> dict[int, list[float]]:
    """Return the wall time of questions at each distance, in ms, among a million images."""
    folder.mkdir(parents=True, exist_ok=True)
    transactions = open_sqlite(folder / "catalogue.sqlite3", timeout_s=10, prepare=upgrade)
    catalogue = SqlCatalogue(transactions)
    catalogue.prepare()
    asked = _seed(transactions.writer)
    found: dict[int, list[float]] = {}
    for distance in DISTANCES:
        found[distance] = []
        for image in asked:
            before = time.perf_counter()
            catalogue.find_similar(image, max_distance=distance, limit=50)
            found[distance].append(1000 * (time.perf_counter() - before))
    catalogue.close()
    return found


def _seed(engine: sa.Engine) -> list[Image]:
    """Fill the catalogue; every other image is one of ALIKE look-alikes. Returns some of them."""
    chance = random.Random(5)
    asked: list[Image] = []
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        for start in range(0, MILLION, AT_ONCE):
            some = list(_images(chance, start))
            connection.execute(sa.insert(images), [to_row(image) for image in some])
            asked.append(chance.choice(some))
    return asked[:QUESTIONS]


def _images(chance: random.Random, start: int) -> Iterable[Image]:
    bases = [chance.getrandbits(64) for _ in range(AT_ONCE // 2 // ALIKE)]
    for number in range(start, start + AT_ONCE):
        value = chance.getrandbits(64)
        if number % 2:
            value = chance.choice(bases) ^ 1 << chance.randrange(64) ^ 1 << chance.randrange(64)
        yield Image(
            id=make_image_id(START_MS + number, chance.randbytes(24)),
            filename=f"photo-{number}.jpg",
            size_bytes=100_000,
            sha256=chance.randbytes(32),
            created_ms=START_MS + number,
            facts=PictureFacts(Format.JPEG, 640, 480),
            fingerprint=Fingerprint("#808080", chance.randbytes(21), value),
        )


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=21, limit_s=60)
    pictures.add_photos_option(parser)
    options = parser.parse_args()
    costs = analysis(pictures.large_photos(options.photos), options.rounds, options.limit)
    folder = RUN_DIR / "bench" / "million"
    try:
        times = similar(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    spreads = {name: Spread.of(told) for name, told in costs.items()}
    spreads |= {f"find_similar, distance {d}": Spread.of(told) for d, told in times.items()}
    rows = [[name, str(spread)] for name, spread in spreads.items()]
    print("\n" + table(("what", "ms (range)"), rows))
    bars = [
        Bar(f"12 MP JPEG, {name}: CPU ms", spreads[name], ANALYSIS_BAR_MS)
        for name in costs
        if name.startswith("analysis")
    ]
    name = "find_similar, distance 8"
    bars.append(Bar(f"{name}, 1,000,000 images: ms", spreads[name], SIMILAR_BAR_MS))
    figures = {"ms": {name: rounded(spread.median) for name, spread in spreads.items()}}
    return finish("analysis", bars, figures, options.out)


if __name__ == "__main__":
    sys.exit(main())

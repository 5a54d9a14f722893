"""The gallery over 100,000 images: until its blur-ups are seen, and how smoothly it scrolls.

python -m benchmarks.gallery [--images N] [--screens N]      about a minute

Forty pictures are uploaded; the rest are rows beside them, with their fingerprints, and hard links
to their files. Chromium opens the page anew in each round, and scrolls it in the last.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import random
import sqlite3
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from benchmarks.report import Bar, add_report_options, finish, table
from benchmarks.rig import Rig, running
from benchmarks.stats import Spread, rounds
from benchmarks.workloads import connected
from image_service.web.gallery import pages
from scripts import browsers
from scripts.paths import PHOTOS

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES, UPLOADED, SCREENS = 100_000, 40, 50
BLUR_BAR_MS, BYTES_BAR_KB, TASK_BAR_MS = 1500.0, 60.0, 200.0
_YEARS_MS = 3 * 365 * 86_400_000
_PAUSE_MS = 120

# When the first cells have their blur-ups and a frame has been drawn with them; long tasks.
_WATCH = """
window.seen = {blurMs: null, tasks: []};
new PerformanceObserver((list) => {
  for (const {duration} of list.getEntries()) window.seen.tasks.push(duration);
}).observe({type: "longtask", buffered: true});
const look = () => {
  if (document.querySelectorAll(".cell .blur").length < 8) return requestAnimationFrame(look);
  requestAnimationFrame(() => setTimeout(() => { window.seen.blurMs = performance.now(); }));
};
requestAnimationFrame(look);
"""


def cut(number: int) -> bytes:
    """Return a part of one of the sample photos, as JPEG."""
    chance = random.Random(number)
    photo = sorted(PHOTOS.glob("*.[jp][pn]g"))[number % 4]
    picture = Image.open(photo).convert("RGB")
    ratio = chance.choice((1.5, 1.5, 1.33, 0.75, 0.67, 1.0, 1.78))
    height = min(picture.height, picture.width / ratio) * chance.uniform(0.5, 1)
    width = height * ratio
    x, y = chance.uniform(0, picture.width - width), chance.uniform(0, picture.height - height)
    part = picture.crop((int(x), int(y), int(x + width), int(y + height)))
    file = io.BytesIO()
    part.save(file, "JPEG", quality=85)
    return file.getvalue()


def seed(rig: Rig, images: int) -> None:
    """Fill the store."""
    with connected(rig.uri) as rpc:
        for number in range(UPLOADED):
            rpc.image_service.upload_image(cut(number), f"photo {number}.jpg")
    uploads = rig.scratch / "uploads"
    path = uploads / ".state" / "catalogue.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as catalogue, catalogue:
        catalogue.row_factory = sqlite3.Row
        _clone(catalogue, uploads, images - UPLOADED)


def _clone(catalogue: sqlite3.Connection, uploads: Path, count: int) -> None:
    rows = [dict(row) for row in catalogue.execute("SELECT * FROM images")]
    names = ", ".join(rows[0])
    places = ", ".join(f":{name}" for name in rows[0])
    insert = f"INSERT INTO images ({names}) VALUES ({places})"
    catalogue.executemany(insert, _copies(rows, uploads, count))
    catalogue.execute(
        "UPDATE totals SET (files, bytes) = (SELECT count(*), coalesce(sum(size_bytes), 0)"
        " FROM images WHERE images.format = totals.format)"
    )
    catalogue.execute("DELETE FROM months")
    catalogue.execute(
        "INSERT INTO months SELECT strftime('%Y-%m', created_ms / 1000, 'unixepoch'), format,"
        " count(*), sum(size_bytes) FROM images GROUP BY 1, 2"
    )


def _copies(rows: list[dict[str, Any]], uploads: Path, count: int) -> Iterator[dict[str, Any]]:
    chance = random.Random(1)
    newest_ms = min(row["created_ms"] for row in rows)
    for number in range(count):
        row = rows[number % len(rows)]
        created_ms = newest_ms - 1 - number * _YEARS_MS // count
        new_id = f"img_{created_ms:013}_{chance.getrandbits(80):020x}"
        os.link(uploads / f"{row['id']}.jpg", uploads / f"{new_id}.jpg")
        yield {**row, "id": new_id, "created_ms": created_ms}


def opened(browser: Browser, url: str) -> Page:
    """Open the page with nothing cached, and return once its blur-ups are seen."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.add_init_script(_WATCH)
    page = context.new_page()
    page.goto(url)
    while page.evaluate("window.seen.blurMs") is None:
        time.sleep(0.02)
    return page


def scroll(page: Page, screens: int) -> dict[str, float]:
    """Scroll by so many screens; return the longest task in ms and what is in the document."""
    page.wait_for_timeout(2000)
    page.evaluate("window.seen.tasks = []")
    for _ in range(screens):
        page.mouse.wheel(0, 900)
        page.wait_for_timeout(_PAUSE_MS)
    tasks = page.evaluate("window.seen.tasks")
    return {
        "longest_task_ms": max(tasks, default=0.0),
        "long_tasks": len(tasks),
        "elements": page.evaluate("document.querySelectorAll('*').length"),
        "screens": page.evaluate("scrollY / innerHeight"),
    }


def wire_bytes() -> int:
    """Return the bytes of scripts and styles as gzip has them."""
    folder = Path(pages.__file__).parent / "static"
    return sum(path.stat().st_size for path in folder.glob("*.[jc]s*.gz"))


def main() -> int:
    """Run the benchmark; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_report_options(parser, rounds=7, limit_s=120)
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--screens", type=int, default=SCREENS)
    options = parser.parse_args()
    paints: list[float] = []
    blurs: list[float] = []
    with running(callers=1, mezzanines="variant") as rig, browsers.chromium() as browser:
        seed(rig, options.images)
        for _ in rounds(options.rounds, options.limit):
            page = opened(browser, rig.url)
            paints.append(page.evaluate("performance.getEntriesByType('paint').at(-1).startTime"))
            blurs.append(page.evaluate("window.seen.blurMs"))
            page.context.close()
        scrolled = scroll(opened(browser, rig.url), options.screens)
    size_kb = wire_bytes() / 1024
    rows = [[name, f"{value:.0f}"] for name, value in scrolled.items()]
    print("\n" + table(("scrolling", ""), rows))
    bars = [
        Bar("first paint, ms", Spread.of(paints), BLUR_BAR_MS),
        Bar("blur-ups seen, ms", Spread.of(blurs), BLUR_BAR_MS),
        Bar("scripts and styles, KB of gzip", Spread.of([size_kb]), BYTES_BAR_KB),
        Bar("longest task, ms", Spread.of([scrolled["longest_task_ms"]]), TASK_BAR_MS),
    ]
    return finish("gallery", bars, {"scrolling": scrolled, "images": options.images}, options.out)


if __name__ == "__main__":
    sys.exit(main())

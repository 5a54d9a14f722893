"""Write the tables of docs/sizing.md from measured costs; --check says whether they are true.

python -m scripts.sizing [--check]
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scripts.paths import ROOT

PAGE = ROOT / "docs" / "sizing.md"
_TABLE = re.compile(r"(<!-- sizing: (\w+) -->\n\n).*?(\n\n<!-- /sizing -->)", re.DOTALL)

# Measured: benchmarks/README.md, and catalogues of 100,000 images.
UPLOAD_MS, UPLOAD_BROKER_MS = 25.4, 6.7
MEZZANINE_MS = UPLOAD_MS / 4
JPEG_MS, WEBP_MS, AVIF_MS, KEPT_MS = 12.0, 26.9, 57.8, 0.345
VARIANT_BYTES = 30_000
SQLITE_ROW_BYTES, POSTGRES_ROW_BYTES, POSTGRES_INDEX_BYTES = 2_680, 2_700, 650

# Assumed: what the pictures are, and what is done with them.
ORIGINAL_BYTES, MEZZANINE_BYTES = 2_000_000, 300_000
CACHED_BYTES = MEZZANINE_BYTES + 3 * VARIANT_BYTES
FILLED_IN_S = 3 * 365 * 86_400
VIEWS_PER_MONTH, MONTH_S = 3, 30 * 86_400
PEAK = 4
CDN_HITS, NEW_SHARE = 0.9, 0.2
RENDER_MS = 0.2 * JPEG_MS + 0.5 * WEBP_MS + 0.3 * AVIF_MS
CORES, USED = 8, 0.6
SCRUB_IN_S = 90 * 86_400
# List prices of AWS, us-east-1, in dollars: a GB and month, a request.
GB_MONTH, PUT, GET = 0.023, 5e-6, 0.4e-6

SCALES = (
    (10**5, "100 thousand"),
    (10**7, "10 million"),
    (10**9, "1 billion"),
    (5 * 10**9, "5 billion"),
)


@dataclass(frozen=True)
class Load:
    """What so many images ask for at their busiest, a second."""

    images: int

    @property
    def uploads(self) -> float:
        return self.images / FILLED_IN_S * PEAK

    @property
    def views(self) -> float:
        return self.images * VIEWS_PER_MONTH / MONTH_S * PEAK

    @property
    def at_origin(self) -> float:
        return self.views * (1 - CDN_HITS)

    @property
    def renders(self) -> float:
        return self.at_origin * NEW_SHARE

    @property
    def cores(self) -> float:
        ms = self.uploads * (UPLOAD_MS + MEZZANINE_MS) + self.renders * RENDER_MS
        return (ms + self.at_origin * KEPT_MS) / 1000

    @property
    def machines(self) -> int:
        return max(1, -int(-self.cores // (CORES * USED)))

    @property
    def dollars(self) -> float:
        """Of object storage, a month."""
        # An upload is a PUT and a HEAD; an original of 2 MB is read by two GETs.
        puts = self.uploads / PEAK * MONTH_S * PUT
        gets = (self.uploads + 2 * self.renders) / PEAK * MONTH_S * GET
        return self.images * ORIGINAL_BYTES / 1e9 * GB_MONTH + puts + gets


def _bytes(value: float) -> str:
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} PB"


def _count(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


Row = tuple[str, Callable[[Load], str]]
ROOM: Sequence[Row] = (
    ("originals", lambda n: _bytes(n.images * ORIGINAL_BYTES)),
    ("catalogue, SQLite", lambda n: _bytes(n.images * SQLITE_ROW_BYTES)),
    ("catalogue, PostgreSQL", lambda n: _bytes(n.images * POSTGRES_ROW_BYTES)),
    ("– of it indices, to be in memory", lambda n: _bytes(n.images * POSTGRES_INDEX_BYTES)),
    ("a mezzanine and 3 variants of each tenth", lambda n: _bytes(n.images / 10 * CACHED_BYTES)),
    ("S3, dollars a month", lambda n: _count(n.dollars)),
)
WORK: Sequence[Row] = (
    ("uploads", lambda n: f"{_count(n.uploads)}/s"),
    ("– by network, into the service", lambda n: f"{_bytes(n.uploads * ORIGINAL_BYTES)}/s"),
    ("– cores of RabbitMQ, if by RPC", lambda n: _count(n.uploads * UPLOAD_BROKER_MS / 1000)),
    ("views", lambda n: f"{_count(n.views)}/s"),
    ("– that reach the service", lambda n: f"{_count(n.at_origin)}/s"),
    ("– that are new renders", lambda n: f"{_count(n.renders)}/s"),
    ("cores of the service", lambda n: _count(n.cores)),
    ("machines of 8 cores", lambda n: str(n.machines)),
    ("scrub in 90 days", lambda n: f"{_bytes(n.images * ORIGINAL_BYTES / SCRUB_IN_S)}/s"),
)
TABLES = {"room": ROOM, "work": WORK}


def table(rows: Sequence[Row]) -> str:
    """Return rows as Markdown, a column for each scale."""
    head = " | ".join(["images", *(name for _, name in SCALES)])
    lines = [f"| {head} |", "|---" * (1 + len(SCALES)) + "|"]
    for name, value in rows:
        lines.append(" | ".join([f"| {name}", *(value(Load(n)) for n, _ in SCALES)]) + " |")
    return "\n".join(lines)


def render(page: str) -> str:
    """Return the page with its tables as they should be."""
    return _TABLE.sub(lambda found: found[1] + table(TABLES[found[2]]) + found[3], page)


def main() -> int:
    """Write the page, or with --check compare it; return the exit code."""
    old = PAGE.read_text(encoding="utf-8")
    new = render(old)
    if "--check" not in sys.argv:
        PAGE.write_text(new, encoding="utf-8")
    elif old != new:
        print(f"{PAGE.relative_to(ROOT)} is out of date: run python -m scripts.sizing")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

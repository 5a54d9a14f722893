"""Write the table of metrics in docs/monitoring.md from the code; --check says whether it is true.

python -m scripts.metrics_docs [--check]
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from typing import Protocol

from scripts import parts
from scripts.paths import ROOT

PAGE = ROOT / "docs" / "monitoring.md"


class Family(Protocol):
    """As much of a metric as the table needs."""

    name: str
    documentation: str
    type: str


def table(families: Iterable[Family]) -> str:
    """Return the table, one row a metric."""
    return "\n".join(_rows(families)) + "\n"


def _rows(families: Iterable[Family]) -> Iterator[str]:
    yield "| metric | type | labels | meaning |\n|---|---|---|---|"
    for family in families:
        name = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{each}`" for each in getattr(family, "_labelnames", ()))
        yield f"| `{name}` | {family.type} | {labels or '–'} | {family.documentation} |"


def ours() -> Iterable[Family]:
    """Return what the service tells, without samples."""
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from image_service.domain.outcomes import Usage
    from image_service.settings import Settings
    from image_service.sight.meters import Meters
    from image_service.variants import CacheCounts
    from image_service.web.metrics import families_of

    return families_of({}, Usage({}, 0), Settings(), CacheCounts(), None, Meters().all)


def main() -> int:
    """Write the table, or with --check compare it; return the exit code."""
    return parts.run(PAGE, {"metrics": table(ours())}, "metrics_docs")


if __name__ == "__main__":
    sys.exit(main())

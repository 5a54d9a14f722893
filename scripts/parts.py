"""Parts of pages that are made: between `<!-- name: make docs -->` and `<!-- /name -->`."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from scripts.paths import ROOT

_PART = re.compile(r"(<!-- (?P<name>[\w-]+): make docs -->\n).*?(<!-- /(?P=name) -->\n)", re.DOTALL)


def filled(page: str, parts: Mapping[str, str]) -> str:
    """Return a page with its parts as they should be.

    Raises: KeyError for a part that nobody makes; ValueError for one that has no place on the page.
    """
    placed = {match["name"] for match in _PART.finditer(page)}
    if missing := parts.keys() - placed:
        raise ValueError(f"no place for: {', '.join(sorted(missing))}")
    return _PART.sub(lambda at: f"{at[1]}\n{parts[at['name']].rstrip()}\n\n{at[3]}", page)


def run(path: Path, parts: Mapping[str, str], module: str) -> int:
    """Write the parts into the page, or with --check compare them; return the exit code."""
    page = path.read_text(encoding="utf-8")
    try:
        made = filled(page, parts)
    except (KeyError, ValueError) as exc:
        print(f"{path.relative_to(ROOT)}: {exc}")
        return 1
    if "--check" not in sys.argv:
        path.write_text(made, encoding="utf-8")
        return 0
    if page == made:
        return 0
    print(f"{path.relative_to(ROOT)} is out of date: run python -m scripts.{module}")
    return 1

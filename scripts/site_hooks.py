"""What mkdocs needs to show files of the repository that are not in docs/."""

from __future__ import annotations

import re
from typing import Any

from mkdocs.structure.files import File

from scripts.paths import ROOT

# Pages that stand elsewhere in the repository, where people look for them.
_PAGES = {
    "DESIGN.md": "architecture.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
}
_LINK = re.compile(r"\]\((?:\.\./|docs/)?(?P<target>[^)#:]+)(?P<anchor>#[^)]*)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the examples that pages link to."""
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.suffix in (".conf", ".py"):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Have links of the repository lead to where their targets are on the site."""
    return _LINK.sub(_moved, markdown)


def _moved(match: re.Match[str]) -> str:
    target = _PAGES.get(match["target"], match["target"])
    return f"]({target}{match['anchor'] or ''})"

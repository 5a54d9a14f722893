"""Write docs/errors.md from image_service.errors; --check says whether it is true.

python -m scripts.error_docs [--check]
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator

from image_service import errors
from image_service.web.problems import status_of
from scripts.paths import ROOT

PAGE = ROOT / "docs" / "errors.md"

_HEAD = """# Errors

What a reply's `error.code` and a problem document's `code` may be. Over HTTP the answer has the
status that stands beside it. `retryable` says that the same call may succeed later unchanged.
`details` are further entries of `error`, and of the problem document.

| code | HTTP | retryable | details | meaning |
|---|---|---|---|---|
"""
_MEANING = re.compile(r"Raised when (?P<what>.*?)(?:: (?:\w+|\.\.\.)\([^)]*\))?\.?$")


def kinds() -> list[type[errors.ImageServiceError]]:
    """Return every kind of error that has a code of its own, by code."""
    found = {
        kind.code: kind
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ImageServiceError) and "code" in vars(kind)
    }
    found[errors.InternalError.code] = errors.InternalError  # its code is the base's
    return [found[code] for code in sorted(found)]


def render() -> str:
    """Return the page."""
    return _HEAD + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    for kind in kinds():
        retryable = "yes" if kind.retryable else "no"
        names = ", ".join(f"`{name}`" for name in _example(kind).details())
        cells = f"`{kind.code}`", str(status_of(kind.code)), retryable, names, meaning(kind)
        yield f"| {' | '.join(cells)} |"


def meaning(kind: type[errors.ImageServiceError]) -> str:
    """Return when an error is raised, in a sentence's words."""
    first = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    match = _MEANING.match(first)
    assert match, f"{kind.__name__} does not say when it is raised: {first}"
    return match["what"]


def _example(kind: type[errors.ImageServiceError]) -> errors.ImageServiceError:
    names = list(inspect.signature(kind).parameters) if "__init__" in _written_in(kind) else []
    positional = [name for name in names if name not in ("args", "kwargs")]
    return kind(*(["1"] * (len(positional) or 2)))  # a text that is a number, too


def _written_in(kind: type) -> set[str]:
    own = (base for base in kind.__mro__ if base.__module__ == errors.__name__)
    return {name for base in own for name in vars(base)}


def main() -> int:
    """Write the page, or compare it; return the exit code."""
    text = render()
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/errors.md is not what image_service.errors says: python -m scripts.error_docs")
    return 1


if __name__ == "__main__":
    sys.exit(main())

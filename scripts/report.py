"""How the tools talk: plain lines for people, and one honest line when something fails."""

from __future__ import annotations

import sys
from collections.abc import Callable

FAILED = 1


class ToolError(Exception):
    """Something the tools cannot go on from; the message says what to do about it."""


def say(message: str) -> None:
    """Print a progress line at once, also into a pipe or a log."""
    print(message, flush=True)


def run_main(main: Callable[[], int]) -> None:
    """Run a command and leave with its exit code; failures become one line on stderr."""
    try:
        code = main()
    except (ToolError, OSError) as exc:
        print(f"image-service: error: {exc}", file=sys.stderr, flush=True)
        code = FAILED
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)

"""`make test-all`: the tests on every supported Python that is installed."""

from __future__ import annotations

import subprocess
import sys

from scripts import venv
from scripts.paths import ROOT, venv_program
from scripts.report import ToolError, run_main, say


def run_on(python: venv.Python, arguments: list[str]) -> bool:
    """Return whether the tests pass on this Python, in a virtual environment of its own."""
    say(f"\n=== Python {python.version} ===")
    directory = ROOT / f".venv-{python.version}"
    venv.ensure(directory, python)
    command = [str(venv_program("python", directory)), "-m", "scripts.run_tests", *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def main() -> int:
    """Run them all, also after one has failed; say which passed."""
    found = [python for version in venv.SUPPORTED if (python := venv.find_python(version))]
    if not found:
        raise ToolError(f"none of Python {', '.join(venv.SUPPORTED)} is installed")
    passed = {python.version: run_on(python, sys.argv[1:]) for python in found}
    say("")
    for version in venv.SUPPORTED:
        result = passed.get(version)
        words = "not installed" if result is None else "passed" if result else "failed"
        say(f"Python {version}: {words}")
    return 0 if all(passed.values()) else 1


if __name__ == "__main__":
    run_main(main)

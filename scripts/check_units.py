"""Have systemd read the units of deploy/systemd, and judge how well they are closed in.

python -m scripts.check_units

The program that they start is there on the machine of a deployment alone; another stands for it.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from scripts import packages
from scripts.paths import ROOT
from scripts.report import ToolError, run_main

FOLDER = ROOT / "deploy" / "systemd"
PROGRAM = "/opt/image-service/bin/image-service"
MAX_EXPOSURE = 20
"""Tenths of systemd's points, of 100 at most; below 20 it says OK, an open unit has 96."""


def units() -> list[Path]:
    """Return what is given to systemd: services and timers."""
    return sorted(p for p in FOLDER.iterdir() if p.suffix in (".service", ".timer"))


def problems() -> list[str]:
    """Return what systemd says against the units, none where all is well.

    Raises: ToolError without systemd-analyze.
    """
    if shutil.which("systemd-analyze") is None:
        if not packages.can_install():
            raise ToolError("systemd-analyze is needed: install systemd")
        packages.install("systemd")
    with tempfile.TemporaryDirectory() as folder:
        copies = [_copy(unit, Path(folder)) for unit in units()]
        found = [_said("verify", "--man=no", *map(str, copies))]
        found += [_said(*_SECURITY, str(c)) for c in copies if c.suffix == ".service"]
    return [said.strip() for said in found if said.strip()]


_SECURITY = ("security", "--offline=true", "--no-pager", f"--threshold={MAX_EXPOSURE}")


def _copy(unit: Path, folder: Path) -> Path:
    copy = folder / unit.name
    text = unit.read_text(encoding="utf-8").replace(PROGRAM, "/bin/true")
    copy.write_text(text, encoding="utf-8")
    return copy


def _said(*arguments: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    is_verdict = arguments[0] == "security"
    return done.stdout if done.returncode or (done.stdout.strip() and not is_verdict) else ""


def main() -> int:
    """Print what is wrong; return the exit code."""
    found = problems()
    for said in found:
        print(said)
    return 1 if found else 0


if __name__ == "__main__":
    run_main(main)

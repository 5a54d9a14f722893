"""Where the tools keep things, all inside the checkout."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
RUN_DIR = Path(os.environ.get("IMAGE_SERVICE_RUN_DIR") or ROOT / ".run").absolute()
"""What `make run` needs while it runs: its broker's data, logs, and `state.json`. Never tracked."""
CONFIG = ROOT / "config.yaml"
PHOTOS = ROOT / "examples" / "photos"


def venv_program(name: str, venv: Path = VENV) -> Path:
    """Return the path of an installed console script; it need not exist yet."""
    return venv / "bin" / name

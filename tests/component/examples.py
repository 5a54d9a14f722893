"""The examples, as modules: they are files, in no package."""

from __future__ import annotations

import importlib.util
from typing import Any

from scripts.paths import ROOT

FOLDER = ROOT / "examples"


def load(name: str) -> Any:
    """Return the module of the example that is called so, loaded anew."""
    spec = importlib.util.spec_from_file_location(name, FOLDER / name / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""docs/cli.md: every command and exit code is on it."""

from __future__ import annotations

import re

from image_service import cli_common, cli_remote
from image_service.cli import main
from scripts.paths import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()


def test_every_command_is_on_the_page() -> None:
    named = set(re.findall(r"^### ([a-z-]+)$", PAGE, re.MULTILINE))
    assert set(main.commands) <= named


def test_every_exit_code_is_on_the_page() -> None:
    codes = {
        value
        for module in (cli_common, cli_remote)
        for name, value in vars(module).items()
        if name.startswith("EXIT_")
    }
    assert {0, *codes} == {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}

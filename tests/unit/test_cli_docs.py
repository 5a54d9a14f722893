"""docs/cli.md: every command and exit code is on it."""

from __future__ import annotations

import re

from image_service import cli_common, cli_remote
from image_service.cli import main
from scripts.paths import ROOT

PAGE = (ROOT / "docs" / "cli.md").read_text()


def test_every_command_is_on_the_page() -> None:
    named = set(re.findall(r"`([a-z-]+)[ `]", PAGE))
    assert set(main.commands) <= named


def test_every_exit_code_is_on_the_page() -> None:
    codes = {
        value
        for module in (cli_common, cli_remote)
        for name, value in vars(module).items()
        if name.startswith("EXIT_")
    }
    assert {0, *codes} == {int(code) for code in re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE)}


def test_the_options_that_the_page_names_are_there() -> None:
    told = {name: set(re.findall(r"--[a-z-]+", _section(name))) for name in ("upload", "download")}
    for name, options in told.items():
        known = {flag for option in main.commands[name].params for flag in option.opts}
        assert options <= known


def _section(name: str) -> str:
    return PAGE.partition(f"\n## {name}\n")[2].partition("\n## ")[0]

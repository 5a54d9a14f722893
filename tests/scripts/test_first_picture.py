"""From `git clone` to a picture in a browser: the commands are README's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import first_picture
from scripts.paths import ROOT
from scripts.report import ToolError


def test_the_commands_are_those_of_the_readme() -> None:
    told = first_picture.commands((ROOT / "README.md").read_text())
    assert told.run == "make run"
    assert told.upload.startswith("curl -F file=@examples/photos/")
    assert first_picture.DEFAULT_URL in told.upload


def test_a_readme_that_does_not_tell_them_is_refused() -> None:
    with pytest.raises(ToolError, match="README"):
        first_picture.commands("```sh\nmake run\n```\n")


def test_what_was_started_is_gone_in_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = "sleep 1000 & sleep 1000"
    with first_picture.running(command, tmp_path, dict(os.environ), log) as process:
        assert process.poll() is None
    assert process.returncode == -signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_too_long_is_too_long() -> None:
    with pytest.raises(ToolError, match="longer than 0 s"):
        first_picture.Watch(0).check()


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_stranger_sees_a_picture_within_three_minutes() -> None:
    command = [sys.executable, "-m", "scripts.first_picture"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the picture is painted" in done.stdout

"""Folders for as long as a process runs."""

from __future__ import annotations

import os
from pathlib import Path

from image_service.storage.run_folder import RunFolder


def test_a_run_folder_goes_with_its_process_at_the_latest_when_the_next_begins(
    tmp_path: Path,
) -> None:
    living, dead = RunFolder(tmp_path), RunFolder(tmp_path)
    (dead.path / "left").write_text("")
    os.close(dead._fd)  # as the kernel does for a process that is killed
    following = RunFolder(tmp_path)
    assert set(tmp_path.iterdir()) == {living.path, following.path}
    following.remove()
    living.remove()
    assert not list(tmp_path.iterdir())

"""Pictures in terminals: who can show them, and what is sent to them."""

from __future__ import annotations

import base64
import re

import pytest

from image_service.cli_pictures import iterm2, kitty, recognised
from image_service.testing import png


@pytest.mark.parametrize(
    ("environment", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM_PROGRAM": "iTerm.app"}, "iterm2"),
        ({"TERM_PROGRAM": "WezTerm"}, "iterm2"),
        ({"LC_TERMINAL": "iTerm2", "TERM": "screen"}, "iterm2"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "xterm-256color"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_terminals_are_recognised_by_what_they_say(
    environment: dict[str, str], protocol: str | None
) -> None:
    assert recognised(environment) == protocol


def test_kitty_gets_a_png_in_chunks() -> None:
    data = png((200, 200), seed=1)
    parts = re.findall(r"\033_G([^;]*);([^\033]*)\033\\", kitty(data))
    assert len(parts) > 2
    assert all(len(text) <= 4096 for _, text in parts)
    assert [control[-3:] for control, _ in parts] == ["m=1"] * (len(parts) - 1) + ["m=0"]
    assert base64.b64decode("".join(text for _, text in parts)) == data


def test_iterm2_gets_a_file() -> None:
    data = png()
    sequence = iterm2(data)
    assert sequence.startswith(f"\033]1337;File=inline=1;size={len(data)};")
    assert base64.b64decode(sequence.rpartition(":")[2].rstrip("\a")) == data

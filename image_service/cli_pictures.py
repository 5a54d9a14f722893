"""Pictures in terminals that can show them, by kitty's protocol, iTerm2's, or sixels.

Sources: https://sw.kovidgoyal.net/kitty/graphics-protocol/ and
https://iterm2.com/documentation-images.html
"""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Mapping

import click

from .cli_common import EXIT_FAILED, fail
from .cli_remote import console

_CHUNK_CHARACTERS = 4096
_ITERM2 = ("iTerm.app", "WezTerm", "mintty", "vscode", "Hyper", "rio")
_KITTY = ("ghostty", "kitty", "konsole")

graphics_option = click.option(
    "--graphics",
    type=click.Choice(["kitty", "iterm2", "sixel"]),
    envvar="IMAGE_SERVICE_GRAPHICS",
    help="How the terminal shows pictures, where it is not recognised.",
)


def show(png: bytes, graphics: str | None) -> None:
    """Show a PNG where the cursor is, and go to the next line.

    Args: graphics: how; None for what the terminal seems to be able to.
    """
    protocol = graphics or recognised(os.environ)
    if protocol is None:
        fail(
            EXIT_FAILED,
            "this terminal is not known to show pictures: say how it does with --graphics",
        )
    if protocol == "sixel":
        _print_sixel(png)
        return
    sys.stdout.write((kitty if protocol == "kitty" else iterm2)(png) + "\n")
    sys.stdout.flush()


def recognised(environment: Mapping[str, str]) -> str | None:
    """Return how a terminal shows pictures by what it says about itself, None if it cannot."""
    term, program = environment.get("TERM", ""), environment.get("TERM_PROGRAM", "")
    if environment.get("KITTY_WINDOW_ID") or any(each in term for each in _KITTY):
        return "kitty"
    if program in _KITTY or environment.get("KONSOLE_VERSION"):
        return "kitty"
    if program in _ITERM2 or environment.get("LC_TERMINAL") == "iTerm2":
        return "iterm2"
    if term.startswith(("foot", "mlterm", "contour", "yaft")) or "sixel" in term:
        return "sixel"
    return None


def kitty(png: bytes) -> str:
    """Return what shows a PNG in kitty, Ghostty, Konsole and WezTerm."""
    text = base64.standard_b64encode(png).decode()
    parts = [text[i : i + _CHUNK_CHARACTERS] for i in range(0, len(text), _CHUNK_CHARACTERS)]
    sequences = []
    for number, part in enumerate(parts):
        control = "a=T,f=100,q=2," if number == 0 else ""
        more = int(number + 1 < len(parts))
        sequences.append(f"\033_G{control}m={more};{part}\033\\")
    return "".join(sequences)


def iterm2(png: bytes) -> str:
    """Return what shows a picture in iTerm2, WezTerm, mintty and VS Code."""
    text = base64.standard_b64encode(png).decode()
    return f"\033]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{text}\a"


def _print_sixel(png: bytes) -> None:
    try:
        from textual_image.renderable.sixel import Image
    except ImportError:
        fail(EXIT_FAILED, "sixel graphics need `pip install 'image-service[sixel]'`")
    try:
        console().print(Image(io.BytesIO(png)))
    except Exception as exc:  # noqa: BLE001 - a terminal that does not answer its questions
        fail(EXIT_FAILED, f"this terminal shows no sixel graphics: {exc}")

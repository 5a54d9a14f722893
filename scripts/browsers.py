"""Find a Chromium, or install Debian's where this user may."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scripts import packages
from scripts.report import ToolError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = ("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",)
VARIABLE = "IMAGE_SERVICE_BROWSER"
"""Names a Chromium to use instead of those that are found."""


def find_chromium() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    given = os.environ.get(VARIABLE)
    found = [given] if given else [shutil.which(name) for name in NAMES]
    places = [place for place in (*found, *PLACES) if place and Path(place).exists()]
    return places[0] if places else None


def make_sure_chromium_is_installed() -> str:
    """Return the path of a Chromium, installing it by apt where that is allowed.

    Raises: ToolError, with what to do, when there is none and none can be had.
    """
    found = find_chromium()
    if found is None and packages.can_install():
        packages.install("chromium")
        found = find_chromium()
    if found is None:
        raise ToolError(f"no Chromium: install it, or set {VARIABLE} to the path of one")
    return found


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium. Raises: ToolError."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch(playwright)
        try:
            yield browser
        finally:
            browser.close()


def launch(playwright: Playwright) -> Browser:
    """Start a headless Chromium. Raises: ToolError."""
    path = make_sure_chromium_is_installed()
    # Its sandbox refuses to run as root.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    return playwright.chromium.launch(executable_path=path, args=arguments)

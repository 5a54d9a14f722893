"""A real browser on a real service, and a watch on what its console says."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import eventlet
import pytest
from greenlet import getcurrent, greenlet
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from image_service.testing import jpeg
from scripts import browsers
from scripts.paths import PHOTOS
from scripts.report import ToolError
from tests.browser.service import upload
from tests.e2e.processes import Site

WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
TOKEN, UPLOADER = ("ist_" + letter * 43 for letter in "ab")
# Counted before the page's own scripts run.
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});
"""

expect.set_options(timeout=10_000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A Chromium; without one these tests cannot be."""
    try:
        browsers.make_sure_chromium_is_installed()
    except ToolError as exc:
        pytest.skip(str(exc))
    manager = sync_playwright()
    browser = browsers.launch(manager.__enter__())
    yield browser
    browser.close()
    _come_back_from(manager._dispatcher_fiber)
    manager.__exit__(None, None, None)


def _come_back_from(fiber: greenlet) -> None:
    """Have this greenlet go on when that one has ended.

    It would by itself, but eventlet's hub has made itself the parent of all that wait for it.
    """
    hub, here = eventlet.hubs.get_hub(), getcurrent()

    def look() -> None:
        if fiber.dead:
            here.switch()
        else:
            hub.schedule_call_global(0.02, look)

    hub.schedule_call_global(0.02, look)


@pytest.fixture(scope="module")
def site(broker_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that is open here, with a trash and four photos.

    No longer than a module lasts: on one broker it takes calls of other tests' services.
    """
    site = Site(tmp_path_factory.mktemp("gallery"), broker_uri)
    with site.running(IMAGE_SERVICE_TRASH_RETENTION_DAYS="30"):
        for photo in sorted(PHOTOS.glob("*.[jp][pn]g")):
            upload(site, photo.read_bytes(), photo.name, tags=("sample",))
        yield site


@pytest.fixture(scope="module")
def closed_site(broker_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that wants a token. It has one picture."""

    def digest(token: str) -> str:
        return hashlib.sha256(token.encode()).hexdigest()

    site = Site(tmp_path_factory.mktemp("closed"), broker_uri)
    scopes = {TOKEN: ["read"], UPLOADER: ["upload"]}
    tokens = json.dumps([{"sha256": digest(each), "scopes": scopes[each]} for each in scopes])
    with site.running(IMAGE_SERVICE_TOKENS=tokens):
        upload(site, jpeg((300, 200)), "private.jpg", token=UPLOADER)
        yield site


@dataclasses.dataclass
class Watched:
    """A browser's context whose pages' complaints are kept."""

    context: BrowserContext
    complaints: list[str]

    def page(self, url: str) -> Page:
        """Open a page there."""
        page = self.context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(url)
        return page

    def _console(self, message: Any) -> None:
        # What the service refuses is told by the browser, too; the page has to cope with it.
        is_an_answer = message.text.startswith("Failed to load resource")
        if message.type in ("error", "warning") and not is_an_answer:
            self.complaints.append(message.text)


@pytest.fixture
def watched(chromium: Browser) -> Iterator[Callable[..., Watched]]:
    """Make contexts; in the end no page may have complained, or run into its policy."""
    made: list[Watched] = []

    def make(**options: Any) -> Watched:
        context = chromium.new_context(
            **{"viewport": WIDE, "reduced_motion": "reduce", "locale": "en-GB", **options}
        )
        context.add_init_script(WATCH)
        made.append(Watched(context, []))
        return made[-1]

    yield make
    for each in made:
        broken = [v for page in each.context.pages for v in page.evaluate("window.violations")]
        each.context.close()
        assert not broken
        assert not each.complaints


@pytest.fixture
def page(watched: Callable[..., Watched], site: Site) -> Page:
    """The gallery on a wide screen, its pictures listed."""
    page = watched().page(site.base_url)
    expect(page.locator(".cell a").first).to_be_visible()
    return page


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Twenty pictures to upload."""
    folder = tmp_path_factory.mktemp("photos")
    paths = [folder / f"walk {number:02}.jpg" for number in range(20)]
    for number, path in enumerate(paths):
        size = (400, 300) if number % 3 else (300, 420)
        path.write_bytes(jpeg(size, seed=100 + number))
    return paths

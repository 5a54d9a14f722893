"""The gallery by keyboard alone, on a phone, behind a login, below a path, and for everybody."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from image_service.testing import jpeg
from tests.browser.conftest import PHONE, TOKEN, Watched
from tests.browser.service import ask, delete, upload
from tests.e2e.processes import Site

Making = Callable[..., Watched]


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''"))


def test_everything_is_done_by_keyboard(page: Page, site: Site) -> None:
    for number in range(3):
        upload(site, jpeg((300, 200), seed=300 + number), f"keys {number}.jpg")
    page.reload()
    expect(page.locator(".cell a").first).to_have_attribute("aria-label", re.compile("^keys 2"))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # skip to the content
    expect(page.locator(".cell a").first).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(page.locator(":focus")).to_have_attribute("aria-label", re.compile("^keys 1"))
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="keys 1.jpg")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(dialog.get_by_role("heading", name="keys 0.jpg")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(dialog.get_by_role("heading", name="keys 1.jpg")).to_be_visible()
    page.keyboard.press("Delete")
    expect(page.get_by_text("keys 1.jpg is in the trash.")).to_be_visible()
    expect(dialog.get_by_role("heading", name="keys 0.jpg")).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page.locator(":focus")).to_have_attribute("aria-label", re.compile("^keys 0"))
    page.keyboard.press("Delete")
    expect(page.get_by_text("keys 0.jpg is in the trash.")).to_be_visible()
    page.keyboard.press("/")
    assert focused(page) == "Search by name"
    left = ask(site, "images?filename=keys")["images"]
    assert [image["filename"] for image in left] == ["keys 2.jpg"]


def test_what_means_nothing_in_an_address_is_left_out(watched: Making, site: Site) -> None:
    upload(site, jpeg((200, 150), seed=11), "by hand.jpg")
    for query in ("after=tomorrow", "before=2026-13-45", "min=much&max=-5"):
        page = watched().page(f"{site.base_url}/?{query}&name=by%20hand")
        expect(page.locator(".cell a")).to_have_count(1)
        expect(page.get_by_role("button", name="Date")).to_be_visible()
        expect(page.get_by_role("button", name="Size")).to_be_visible()


def test_on_a_phone_nothing_is_cut_off(watched: Making, site: Site) -> None:
    phone = watched(viewport=PHONE, is_mobile=True, has_touch=True)
    page = phone.page(site.base_url)
    page.locator(".cell a").first.tap()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".stage .picture.is-shown")).to_be_visible()
    wide = "document.documentElement.scrollWidth"
    assert page.evaluate(wide) == PHONE["width"]
    dialog.get_by_role("button", name="Close").tap()
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name="Storage").tap()
    expect(page.get_by_role("heading", name="By format")).to_be_visible()
    assert page.evaluate(wide) == PHONE["width"]
    page.get_by_role("link", name="Pictures", exact=True).tap()
    page.get_by_role("button", name="Format").tap()
    page.get_by_role("button", name="GIF", exact=True).tap()
    expect(page).to_have_url(re.compile("format=gif"))


def test_a_stroke_across_the_picture_turns_to_the_next(watched: Making, site: Site) -> None:
    page = watched(viewport=PHONE, is_mobile=True, has_touch=True).page(site.base_url)
    page.locator(".cell a").first.tap()
    heading = page.get_by_role("dialog").get_by_role("heading", level=2)
    first = heading.inner_text()
    _swipe_left(page)
    expect(heading).not_to_have_text(first)


def _swipe_left(page: Page) -> None:
    fingers = page.context.new_cdp_session(page)
    for kind, points in (
        ("touchStart", [{"x": 300, "y": 300}]),
        ("touchMove", [{"x": 120, "y": 302}]),
        ("touchEnd", []),
    ):
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_a_token_is_asked_for_and_what_it_does_not_allow_is_not_offered(
    watched: Making, closed_site: Site
) -> None:
    page = watched().page(closed_site.base_url)
    page.get_by_label("Token").fill("ist_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known here")
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("link", name=re.compile("^private.jpg,")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("link", name="Download")).to_be_visible()
    for name in ("Delete", "Rename"):
        expect(dialog.get_by_role("button", name=name)).to_have_count(0)
    expect(dialog.get_by_label("Add a tag")).to_have_count(0)
    dialog.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Upload")).to_have_count(0)
    page.reload()
    expect(page.locator(".cell a")).to_have_count(1)
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Token")).to_be_visible()


def test_a_service_that_went_away_is_told_and_asked_again(watched: Making, site: Site) -> None:
    page = watched().page("about:blank")
    page.route("**/api/images?*", lambda route: route.abort())
    page.goto(site.base_url)
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    again = page.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    page.unroute("**/api/images?*")
    with contextlib.suppress(PlaywrightTimeout):  # the page may have asked by itself meanwhile
        again.click(timeout=2000)
    expect(page.locator(".cell a").first).to_be_visible()


def test_a_picture_that_is_being_made_is_asked_for_again(watched: Making, site: Site) -> None:
    page = watched().page("about:blank")
    refused: list[str] = []

    def refuse_twice(route: Any) -> None:
        if len(refused) < 2:
            refused.append(route.request.url)
            route.fulfill(status=503, headers={"Retry-After": "0"}, body="{}")
        else:
            route.continue_()

    page.route("**/img/**", refuse_twice)
    page.goto(f"{site.base_url}/?format=png&sort=filename&name=chelsea")
    expect(page.locator(".cell .picture.is-shown")).to_be_visible()
    assert len(refused) == 2


class _Proxy(BaseHTTPRequestHandler):
    """Serves a service below /pictures, as nginx with `proxy_pass http://…/` does."""

    protocol_version = "HTTP/1.1"
    port = 0

    def _forward(self) -> None:
        if not self.path.startswith("/pictures/"):
            self.send_error(404)
            return
        length = int(self.headers.get("Content-Length") or 0)
        upstream = http.client.HTTPConnection("localhost", self.port, timeout=20)
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        upstream.request(
            self.command, self.path[len("/pictures") :], self.rfile.read(length), headers
        )
        answer = upstream.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PATCH = do_DELETE = _forward  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def below_a_path(port: int) -> Iterator[str]:
    """Run the proxy; yield where the gallery is."""
    handler = type("Proxy", (_Proxy,), {"port": port})
    server = ThreadingHTTPServer(("localhost", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}/pictures/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_works_below_a_path(watched: Making, site: Site) -> None:
    with below_a_path(site.port) as address:
        page = watched().page(address)
        expect(page.locator(".cell .picture.is-shown").first).to_be_visible()
        data = {"name": "below.jpg", "mimeType": "image/jpeg", "buffer": jpeg((90, 60), seed=9)}
        page.set_input_files("input[type=file]", data)
        expect(page.locator(".upload")).to_have_class(re.compile("is-stored"))
        page.get_by_role("link", name=re.compile("^below.jpg,")).click()
        expect(page.locator(".stage .picture.is-shown")).to_be_visible()
        assert page.url.startswith(f"{address}?image=")
        page.keyboard.press("Escape")
        expect(page).to_have_url(address)


VIEWS = {
    "pictures": "",
    "nothing found": "?name=there-is-no-such",
    "trash": "?view=trash",
    "storage": "?view=storage",
}
STEPS: dict[str, tuple[str, ...]] = {
    "the picture": (".cell a",),
    "a variant": (".cell a", "text=Make a variant", "text=Square, 400"),
    "the filter of tags": ("button:text-is('Tag')",),
    "the filter of dates": ("button:text-is('Date')",),
    "a selection": ("button:text-is('Select')", ".cell a"),
    "tags of a selection": ("button:text-is('Select')", ".cell a", "button[title='Tags']"),
}


def violations(page: Page) -> list[dict[str, Any]]:
    """Return what axe has against the page as it is."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return found


# Each forgets what somebody may forget: a name, or that text is to be read.
FORGOTTEN: dict[str, str] = {
    "button-name": """() => {
        const button = document.querySelector("button[aria-label^='Colours']");
        button.removeAttribute("aria-label");
        button.removeAttribute("title");
    }""",
    "color-contrast": """() => {
        document.querySelector(".count").style.color = "#d0d0d0";
    }""",
    "aria-input-field-name": """() => {
        const slider = document.createElement("div");
        slider.setAttribute("role", "slider");
        slider.setAttribute("aria-valuenow", "1");
        slider.tabIndex = 0;
        document.querySelector("main").append(slider);
    }""",
}


@pytest.mark.parametrize("rule", FORGOTTEN)
def test_axe_would_find_what_was_forgotten(page: Page, rule: str) -> None:
    assert violations(page) == []
    page.evaluate(FORGOTTEN[rule])
    assert [each["id"] for each in violations(page)] == [rule]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(watched: Making, site: Site, closed_site: Site, scheme: str) -> None:
    delete(site, upload(site, jpeg((64, 48), seed=8), "discarded.jpg"))
    found: dict[str, list[str]] = {}

    def look(page: Page, view: str) -> None:
        results = violations(page)
        told = [
            f"{each['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
            for each in results
            for node in each["nodes"]
        ]
        if told:
            found[view] = told

    page = watched(color_scheme=scheme).page(site.base_url)
    for view, address in VIEWS.items():
        page.goto(f"{site.base_url}/{address}")
        expect(page.locator(".cell a, .notice, .card").first).to_be_visible()
        look(page, view)
    for view, clicks in STEPS.items():
        page.goto(site.base_url)
        for selector in clicks:
            page.locator(selector).first.click()
        if view == "a variant":
            expect(page.locator(".result code")).to_be_visible()
        look(page, view)
    login = watched(color_scheme=scheme).page(closed_site.base_url)
    expect(login.get_by_label("Token")).to_be_visible()
    look(login, "login")
    assert found == {}

"""A page that stays open: others change the pictures, the service goes away, addresses end."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
from playwright.sync_api import Page, Route, expect

from image_service.testing import jpeg
from tests.browser.conftest import TOKEN, UPLOADER, Watched
from tests.browser.service import ask, delete, upload
from tests.e2e.processes import Site

Making = Callable[..., Watched]
SMALL = {"width": 700, "height": 420}
FIRST = ".cell[data-index='0'] a"


@pytest.fixture(scope="module")
def many(site: Site) -> Site:
    """The service with enough pictures to scroll."""
    for number in range(40):
        upload(site, jpeg((240, 160), seed=4000 + number), f"old {number}.jpg")
    return site


SEEN = """[...document.querySelectorAll(".cell a")].find((a) => {
    const box = a.getBoundingClientRect();
    return box.top > 80 && box.bottom < innerHeight;
}).dataset.id"""


def top_of(page: Page, image_id: str) -> float:
    return float(
        page.evaluate(
            "id => document.querySelector(`[data-id='${id}']`).getBoundingClientRect().top",
            image_id,
        )
    )


def labels(page: Page) -> list[str]:
    found = page.locator(".cell a").evaluate_all("all => all.map((a) => a.ariaLabel)")
    return [str(label).partition(",")[0] for label in found]


def test_what_others_store_change_and_delete_is_seen_at_the_top(page: Page, site: Site) -> None:
    image_id = upload(site, jpeg((200, 150), seed=5001), "from elsewhere.jpg")
    expect(page.locator(FIRST)).to_have_attribute("aria-label", re.compile("^from elsewhere.jpg"))
    total = f"{ask(site, 'images?limit=1')['total']} pictures"
    expect(page.locator(".count")).to_have_text(total)
    requests.patch(
        f"{site.base_url}/api/images/{image_id}", json={"filename": "renamed.jpg"}, timeout=20
    )
    expect(page.locator(FIRST)).to_have_attribute("aria-label", re.compile("^renamed.jpg"))
    delete(site, image_id)
    expect(page.locator(f"[data-id='{image_id}']")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("new picture"))).to_have_count(0)


def test_further_down_nothing_jumps_and_a_pill_tells(watched: Making, many: Site) -> None:
    page = watched(viewport=SMALL).page(many.base_url)
    expect(page.locator(".cell a").first).to_be_visible()
    page.mouse.move(300, 300)
    page.mouse.wheel(0, 1300)
    page.wait_for_function("scrollY === 1300")
    seen_id = str(page.evaluate(SEEN))
    before = top_of(page, seen_id)
    for number in range(3):
        upload(many, jpeg((200, 150), seed=5100 + number), f"new {number}.jpg")
    pill = page.get_by_role("button", name="3 new pictures")
    expect(pill).to_be_visible()
    assert abs(top_of(page, seen_id) - before) < 2
    gone = ask(many, "images?limit=5")["images"][4]["imageId"]
    total = ask(many, "images?limit=1")["total"]
    delete(many, gone)
    expect(page.locator(".count")).to_have_text(f"{total - 1} pictures")
    assert abs(top_of(page, seen_id) - before) < 2
    pill.click()
    expect(page.locator(FIRST)).to_have_attribute("aria-label", re.compile("^new 2.jpg"))
    expect(page.locator(FIRST)).to_be_in_viewport()
    expect(pill).to_have_count(0)
    told = [image["filename"] for image in ask(many, "images?limit=8")["images"]]
    assert labels(page)[:8] == told


def test_a_change_costs_the_same_few_requests_however_much_is_there(page: Page, site: Site) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    while len([url for url in asked if "/api/changes" in url]) < 2:
        page.wait_for_timeout(200)
    assert not [url for url in asked if "/api/images" in url or "/api/timeline" in url]
    upload(site, jpeg((200, 150), seed=5201), "one more.jpg")
    expect(page.locator(FIRST)).to_have_attribute("aria-label", re.compile("^one more.jpg"))
    assert len([url for url in asked if "/api/images" in url]) == 1


def test_a_restarted_service_is_waited_for(
    watched: Making, broker_uri: str, tmp_path: Path
) -> None:
    site = Site(tmp_path / "restarted", broker_uri)
    with site.running():
        first = upload(site, jpeg((200, 150), seed=1), "before.jpg")
        page = watched().page(site.base_url)
        expect(page.locator(".cell a")).to_have_count(1)
    away = page.get_by_text("The service does not answer. This page goes on by itself")
    expect(away).to_be_visible(timeout=20_000)
    expect(page.locator(f"[data-id='{first}']")).to_be_visible()
    with site.running():
        expect(away).to_be_hidden(timeout=20_000)
        upload(site, jpeg((200, 150), seed=2), "after.jpg")
        expect(page.locator(FIRST)).to_have_attribute("aria-label", re.compile("^after.jpg"))


@pytest.fixture
def brief(broker_uri: str, tmp_path: Path) -> Iterator[Site]:
    """A service whose addresses of pictures end after two seconds."""
    site = Site(tmp_path / "brief", broker_uri)
    settings = {
        "IMAGE_SERVICE_REQUIRE_SIGNED_ORIGINALS": "true",
        "IMAGE_SERVICE_SIGNING_KEYS": "00112233:44556677",
        "IMAGE_SERVICE_SIGNED_URL_TTL_S": "2",
    }
    with site.running(**settings):
        for number in range(30):
            upload(site, jpeg((240, 160), seed=6000 + number), f"brief {number}.jpg")
        yield site


@pytest.fixture
def writable(broker_uri: str, tmp_path: Path) -> Iterator[Site]:
    """A service that wants a token, which allows reading and storing."""
    site = Site(tmp_path / "writable", broker_uri)
    digest = hashlib.sha256(UPLOADER.encode()).hexdigest()
    tokens = json.dumps([{"sha256": digest, "scopes": ["read", "upload"]}])
    with site.running(IMAGE_SERVICE_TOKENS=tokens):
        upload(site, jpeg((300, 200)), "private.jpg", token=UPLOADER)
        yield site


def ended(url: str) -> bool:
    return requests.get(url, timeout=20).status_code == 403


def test_addresses_that_end_are_renewed_under_the_open_page(watched: Making, brief: Site) -> None:
    page = watched(viewport=SMALL).page(brief.base_url)
    expect(page.locator(".cell .picture.is-shown").first).to_be_visible()
    source = page.locator(f"{FIRST} img")
    shown = str(source.get_attribute("src"))
    page.locator(FIRST).click()
    link = page.get_by_role("dialog").get_by_role("link", name="Download")
    old = str(link.get_attribute("href"))
    while not (ended(f"{brief.base_url}/{old}") and ended(f"{brief.base_url}/{shown}")):
        page.wait_for_timeout(200)
    expect(link).not_to_have_attribute("href", old)
    assert requests.get(f"{brief.base_url}/{link.get_attribute('href')}", timeout=20).ok
    page.keyboard.press("Escape")
    # What is on the page already is not loaded again; what comes into it has good addresses.
    assert source.get_attribute("src") == shown
    page.mouse.move(300, 300)
    page.mouse.wheel(0, 4000)
    last = page.locator("[data-index='29']")
    expect(last.locator(".picture.is-shown")).to_be_visible()


def answer(page: Page, path: str, body: str, status: int = 200) -> None:
    """Have all requests there answered so."""

    def fulfill(route: Route) -> None:
        route.fulfill(status=status, body=body)

    page.route(re.compile(rf"/{path}($|\?)"), fulfill)


def test_urls_that_end_are_copied_anew_and_what_has_none_is_told_of_once(
    watched: Making, brief: Site
) -> None:
    allowed = ["clipboard-read", "clipboard-write"]
    page = watched(viewport=SMALL, permissions=allowed).page(brief.base_url)
    cells = page.locator(".cell a")
    ids = [cells.nth(number).get_attribute("data-id") for number in range(3)]
    page.get_by_role("button", name="Select", exact=True).click()
    for number in range(3):
        cells.nth(number).click()
    for gone in ids[:2]:
        answer(page, f"api/images/{gone}", '{"code": "image_not_found", "detail": "Gone."}', 404)
    page.get_by_role("button", name="Copy urls").click()
    expect(page.get_by_text("2 pictures left out. Gone.")).to_be_visible()
    url = str(page.evaluate("navigator.clipboard.readText()"))
    assert f"/images/{ids[2]}?" in url
    assert requests.get(url, timeout=20).ok


@contextlib.contextmanager
def forgotten(page: Page) -> Iterator[None]:
    """The session ends; in the end somebody logs in again."""
    page.context.clear_cookies()
    yield
    dialog = page.get_by_role("dialog", name="Log in again")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Token").fill(UPLOADER)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()


def test_an_ended_session_costs_nothing_that_was_typed_or_is_uploaded(
    watched: Making, writable: Site
) -> None:
    page = watched().page(writable.base_url)
    # What the page asks by itself would tell it earlier, between two keys.
    answer(page, "changes", '{"version": "same"}')
    answer(page, "tags", '{"tags": []}')
    answer(page, "similar", '{"images": []}')
    answer(page, "health", "{}", status=503)
    page.get_by_label("Token").fill(UPLOADER)
    page.keyboard.press("Enter")
    page.locator(FIRST).click()
    picture = page.get_by_role("dialog").first
    expect(picture.get_by_label("Add a tag")).to_be_visible()  # all of it was read
    with forgotten(page):
        picture.get_by_label("Add a tag").fill("kept")
        page.keyboard.press("Enter")
    expect(picture.get_by_role("link", name="kept", exact=True)).to_be_visible()
    page.keyboard.press("Escape")
    with forgotten(page):
        data = {"name": "kept.jpg", "mimeType": "image/jpeg", "buffer": jpeg((90, 60), seed=3)}
        page.set_input_files("input[type=file]", data)
    expect(page.locator(".upload")).to_have_class(re.compile("is-stored"))
    expect(page.locator(FIRST)).to_have_attribute("aria-label", re.compile("^kept.jpg"))


def test_who_does_not_log_in_again_comes_to_the_login(watched: Making, closed_site: Site) -> None:
    page = watched().page(closed_site.base_url)
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    expect(page.locator(FIRST)).to_be_visible()
    page.context.clear_cookies()
    page.get_by_role("button", name="Leave the pictures").click(timeout=20_000)
    expect(page.get_by_role("heading", name="These pictures are private")).to_be_visible()
    expect(page.locator(".cell")).to_have_count(0)

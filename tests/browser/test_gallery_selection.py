"""Several pictures at once: selected by mouse, keyboard and finger, and what is done to them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
import requests
from playwright.sync_api import Locator, Page, expect

from image_service.testing import jpeg
from tests.browser.conftest import PHONE, TOKEN, UPLOADER, Watched
from tests.browser.service import ask, delete, upload
from tests.e2e.processes import Site

Making = Callable[..., Watched]


def cell(page: Page, name: str) -> Locator:
    return page.locator(".cell", has=page.get_by_role("link", name=re.compile(f"^{name},")))


def bar(page: Page) -> Locator:
    return page.get_by_role("region", name="Selected pictures")


def said(page: Page, text: str) -> Locator:
    return page.get_by_role("status").filter(has_text=re.compile(f"^{text}$"))


@pytest.fixture
def six(watched: Making, site: Site, request: pytest.FixtureRequest) -> Page:
    """A page with six pictures of this test, a 5 first and a 0 last; their prefix is its tag."""
    tag = request.node.name.partition("[")[0][-30:]
    for number in range(6):
        name = f"a {number}.jpg"
        upload(site, jpeg((240, 160), seed=hash((tag, number)) % 2**31), name, tags=(tag,))
    page = watched().page(f"{site.base_url}/?tag={tag}")
    expect(page.locator(".cell a")).to_have_count(6)
    return page


def tags_of(site: Site, name: str) -> list[list[str]]:
    return [image["tags"] for image in ask(site, f"images?filename={name}")["images"]]


def names(site: Site, page: Page, query: str = "") -> list[str]:
    tag = page.url.partition("tag=")[2]
    found = ask(site, f"images?tag={tag}{query}")["images"]
    return [image["filename"] for image in found]


def test_a_range_is_tagged_and_deleted_and_brought_back_at_once(six: Page, site: Site) -> None:
    cell(six, "a 4.jpg").hover()
    six.get_by_role("checkbox", name="Select a 4.jpg").click()
    cell(six, "a 1.jpg").locator("a").click(modifiers=["Shift"])
    expect(bar(six)).to_contain_text("4 selected")
    expect(said(six, "4 pictures selected")).to_have_count(1)
    cell(six, "a 2.jpg").locator("a").click()  # while selecting, a click selects
    expect(bar(six)).to_contain_text("3 selected")
    expect(six.get_by_role("checkbox", name="Select a 2.jpg")).not_to_be_checked()

    tag = six.url.partition("tag=")[2]
    bar(six).get_by_role("button", name="Tags").click()
    dialog = six.get_by_role("dialog", name="Tags")
    dialog.get_by_label("Add, several with commas").fill("sea, sky")
    six.keyboard.press("Enter")
    expect(six.get_by_text("3 pictures tagged.")).to_be_visible()
    assert [tags for tags in tags_of(site, "a 3") if tag in tags] == [[tag, "sea", "sky"]]
    assert [tags for tags in tags_of(site, "a 2") if tag in tags] == [[tag]]
    bar(six).get_by_role("button", name="Tags").click()
    dialog.get_by_role("checkbox", name=re.compile("^sky")).check()
    dialog.get_by_role("button", name="Apply").click()
    expect(six.get_by_text("3 pictures tagged.").last).to_be_visible()
    expect(dialog).to_be_hidden()
    expect(bar(six).get_by_role("button", name="Delete")).to_be_visible()
    assert [tags for tags in tags_of(site, "a 3") if tag in tags] == [[tag, "sea"]]

    bar(six).get_by_role("button", name="Delete").click()
    expect(six.get_by_text("3 pictures moved to the trash.")).to_be_visible()
    expect(bar(six)).to_be_hidden()
    expect(six.locator(".cell a")).to_have_count(3)
    assert names(site, six) == ["a 5.jpg", "a 2.jpg", "a 0.jpg"]
    six.get_by_role("button", name="Undo").click()
    expect(six.get_by_text("3 pictures back.")).to_be_visible()
    expect(six.locator(".cell a")).to_have_count(6)
    assert len(names(site, six)) == 6


def test_pictures_are_selected_by_keyboard(six: Page, site: Site) -> None:
    cell(six, "a 5.jpg").locator("a").focus()
    six.keyboard.press("x")
    expect(said(six, "1 picture selected")).to_have_count(1)
    six.keyboard.press("x")
    expect(bar(six)).to_be_hidden()
    six.keyboard.press("Shift+ArrowRight")
    six.keyboard.press("Shift+ArrowRight")
    expect(said(six, "3 pictures selected")).to_have_count(1)
    expect(cell(six, "a 3.jpg").locator("a")).to_be_focused()
    six.keyboard.press("Escape")
    expect(bar(six)).to_be_hidden()
    expect(cell(six, "a 3.jpg").locator("a")).to_be_focused()
    six.keyboard.press("Control+a")
    expect(said(six, "6 pictures selected")).to_have_count(1)
    six.keyboard.press("x")  # out again
    six.keyboard.press("Delete")
    expect(six.get_by_text("5 pictures moved to the trash.")).to_be_visible()
    assert names(site, six) == ["a 3.jpg"]


def test_a_long_press_selects_on_a_phone(watched: Making, site: Site) -> None:
    page = watched(viewport=PHONE, is_mobile=True, has_touch=True).page(site.base_url)
    first = page.locator(".cell a").first
    expect(first).to_be_visible()
    box = first.bounding_box()
    assert box
    fingers = page.context.new_cdp_session(page)
    at: dict[str, Any] = {"x": box["x"] + 40, "y": box["y"] + 40}
    fingers.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    expect(bar(page)).to_contain_text("1 selected")
    fingers.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator(".cell a").nth(1).tap()
    expect(bar(page)).to_contain_text("2 selected")
    assert "image=" not in page.url
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    bar(page).get_by_role("button", name="End selecting").tap()
    expect(bar(page)).to_be_hidden()
    first.tap()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_what_failed_is_told_with_its_reason_and_tried_again(six: Page, site: Site) -> None:
    # So that the page does not hear of it before.
    six.route("**/api/changes", lambda route: route.fulfill(body=json.dumps({"version": "same"})))
    gone = cell(six, "a 2.jpg").locator("a").get_attribute("data-id")
    assert gone
    delete(site, gone)
    six.get_by_role("button", name="Select", exact=True).click()
    for number in (1, 2, 3):
        six.get_by_role("checkbox", name=f"Select a {number}.jpg").click()
    bar(six).get_by_role("button", name="Delete").click()
    dialog = six.get_by_role("dialog", name="What failed")
    expect(dialog).to_contain_text("1 picture could not be deleted")
    expect(dialog.get_by_role("listitem")).to_contain_text("a 2.jpg")
    expect(dialog.get_by_role("listitem")).to_contain_text("not found")
    expect(six.get_by_text("2 pictures moved to the trash.")).to_be_visible()
    expect(six.locator(".selection-count")).to_have_text("1 selected")
    headers = {"X-Requested-With": "test"}
    requests.post(f"{site.base_url}/api/images/{gone}/restore", headers=headers, timeout=20)
    dialog.get_by_role("button", name="Try again").click()
    expect(six.get_by_text("1 picture moved to the trash.")).to_be_visible()
    expect(bar(six)).to_be_hidden()
    assert names(site, six) == ["a 5.jpg", "a 4.jpg", "a 0.jpg"]


def test_pictures_in_the_trash_are_restored_and_deleted_for_good(six: Page, site: Site) -> None:
    cell(six, "a 0.jpg").locator("a").focus()
    six.keyboard.press("Control+a")
    six.keyboard.press("Delete")
    expect(six.get_by_text("6 pictures moved to the trash.")).to_be_visible()
    six.goto(f"{six.url}&view=trash")
    for number in (0, 1):
        cell(six, f"a {number}.jpg").hover()
        six.get_by_role("checkbox", name=f"Select a {number}.jpg").click()
    expect(bar(six).get_by_role("button", name="Tags")).to_have_count(0)
    bar(six).get_by_role("button", name="Restore").click()
    expect(six.get_by_text("2 pictures back among the pictures.")).to_be_visible()
    expect(six.locator(".cell a")).to_have_count(4)
    six.locator(".cell a").first.focus()
    six.keyboard.press("Control+a")
    bar(six).get_by_role("button", name="Delete for ever").click()
    question = six.get_by_role("dialog", name="Delete for ever?")
    expect(question).to_contain_text("4 pictures cannot be brought back.")
    question.get_by_role("button", name="Delete").click()
    expect(six.get_by_text("4 pictures deleted.")).to_be_visible()
    tag = six.url.partition("tag=")[2].partition("&")[0]
    assert ask(site, f"images?tag={tag}")["total"] == 2
    assert ask(site, f"images?tag={tag}&trashed=true")["total"] == 0


def test_originals_are_downloaded_and_their_urls_copied(six: Page, site: Site) -> None:
    six.context.grant_permissions(["clipboard-read", "clipboard-write"])
    for number in (4, 5):
        cell(six, f"a {number}.jpg").hover()
        six.get_by_role("checkbox", name=f"Select a {number}.jpg").click()
    files: list[str] = []
    six.on("download", lambda download: files.append(download.suggested_filename))
    bar(six).get_by_role("button", name="Download").click()
    expect(six.get_by_text("2 pictures handed to the browser.")).to_be_visible()
    assert sorted(files) == ["a 4.jpg", "a 5.jpg"]
    bar(six).get_by_role("button", name="Copy urls").click()
    expect(bar(six).get_by_role("button", name="Copied")).to_be_visible()
    urls = six.evaluate("navigator.clipboard.readText()").split("\n")
    kinds = [requests.get(url, timeout=20).headers["Content-Type"] for url in urls]
    assert kinds == ["image/jpeg", "image/jpeg"]


def test_what_a_token_does_not_allow_is_not_offered(watched: Making, closed_site: Site) -> None:
    upload(closed_site, jpeg((90, 60), seed=2), "other.jpg", token=UPLOADER)
    page = watched().page(closed_site.base_url)
    page.get_by_label("Token").fill(TOKEN)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Select", exact=True).click()
    page.locator(".cell a").first.click()
    expect(bar(page)).to_contain_text("1 selected")
    expect(bar(page).get_by_role("button", name="Download")).to_be_enabled()
    for name in ("Tags", "Delete", "Delete for ever"):
        expect(bar(page).get_by_role("button", name=name)).to_have_count(0)
    page.locator(".cell a").first.focus()
    page.keyboard.press("Delete")
    expect(page.get_by_role("dialog")).to_have_count(0)

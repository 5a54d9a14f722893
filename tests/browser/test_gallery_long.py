"""A listing of thousands: its whole length from the start, and a way to anywhere in it."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from image_service.testing import jpeg
from tests.browser.conftest import PHONE, Watched
from tests.browser.service import ask, upload
from tests.e2e.processes import Site

Making = Callable[..., Watched]
IMAGES = 4000
NEWEST_MS = 1_767_268_800_000  # 2026-01-01T12:00Z
EACH_MS = 2 * 365 * 86_400_000 // IMAGES
SHAPES = ((300, 200), (200, 300), (240, 240), (400, 180))


@pytest.fixture(scope="module")
def long(broker_uri: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Four pictures of today, and thousands over the two years before 2026 with the same bytes."""
    site = Site(tmp_path_factory.mktemp("long"), broker_uri)
    with site.running():
        for number, size in enumerate(SHAPES):
            upload(site, jpeg(size, seed=number), f"today {number}.jpg")
        path = site.uploads / ".state" / "catalogue.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as catalogue, catalogue:
            catalogue.row_factory = sqlite3.Row
            _clone(catalogue, site)
        yield site


def _clone(catalogue: sqlite3.Connection, site: Site) -> None:
    originals = [dict(row) for row in catalogue.execute("SELECT * FROM images ORDER BY id")]
    rows: list[dict[str, Any]] = []
    for number in range(IMAGES):
        row = originals[number % len(originals)]
        created_ms = NEWEST_MS - number * EACH_MS
        new_id = f"img_{created_ms:013}_{number:020x}"
        os.link(site.uploads / f"{row['id']}.jpg", site.uploads / f"{new_id}.jpg")
        name = f"old {number}.jpg"
        changes = {"id": new_id, "created_ms": created_ms, "filename": name}
        rows.append({**row, **changes, "filename_folded": name})
    places = ", ".join(f":{name}" for name in rows[0])
    catalogue.executemany(f"INSERT INTO images VALUES ({places})", rows)
    catalogue.execute("UPDATE totals SET files = files + ? WHERE format = 'jpeg'", (IMAGES,))
    catalogue.execute("DELETE FROM months")
    catalogue.execute(
        "INSERT INTO months SELECT strftime('%Y-%m', created_ms / 1000, 'unixepoch'), format,"
        " count(*), sum(size_bytes) FROM images GROUP BY 1, 2"
    )


@pytest.fixture
def page(watched: Making, long: Site) -> Page:
    """It, opened."""
    page = watched().page(long.base_url)
    expect(page.locator(".cell a").first).to_be_visible()
    return page


def height(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollHeight"))


def slider(page: Page) -> Any:
    return page.get_by_role("slider", name="Month")


# Between pictures is nothing: the one whose row begins nearest above the middle.
MIDDLE = """() => {
  const from = (cell) => innerHeight / 2 - cell.getBoundingClientRect().top;
  const cells = [...document.querySelectorAll(".cell")]
    .filter((cell) => from(cell) >= 0 && from(cell) < innerHeight / 2);
  cells.sort((a, b) => from(a) - from(b));
  return cells[0]?.dataset.index ?? null;
}"""


def middle(page: Page) -> int:
    """Return the number of the picture nearest to the middle of the window, once one is there."""
    page.wait_for_function(f"() => ({MIDDLE})() !== null")
    return int(page.evaluate(MIDDLE))


def test_the_scroll_bar_has_its_full_length_from_the_start(page: Page) -> None:
    at_first = height(page)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = page.locator(f"[data-index='{IMAGES + 3}'] a")
    expect(last).to_have_attribute("aria-label", re.compile(f"^old {IMAGES - 1}.jpg"))
    expect(last).to_be_in_viewport()
    assert at_first > 100_000
    # Estimated at first, from the pictures of the first page; a scroll bar narrows it, too.
    assert abs(height(page) - at_first) < 0.05 * at_first


def test_in_the_middle_are_the_pictures_of_the_middle(page: Page, long: Site) -> None:
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    number = middle(page)
    assert abs(number - IMAGES / 2) < 0.03 * IMAGES
    cell = page.locator(f"[data-index='{number}'] a")
    told = ask(long, f"images?skip={number}&limit=1")["images"][0]
    assert cell.get_attribute("data-id") == told["imageId"]


# Scrolls by little steps, and returns by how much pictures moved otherwise than the page.
DRIFT = """async ([step, times]) => {
  const seen = () => [...document.querySelectorAll(".cell a")]
    .map((a) => [a, a.getBoundingClientRect()])
    .find(([, box]) => box.top > 200 && box.bottom < 700);
  const off = [];
  for (let i = 0; i < times; i += 1) {
    while (!seen()) await new Promise((resolve) => setTimeout(resolve, 40));
    const [cell, box] = seen();
    scrollBy(0, step);
    await new Promise((resolve) => setTimeout(resolve, 40));
    if (cell?.isConnected) off.push(Math.abs(cell.getBoundingClientRect().top - box.top + step));
  }
  return [off.length, Math.max(...off)];
}"""


def _have_pages_come(page: Page, late_ms: int) -> None:
    """Have each reply with pictures come so much later, as over a slow connection."""
    late = """(late_ms) => {
      const { fetch } = window;
      window.fetch = async (...asked) => {
        const reply = await fetch(...asked);
        await new Promise((resolve) => setTimeout(resolve, late_ms));
        return reply;
      };
    }"""
    page.evaluate(late, late_ms)


@pytest.mark.parametrize(("step", "late_ms"), [(-180, 0), (180, 0), (-100, 800), (100, 800)])
def test_from_there_it_goes_on_both_ways_without_jumps(page: Page, step: int, late_ms: int) -> None:
    _have_pages_come(page, late_ms)
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight / 2)")
    before = middle(page)
    looked, most = page.evaluate(DRIFT, [step, 60])
    assert looked > 30
    assert most < 2
    moved = middle(page) - before
    assert abs(moved) > 100
    assert (moved > 0) == (step > 0)


def test_a_month_is_reached_by_keyboard_and_by_pointer(page: Page) -> None:
    slider(page).focus()
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("4 pictures$"))
    page.keyboard.press("ArrowDown")
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^January 2026"))
    page.keyboard.press("ArrowDown")
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^December 2025"))
    page.keyboard.press("PageDown")
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^December 2024"))
    cell = page.locator(f"[data-index='{middle(page)}'] a")
    expect(cell).to_have_attribute("aria-label", re.compile("Dec 2024"))
    page.keyboard.press("End")
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^January 2024"))
    page.keyboard.press("Home")
    assert page.evaluate("scrollY") == 0
    box = slider(page).bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 20, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    assert abs(middle(page) - IMAGES / 2) < 0.05 * IMAGES


# The picture that begins the first row below the header.
FIRST_SEEN = """() => [...document.querySelectorAll(".cell")]
  .map((cell) => [Math.round(cell.getBoundingClientRect().top), Number(cell.dataset.index)])
  .sort((a, b) => a[0] - b[0] || a[1] - b[1])
  .find(([top]) => top > 60)[1]"""


def test_the_row_that_was_gone_to_stays_in_windows_of_other_widths(page: Page) -> None:
    """Rows of all fractions of a pixel: what is left of the row above is not what is looked at."""
    for width in range(1180, 1280, 11):  # in all of them the fifth picture begins the second row
        page.set_viewport_size({"width": width, "height": 800})
        slider(page).focus()
        page.keyboard.press("Home")
        expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("4 pictures$"))
        page.keyboard.press("ArrowDown")
        expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^January 2026"))
        assert page.evaluate(FIRST_SEEN) == 4
        page.set_viewport_size({"width": width - 10, "height": 800})
        page.wait_for_timeout(200)
        assert page.evaluate(FIRST_SEEN) == 4, width
        expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^January 2026"))


def test_what_is_far_from_the_window_is_let_go(page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    total = height(page)
    for share in range(1, 31):
        page.evaluate(f"scrollTo(0, {total * share // 30})")
        page.wait_for_timeout(40)
    middle(page)
    # What flew by was not asked for, and what is not near is not in the page.
    assert len([url for url in asked if "/api/images" in url]) < 40
    assert page.evaluate("document.querySelectorAll('.cell').length") < 150


def test_the_last_picture_is_reached_by_the_end_key(page: Page) -> None:
    page.locator(".cell a").first.focus()
    page.keyboard.press("End")
    expect(page.locator(f"[data-index='{IMAGES + 3}'] a")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text(f"{IMAGES + 4:,} of {IMAGES + 4:,}")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog")).to_contain_text(f"{IMAGES + 3:,} of {IMAGES + 4:,}")
    page.keyboard.press("Escape")
    expect(page.locator(f"[data-index='{IMAGES + 2}'] a")).to_be_focused()


# Turns to the picture before and closes it at once, while the machine has no time for frames.
TURN_AND_CLOSE = """() => {
  const frame = requestAnimationFrame;
  window.requestAnimationFrame = (drawn) => frame(() => setTimeout(drawn, 30));
  const dialog = document.querySelector("dialog[open]");
  dialog.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true }));
  dialog.dispatchEvent(new Event("cancel", { cancelable: true }));
}"""


def test_the_focus_returns_to_a_picture_that_was_looked_at_for_no_frame(page: Page) -> None:
    page.locator("[data-index='3'] a").click()
    expect(page.get_by_role("dialog")).to_contain_text("4 of")
    page.evaluate(TURN_AND_CLOSE)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.locator("[data-index='2'] a")).to_be_focused()


def test_other_orders_have_their_length_but_no_months(page: Page) -> None:
    at_first = height(page)
    page.get_by_label("Order of the pictures").select_option("filename")
    expect(page.locator("[data-index='0'] a")).to_have_attribute(
        "aria-label", re.compile("^old 0.jpg")
    )
    expect(slider(page)).to_have_count(0)
    # Estimated from the first pictures, which are others in this order.
    assert abs(height(page) - at_first) < 0.1 * at_first
    page.get_by_label("Order of the pictures").select_option("createdAt")
    expect(slider(page)).to_have_attribute("aria-valuetext", re.compile("^January 2024"))


def test_on_a_phone_the_months_come_with_scrolling(watched: Making, long: Site) -> None:
    page = watched(viewport=PHONE, is_mobile=True, has_touch=True).page(long.base_url)
    expect(page.locator(".cell a").first).to_be_visible()
    holder = page.locator(".scrubber")
    expect(holder).to_have_css("opacity", "0")
    page.evaluate("scrollTo(0, 1500)")
    expect(holder).to_have_css("opacity", "1")
    thumb = page.locator(".thumb").bounding_box()
    assert thumb
    fingers = page.context.new_cdp_session(page)
    x, y = thumb["x"] + 10, thumb["y"] + 20
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x, "y": 450}]),
        ("touchEnd", []),
    ):
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert IMAGES * 0.3 < middle(page) < IMAGES * 0.7
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]

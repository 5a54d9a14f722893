"""What people do in the gallery, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import requests
from playwright.sync_api import Page, expect

from image_service.testing import gif, jpeg
from tests.browser.service import ask, delete, upload
from tests.e2e.processes import Site


def named(page: Page, name: str) -> Any:
    return page.get_by_role("link", name=re.compile(rf"^{re.escape(name)},"))


def test_twenty_photos_uploaded_one_found_tagged_varied_deleted_and_brought_back(
    page: Page, site: Site, photos: list[Path]
) -> None:
    before = ask(site, "images?limit=1")["total"]
    page.set_input_files("input[type=file]", photos)
    expect(page.get_by_text("20 pictures stored")).to_be_visible(timeout=30_000)
    assert ask(site, "images?limit=1")["total"] == before + 20
    page.get_by_role("button", name="Clear finished uploads").click()

    page.keyboard.press("/")
    page.keyboard.type("walk 07")
    expect(page.locator(".count")).to_have_text("1 picture")
    assert "name=walk+07" in page.url
    named(page, "walk 07.jpg").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(".stage .picture.is-shown")).to_be_visible()

    dialog.get_by_label("Add a tag").fill("sea, summer")
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("link", name="summer", exact=True)).to_be_visible()
    found = ask(site, "images?tag=summer")["images"]
    assert [image["filename"] for image in found] == ["walk 07.jpg"]
    assert found[0]["tags"] == ["sea", "summer"]

    dialog.get_by_role("button", name="Make a variant").click()
    dialog.get_by_role("button", name="Square, 400").click()
    dialog.get_by_label("Format").select_option("webp")
    result = dialog.locator(".result:not(.is-busy)")
    expect(result).to_contain_text("WEBP")
    expect(result.locator("code")).to_contain_text("rs:fill:400:400/g:sm/f:webp")
    answer = requests.get(result.locator("code").inner_text(), timeout=20)
    assert answer.headers["Content-Type"] == "image/webp"
    dialog.get_by_role("button", name="Back to the picture").click()

    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("walk 07.jpg is in the trash.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    assert ask(site, "images?filename=walk+07")["total"] == 0
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("walk 07.jpg is back.")).to_be_visible()
    assert ask(site, "images?filename=walk+07")["total"] == 1
    expect(named(page, "walk 07.jpg")).to_be_visible()


def test_what_is_refused_is_told_in_the_words_of_the_service(page: Page, tmp_path: Path) -> None:
    lie = tmp_path / "report.png"
    lie.write_bytes(b"%PDF-1.7 and so on")
    page.set_input_files("input[type=file]", [lie])
    line = page.get_by_role("listitem").filter(has_text="report.png")
    expect(line).to_contain_text("The file is PDF, which is not accepted.")
    expect(line.get_by_role("button", name="Try report.png again")).to_be_visible()


def test_a_file_that_is_there_already_is_told(page: Page, tmp_path: Path) -> None:
    data = jpeg((210, 140), seed=77)
    paths = [tmp_path / "first.jpg", tmp_path / "second.jpg"]
    for path in paths:
        path.write_bytes(data)
        page.set_input_files("input[type=file]", [path])
        expect(page.locator(".upload", has_text=path.name)).to_have_class(re.compile("is-stored"))
    second = page.locator(".upload", has_text="second.jpg")
    expect(second).to_contain_text("the same file was here already")
    second.get_by_role("button", name="Show the first").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="first.jpg")).to_be_visible()
    expect(dialog.get_by_role("link", name="second.jpg, the same file")).to_be_visible()


def test_pictures_are_dropped_and_pasted(page: Page, site: Site) -> None:
    for event, field in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        name = f"{event}ped.gif"
        page.evaluate(
            """([event, field, name, bytes]) => {
                const data = new DataTransfer();
                data.items.add(new File([new Uint8Array(bytes)], name, {type: "image/gif"}));
                const kind = event === "paste" ? ClipboardEvent : DragEvent;
                document.body.dispatchEvent(new kind(event, {[field]: data, bubbles: true}));
            }""",
            [event, field, name, list(gif((40, 30), seed=len(event)))],
        )
        expect(page.locator(".upload", has_text=name)).to_have_class(re.compile("is-stored"))
        assert ask(site, f"images?filename={name}")["total"] == 1


def test_filters_are_in_the_address_and_the_back_button_undoes_them(page: Page, site: Site) -> None:
    everything = page.locator(".count").inner_text()
    page.get_by_role("button", name="Format").click()
    page.get_by_role("button", name="PNG", exact=True).click()
    expect(page).to_have_url(re.compile("format=png"))
    wanted = ask(site, "images?format=png")["total"]
    expect(page.locator(".count")).to_have_text(f"{wanted} pictures")
    page.get_by_label("Order of the pictures").select_option("filename")
    expect(page.locator(".cell a").first).to_have_attribute("aria-label", re.compile("^chelsea"))
    page.reload()
    expect(page.locator(".count")).to_have_text(f"{wanted} pictures")
    page.go_back()
    page.go_back()
    expect(page.locator(".count")).to_have_text(everything)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("button", name=re.compile(r"^sample \d")).click()
    expect(page).to_have_url(re.compile("tag=sample"))
    expect(page.locator(".count")).to_have_text("4 pictures")


def test_pictures_wait_in_the_trash_and_come_back(page: Page, site: Site) -> None:
    delete(site, upload(site, jpeg((320, 200), seed=5), "regretted.jpg"))
    page.get_by_role("link", name="Trash").click()
    named(page, "regretted.jpg").click()
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("regretted.jpg is back among the pictures.")).to_be_visible()
    assert ask(site, "images?filename=regretted")["total"] == 1
    page.get_by_role("link", name="Pictures", exact=True).click()
    expect(named(page, "regretted.jpg")).to_be_visible()


def test_a_picture_is_renamed(page: Page, site: Site) -> None:
    image_id = upload(site, jpeg((120, 90), seed=6), "IMG_1.jpg")
    page.goto(f"{site.base_url}/?image={image_id}")
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Name of the picture").fill("harbour.jpg")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="harbour.jpg")).to_be_visible()
    assert ask(site, f"images/{image_id}")["metadata"]["filename"] == "harbour.jpg"


def test_the_storage_page_says_what_is_stored(page: Page, site: Site) -> None:
    page.get_by_role("link", name="Storage").click()
    told = ask(site, "stats")
    figure = page.locator(".figure", has_text="Pictures")
    expect(figure.locator("dd")).to_have_text(str(told["totalFiles"]))
    jpegs = told["byFormat"]["jpeg"]["files"]
    expect(page.locator(".shares li", has_text="JPEG")).to_contain_text(f"{jpegs} pictures")
    expect(page.get_by_text("All is well")).to_be_visible()
    month = told["byMonth"][-1]
    row = page.get_by_role("table", name="Pictures stored, month by month").get_by_role("row").last
    expect(row).to_contain_text(str(month["files"]))

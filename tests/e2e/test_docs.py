"""What the documentation shows is what happens: every snippet runs, in order, on a real service."""

from __future__ import annotations

import contextlib
import inspect
import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest
from sybil import Example

from image_service import client
from image_service.domain.tokens import digest_of
from image_service.testing import jpeg, png
from scripts.paths import ROOT
from tests.component.harness import delete_queues
from tests.e2e.processes import Site
from tests.e2e.snippets import (
    PAGES,
    PAGES_TO_RUN,
    RUN,
    TEXT,
    Place,
    blocks,
    own_tests,
    parsed,
)

DEFAULT_URI, DEFAULT_URL = "pyamqp://guest:guest@localhost", "http://localhost:3001"
BACKUPS, BACKUP_NAME = "/mnt/backups", "2026-11-25T02-48-07Z"
STORED = re.compile(r"\bID\b|img_1795\d{9}_\w+")
"""Ids that pages use for an image that is there; one that begins otherwise is none's."""
TOKEN = "ist_" + "t" * 43
TOKENS = [{"sha256": digest_of(TOKEN).hex(), "scopes": ["read", "upload"], "name": "gallery"}]
BACKED_UP = ("docs/http.md", "docs/operations.md")
SETTINGS = {"docs/http.md": {"IMAGE_SERVICE_TOKENS": json.dumps(TOKENS)}}
"""What a page's service has set beyond the defaults."""


class Running:
    """The service that pages share, started anew for one that takes other settings."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._settings: dict[str, str] | None = None
        self._stack = contextlib.ExitStack()

    def with_settings(self, settings: dict[str, str]) -> Site:
        if settings != self._settings:
            self.stop()
            self._stack.enter_context(self._site.running(**settings))
            self._settings = settings
        return self._site

    def stop(self) -> None:
        self._stack.close()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, broker_uri: str) -> Iterator[Running]:
    delete_queues(broker_uri)
    site = Site(tmp_path_factory.mktemp("site"), broker_uri)
    site.environment["IMAGE_SERVICE_ARCHIVE_DIR"] = str(site.folder / "archive")
    site.environment["IMAGE_SERVICE_LOG_FORMAT"] = "json"
    running = Running(site)
    yield running
    running.stop()


@pytest.fixture
def place(page: str, running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """Where a page's snippets run; nothing of other pages is there."""
    site = running.with_settings(SETTINGS.get(page, {}))
    with site.rpc() as rpc:
        for image in rpc.list_images()["images"]:
            assert rpc.delete_image(image["imageId"], permanent=True)["success"]
    monkeypatch.chdir(tmp_path)
    return Place(site, tmp_path)


def examples(page: str, place: Place) -> Iterator[Example]:
    """Yield what a page shows, with what is there in the place of what it talks of."""
    site = place.site
    with site.cluster() as rpc:
        rpc.image_service.upload_image(jpeg(), "draft.jpg", tags=["draft"])
        image_id = rpc.image_service.upload_image(jpeg((640, 480)), "rocket.jpg")["imageId"]
        text = STORED.sub(image_id, (ROOT / page).read_text(encoding="utf-8"))
        there = {
            DEFAULT_URI: site.uri,
            "ist_…": TOKEN,
            DEFAULT_URL: site.base_url,
            "https://example.com/a.jpg": f"{site.base_url}/images/{image_id}",
            "--seconds 10": "--seconds 1",
            **(_backup(place) if page in BACKED_UP else {}),
        }
        for shown, real in there.items():
            text = text.replace(shown, real)
        copy = place.folder / Path(page).name
        copy.write_text(text, encoding="utf-8")
        document = parsed(copy, place)
        # What pages take for granted.
        document.namespace.update(data=png(seed=1), image_id=image_id)
        for example in document.examples():
            document.namespace["rpc"] = rpc  # one of its own may have been closed
            yield example
        for test in own_tests(document.namespace):
            test(*[{"AMQP_URI": site.uri} for _ in inspect.signature(test).parameters])
        CHECKS.get(page, lambda *_: None)(document.namespace, place)


def _backup(place: Place) -> dict[str, str]:
    backups = place.folder / "mnt"
    code, printed = place.run(f"image-service backup {backups}")
    assert code == 0, printed
    return {BACKUPS: str(backups), BACKUP_NAME: max(os.listdir(backups / "backups"))}


def _check_client(names: dict[str, Any], place: Place) -> None:
    photo = (place.folder / "photo.jpg").read_bytes()
    assert (place.folder / "original.jpg").read_bytes() == photo
    assert (place.folder / "small.webp").read_bytes()[8:12] == b"WEBP"
    assert names["thumbnail"].startswith(b"\x89PNG")


CHECKS: dict[str, Callable[[dict[str, Any], Place], None]] = {"docs/client.md": _check_client}
"""What else must have come of a page."""
PRINTED = {
    "docs/client.md": ("112,525 of 112,525 bytes", "img_1700000000000_0123456789abcdef not found")
}
"""What pages that run in this process must have printed."""


@pytest.mark.timeout(300)  # a page of Operations starts twenty processes
@pytest.mark.parametrize("page", sorted(PAGES_TO_RUN, key=lambda page: page in SETTINGS))
def test_what_the_page_shows_happens(
    page: str, place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = set()
    for example in examples(page, place):
        lines.add(example.line)
        with contextlib.suppress(SkipTest):  # says why, as the next test sees to
            example.evaluate()
    for block in blocks(page):
        is_run = lines & set(range(block.line, block.last_line + 1))
        assert is_run or block.language in TEXT, f"nothing runs line {block.line}"
    printed = capsys.readouterr().out
    assert [text for text in PRINTED.get(page, ()) if text not in printed] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_what_it_is(page: str) -> None:
    for block in blocks(page):
        assert block.language in RUN | TEXT, f"line {block.line}: {block.language!r}"
        is_command = re.match(r"(\$ |>>> |image-service |curl |make |pip |docker )", block.body)
        assert not (block.language in TEXT and is_command), f"line {block.line} could be run"
    text = (ROOT / page).read_text(encoding="utf-8")
    marks = re.findall(r"^<!--+\s*skip:.*$", text, re.MULTILINE)
    for mark in marks:
        assert re.fullmatch(r'<!-- skip: next (".{10,}"|if\(.+, reason=".{10,}"\)) -->', mark), mark


def test_every_method_and_error_of_the_client_is_on_its_page() -> None:
    page = (ROOT / "docs" / "client.md").read_text()
    methods = [name for name in vars(client.ImageApi) if not name.startswith("_")]
    assert [name for name in methods if f"`{name}(" not in page and name != "close"] == []
    own = [vars(client)[name] for name in client.__all__ if name in vars(client)]
    codes = [each.code for each in own if isinstance(each, type) and hasattr(each, "code")]
    assert len(codes) == 6
    assert [code for code in codes if f"`{code}`" not in page] == []

"""The gallery as it is in the package: built from the sources beside it, small, and harmless."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from werkzeug.exceptions import NotFound
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from image_service.web.gallery import pages
from scripts.paths import ROOT

SOURCES = ROOT / "gallery"
STATIC = ROOT / "image_service" / "web" / "gallery" / "static"
BESIDE = ("build.mjs", "package-lock.json", "package.json", "tsconfig.json")
MOST_BYTES = 60_000


def request(path: str = "/", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(EnvironBuilder(path=path, headers=named).get_environ())


def asset_names() -> list[str]:
    found = json.loads((STATIC / "build.json").read_text())["assets"]
    assert found
    return list(found)


def hash_of_sources() -> str:
    inside = [path for path in (SOURCES / "src").rglob("*") if path.is_file()]
    names = sorted([path.relative_to(SOURCES).as_posix() for path in inside] + list(BESIDE))
    lines = [
        f"{name} {hashlib.sha256((SOURCES / name).read_bytes()).hexdigest()}\n" for name in names
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def test_what_is_packaged_was_built_from_these_sources() -> None:
    build = json.loads((STATIC / "build.json").read_text())
    assert build["sources"] == hash_of_sources(), "run `make gallery` and commit what it makes"


def test_scripts_and_styles_are_small_on_the_wire() -> None:
    sizes = {name: len((STATIC / f"{name}.gz").read_bytes()) for name in asset_names()}
    assert sum(sizes.values()) < MOST_BYTES, sizes


@pytest.mark.parametrize("name", asset_names())
def test_a_name_tells_the_content_and_the_compressed_ones_have_the_same(name: str) -> None:
    plain = (STATIC / name).read_bytes()
    digest = re.search(r"-([0-9a-f]{12})\.", name)
    assert digest is not None
    assert digest[1] == hashlib.sha256(plain).hexdigest()[:12]
    assert gzip.decompress((STATIC / f"{name}.gz").read_bytes()) == plain


def test_the_page_has_nothing_that_its_policy_refuses() -> None:
    response = pages.built().page(request())
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    page = response.get_data(as_text=True)
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", page)
    # Relative, for the page may be below a path; and nothing of another host.
    links = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert links
    assert all(re.fullmatch(r"gallery/[\w.-]+", link) for link in links)
    assert {link.removeprefix("gallery/") for link in links} == set(asset_names())


def test_the_page_is_asked_for_again_and_its_parts_are_kept_for_ever() -> None:
    gallery = pages.built()
    page = gallery.page(request())
    assert page.headers["Cache-Control"] == "no-cache"
    assert page.content_type == "text/html; charset=utf-8"
    again = gallery.page(request(If_None_Match=page.headers["ETag"]))
    assert again.status_code == 304
    for name in asset_names():
        asset = gallery.asset(request(), name)
        assert "immutable" in asset.headers["Cache-Control"]
        assert asset.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("accepted", "coding", "suffix"),
    [
        ("gzip, br", "br", ".br"),
        ("gzip", "gzip", ".gz"),
        ("br;q=0, gzip", "gzip", ".gz"),
        ("", None, ""),
    ],
)
def test_the_best_coding_is_sent(accepted: str, coding: str | None, suffix: str) -> None:
    name = next(name for name in asset_names() if name.endswith(".js"))
    headers = {"Accept_Encoding": accepted} if accepted else {}
    response = pages.built().asset(request(**headers), name)
    assert response.headers.get("Content-Encoding") == coding
    assert response.headers["Vary"] == "Accept-Encoding"
    assert response.content_type == "text/javascript; charset=utf-8"
    assert response.get_data() == Path(STATIC / f"{name}{suffix}").read_bytes()


@pytest.mark.parametrize("name", ["build.json", "index.html", "../pages.py", "app.js", "app.js.gz"])
def test_only_its_assets_are_there(name: str) -> None:
    with pytest.raises(NotFound):
        pages.built().asset(request(), name)

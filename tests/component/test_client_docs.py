"""Every snippet of docs/client.md, run as it stands there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from scripts.paths import PHOTOS, ROOT
from tests.component.harness import Service

PAGE = ROOT / "docs" / "client.md"
DEFAULT_URI = "pyamqp://guest:guest@localhost"


def test_the_snippets_of_the_clients_page_run(
    service: Service,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    photo = min(PHOTOS.glob("*.jpg"))
    shutil.copy(photo, "photo.jpg")
    snippets = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "snippets"}
    for snippet in snippets:
        code = compile(snippet.replace(DEFAULT_URI, service.uri), str(PAGE), "exec")
        exec(code, names)
    assert len(snippets) == 10
    names["test_an_album_has_urls"]()
    names["test_albums_over_rpc"]({"AMQP_URI": service.uri})
    assert (tmp_path / "original.jpg").read_bytes() == photo.read_bytes()
    assert (tmp_path / "small.webp").read_bytes()[8:12] == b"WEBP"
    assert names["thumbnail"].startswith(b"\x89PNG")
    printed = capsys.readouterr().out
    assert f"{photo.stat().st_size:,} of {photo.stat().st_size:,} bytes" in printed
    assert "img_1700000000000_0123456789abcdef not found" in printed


def test_every_method_and_error_is_on_the_page() -> None:
    from image_service import client

    page = PAGE.read_text()
    methods = [name for name in vars(client.ImageApi) if not name.startswith("_")]
    assert [name for name in methods if f"`{name}(" not in page and name != "close"] == []
    own = [vars(client)[name] for name in client.__all__ if name in vars(client)]
    codes = [each.code for each in own if isinstance(each, type) and hasattr(each, "code")]
    assert len(codes) == 6
    assert [code for code in codes if f"`{code}`" not in page] == []

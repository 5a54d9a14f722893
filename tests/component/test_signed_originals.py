"""Originals for signed urls alone, and for who may read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.component.api import SECRETS, TOKENS, ask, bearer, code
from tests.component.harness import Service
from tests.component.pictures import noise

DATA = noise(40)


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(
        require_signed_originals=True, signing_keys="00112233:44556677", tokens=TOKENS
    )


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def test_every_url_in_replies_is_signed(service: Service) -> None:
    uploaded = service.upload(DATA)
    image_id = uploaded["imageId"]
    with service.rpc() as rpc:
        address = rpc.get_image_url(image_id)
        urls = [uploaded["url"], rpc.get_image(image_id)["url"], address["url"]]
        urls.append(rpc.list_images()["images"][0]["url"])
    read = bearer("read")
    urls.append(ask(service, f"/api/images/{image_id}", **read)[1]["url"])
    urls.append(ask(service, f"/api/images/{image_id}/url", **read)[1]["url"])
    assert address["expiresAt"] > "2026"
    for url in urls:
        for path in (path_of(url), path_of(url).replace("/images/", "/uploads/")):
            answer, body = service.get(path)
            assert (answer.status, body) == (200, DATA)
            assert answer.headers["Cache-Control"].startswith("public, max-age=")
            assert int(answer.headers["Cache-Control"].rpartition("=")[2]) <= 4_500
    with_extension = path_of(urls[0]).replace("?", ".png?")
    assert service.get(with_extension, {"Range": "bytes=0-9"})[1] == DATA[:10]


def test_thumbnails_end_with_them(service: Service) -> None:
    service.upload(DATA)
    _, told = ask(service, "/api/images?thumbnails=16", **bearer("read"))
    path = urlsplit(told["images"][0]["thumbnails"][0]["url"]).path
    assert "/exp:" in path
    answer, _ = service.get(path)
    assert answer.status == 200
    assert "max-age=31536000" not in answer.headers["Cache-Control"]


def test_without_a_signature_or_a_right_nothing_is_sent(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded = service.upload(DATA)
    bare = f"/images/{uploaded['imageId']}"
    signed = path_of(uploaded["url"])
    for path in (bare, bare.replace("images", "uploads"), f"{bare}?exp=99999999999"):
        assert code(ask(service, path)) == (401, "unauthorized")
        assert code(ask(service, path, Authorization="Bearer x")) == (401, "unauthorized")
        assert code(ask(service, path, **bearer("upload"))) == (403, "forbidden")
    for path in (signed[:-1], signed + "x", signed.replace("exp=1", "exp=2"), f"{bare}?sig="):
        assert code(ask(service, path)) == (403, "forbidden")
    unknown = bare[:-1] + ("0" if bare[-1] != "0" else "1")
    assert code(ask(service, unknown)) == (401, "unauthorized")
    now_ms = service.app.clock.now_ms() + 2 * 3_600_000
    monkeypatch.setattr(service.app.clock, "now_ms", lambda: now_ms)
    assert code(ask(service, signed)) == (403, "forbidden")


def test_who_may_read_needs_no_signature(service: Service) -> None:
    bare = f"/images/{service.upload(DATA)['imageId']}"
    answer, _ = ask(service, "/api/session", "POST", {"token": SECRETS["read"]})
    ways: list[dict[str, Any]] = [
        {"Authorization": f"Bearer {SECRETS['read']}"},
        {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]},
    ]
    for headers in ways:
        got, body = service.get(bare, headers)
        assert (got.status, body) == (200, DATA)
        assert got.headers["Cache-Control"] == "private, no-cache"
        assert service.get(bare, {**headers, "If-None-Match": got.headers["ETag"]})[0].status == 304


def test_being_on_this_machine_is_no_right(make_service: Callable[..., Service]) -> None:
    service = make_service(require_signed_originals=True, signing_keys="00112233:44556677")
    assert code(ask(service, f"/images/{service.upload(DATA)['imageId']}")) == (401, "unauthorized")

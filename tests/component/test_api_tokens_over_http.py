"""Tokens and browser sessions over HTTP, on services that have some."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.component.api import SECRETS, TOKENS, ask, bearer, code
from tests.component.harness import Service
from tests.component.pictures import picture


@pytest.fixture
def guarded(make_service: Callable[..., Service]) -> Service:
    return make_service(tokens=TOKENS)


def test_a_token_is_needed_where_there_are_any(guarded: Service) -> None:
    assert code(ask(guarded, "/api/images")) == (401, "unauthorized")
    assert code(ask(guarded, "/api/images", Authorization="Bearer x")) == (401, "unauthorized")
    assert code(ask(guarded, "/api/images", Authorization="Basic eDp4")) == (401, "unauthorized")
    answered = ask(guarded, "/api/images", **bearer("upload"))
    assert code(answered) == (403, "forbidden")
    assert answered[1]["scope"] == "read"
    for scope in ("read", "admin"):
        assert ask(guarded, "/api/images", **bearer(scope))[1]["success"]
        told = ask(guarded, "/api/session", **bearer(scope))[1]
        assert (told["name"], told["authenticated"]) == (f"the {scope} one", True)
    _, told = ask(guarded, "/api/session")
    assert (told["authenticated"], told["needsToken"]) == (False, True)


def test_a_browser_shows_its_token_once(guarded: Service) -> None:
    own = {"Origin": f"http://localhost:{guarded.port}"}
    answer, told = ask(guarded, "/api/session", "POST", {"token": SECRETS["read"]}, **own)
    assert (answer.status, told["authenticated"], told["scopes"]) == (200, True, ["read"])
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie
    kept = {"Cookie": cookie.partition(";")[0]}
    assert ask(guarded, "/api/images", **kept)[0].status == 200
    _, told = ask(guarded, "/api/session", **kept)
    assert told["expiresAt"] > "2026"
    answer, told = ask(guarded, "/api/session", "DELETE", **kept, **own)
    assert (answer.status, told["authenticated"]) == (200, False)
    assert "Max-Age=0" in answer.headers["Set-Cookie"]


def test_another_sites_page_gains_nothing_by_a_session(guarded: Service) -> None:
    image_id = guarded.upload(picture("png"))["imageId"]
    answer, _ = ask(guarded, "/api/session", "POST", {"token": SECRETS["admin"]})
    kept = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
    path = f"/api/images/{image_id}"
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "same-site"}):
        assert code(ask(guarded, path, "DELETE", **kept, **headers)) == (403, "forbidden")
        body = {"tags": ["x"]}
        assert code(ask(guarded, path, "PATCH", body, **kept, **headers)) == (403, "forbidden")
        answered = ask(guarded, "/images", "POST", b"", **kept, **headers)
        assert code(answered) == (403, "forbidden")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert code(ask(guarded, f"{path}/restore", "POST", b"", **kept, **form)) == (403, "forbidden")
    assert ask(guarded, path, "DELETE", **kept)[0].status == 200


def test_a_session_is_begun_by_this_services_page_alone(guarded: Service) -> None:
    body = {"token": SECRETS["read"]}
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": f"http://localhost:{guarded.port}", "Content-Type": "text/plain"},
    ):
        answered = ask(guarded, "/api/session", "POST", body, **headers)
        assert code(answered) == (403, "forbidden")
        assert "Set-Cookie" not in answered[0].headers


def test_behind_a_proxy_with_a_prefix_the_cookie_belongs_to_the_prefix(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(tokens=TOKENS, public_url="https://pictures.example/shop")
    own = {"Origin": "https://pictures.example", "X-Forwarded-For": "10.0.0.1"}
    answer, _ = ask(service, "/api/session", "POST", {"token": SECRETS["admin"]}, **own)
    parts = answer.headers["Set-Cookie"].split("; ")
    assert {"Path=/shop", "Secure", "HttpOnly", "SameSite=Strict"} <= set(parts)
    service.upload(picture("png"))
    _, told = ask(service, "/api/images", Cookie=parts[0], **own)
    assert told["images"][0]["url"].startswith("https://pictures.example/shop/images/img_")


def test_sessions_outlive_a_restart_and_end_with_their_token(
    make_service: Callable[..., Service],
) -> None:
    first = make_service(tokens=TOKENS)
    answer, _ = ask(first, "/api/session", "POST", {"token": SECRETS["read"]})
    kept = {"Cookie": answer.headers["Set-Cookie"].partition(";")[0]}
    first.stop()
    second = make_service(tokens=TOKENS)
    assert ask(second, "/api/images", **kept)[0].status == 200
    second.stop()
    third = make_service(tokens=[each for each in TOKENS if each["scopes"] != ["read"]])
    assert ask(third, "/api/images", **kept)[0].status == 401


def test_without_keys_there_are_no_thumbnails_where_unsigned_ones_are_refused(
    make_service: Callable[..., Service],
) -> None:
    service = make_service(unsigned_variants="refuse")
    service.upload(picture("png"))
    _, told = ask(service, "/api/images?thumbnails=64")
    assert told["images"][0]["thumbnails"] == []


def test_with_keys_thumbnails_are_signed(make_service: Callable[..., Service]) -> None:
    service = make_service(signing_keys="00112233:44556677")
    service.upload(picture("png"))
    url = ask(service, "/api/images?thumbnails=64")[1]["images"][0]["thumbnails"][0]["url"]
    path = urlsplit(url).path
    assert service.get(path)[0].status == 200
    assert service.get(path.replace("fit:64:64", "fit:65:65"))[0].status == 403

"""Who asks too often over HTTP is told when to come again."""

from __future__ import annotations

from collections.abc import Callable

from tests.component.api import SECRETS, TOKENS, ask, bearer, code
from tests.component.harness import Service
from tests.component.pictures import picture
from tests.component.test_uploads_over_http import form, post


def test_each_token_and_kind_has_its_own_limit(make_service: Callable[..., Service]) -> None:
    limits = {"calls": "3/hour", "uploads": "2/hour", "logins": "2/hour"}
    service = make_service(tokens=TOKENS, rate_limits=limits)
    for _ in range(3):
        assert ask(service, "/api/images", **bearer("read"))[0].status == 200
    answered = ask(service, "/api/info", **bearer("read"))
    assert code(answered) == (429, "rate_limited")
    assert 1 <= int(answered[0].headers["Retry-After"]) <= 3600
    assert answered[1]["retryAfterS"] == int(answered[0].headers["Retry-After"])
    assert ask(service, "/api/images", **bearer("admin"))[0].status == 200
    for _ in range(2):
        assert post(service, form(picture()), **bearer("upload"))[0].status == 201
    assert code(post(service, form(picture()), **bearer("upload"))) == (429, "rate_limited")
    for _ in range(2):
        assert ask(service, "/api/session", "POST", {"token": "x"})[0].status == 401
    body = {"token": SECRETS["read"]}
    assert code(ask(service, "/api/session", "POST", body)) == (429, "rate_limited")


def test_who_has_no_token_is_counted_by_address(make_service: Callable[..., Service]) -> None:
    service = make_service(tokens=TOKENS, rate_limits={"calls": "4/hour"})
    for headers in ({}, {"Authorization": "Bearer x"}) * 2:
        assert ask(service, "/api/images", **headers)[0].status == 401
    assert code(ask(service, "/api/images")) == (429, "rate_limited")
    assert code(ask(service, "/api/images", Authorization="Bearer x")) == (429, "rate_limited")
    assert ask(service, "/api/images", **bearer("read"))[0].status == 200
    assert ask(service, "/api/session")[0].status == 200

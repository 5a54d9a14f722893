"""Tokens, sessions, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

from image_service.domain.tokens import TOKEN_BYTES, Keyring, Token, digest_of, make_token
from image_service.errors import Forbidden, Unauthorized
from image_service.web.access import Access, Caller
from image_service.web.rates import Rates
from image_service.web.sessions import COOKIE, Sessions

TEXT = make_token(bytes(range(TOKEN_BYTES)))
READER = Token(digest_of(TEXT), frozenset(("read",)), "gallery", "shop")


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def asking(method: str = "GET", path: str = "/api/images", **headers: str) -> Request:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    builder = EnvironBuilder(path, "http://localhost:3001", method=method, headers=named)
    return Request(builder.get_environ(), shallow=True)


class Door:
    """An Access, with what it was made of."""

    def __init__(self, *tokens: Token, **settings: Any) -> None:
        self.clock = Clock()
        keyring = Keyring(tokens, self.clock)
        public_url = settings.pop("public_url", "")
        self.sessions = Sessions(
            keyring,
            b"k" * 32,
            ttl_s=100,
            path="/prefix",
            is_secure=True,
            now_s=self.clock,
        )
        self.access = Access(
            keyring,
            self.sessions,
            Rates({}),
            **{"is_open_here": False, "is_read_only": False, **settings},
            public_url=public_url,
        )

    def cookie(self, token: Token = READER) -> str:
        response = Response()
        self.sessions.begin(response, token)
        return response.headers["Set-Cookie"].partition(";")[0]


def bearer(text: str = TEXT) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def test_a_token_holds_256_bits_and_is_known_by_its_digest_alone() -> None:
    assert TEXT == "ist_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
    assert digest_of(TEXT).hex() not in repr(READER)
    assert TEXT not in repr(READER)


def test_a_bearer_may_do_what_its_token_allows() -> None:
    caller = Door(READER).access.admit(asking(**bearer()), "read")
    assert (caller.scopes, caller.owner, caller.is_browser) == (["read"], "shop", False)


def test_an_admin_may_do_everything() -> None:
    admin = Token(digest_of(TEXT), frozenset(("admin",)))
    caller = Door(admin).access.admit(asking("DELETE", **bearer()), "delete")
    assert caller.scopes == ["read", "upload", "delete", "admin"]


def test_a_missing_scope_is_named() -> None:
    with pytest.raises(Forbidden) as raised:
        Door(READER).access.admit(asking("DELETE", **bearer()), "delete")
    assert raised.value.details() == {"scope": "delete"}
    assert "delete" in str(raised.value)


@pytest.mark.parametrize("text", ["", "ist_", TEXT + "x", TEXT[:-1], "ключ", "a,b"])
def test_a_wrong_token_is_not_believed_even_where_none_is_needed(text: str) -> None:
    door = Door(READER, is_open_here=True)
    with pytest.raises(Unauthorized):
        door.access.caller(asking(Authorization=f"Bearer {text}".encode().decode("latin-1")))


def test_a_tokens_time_may_be_over() -> None:
    door = Door(Token(digest_of(TEXT), frozenset(("read",)), expires_s=1_000.5))
    assert door.access.caller(asking(**bearer()))
    door.clock.now_s = 1_000.5
    with pytest.raises(Unauthorized):
        door.access.caller(asking(**bearer()))


def test_the_scheme_is_read_in_any_case_and_others_are_nobodys() -> None:
    door = Door(READER)
    assert door.access.caller(asking(Authorization=f"bEARER  {TEXT}"))
    assert door.access.caller(asking(Authorization=f"Basic {TEXT}")) is None


def test_a_cookie_is_for_https_and_this_service_and_no_script() -> None:
    response = Response()
    Door(READER).sessions.begin(response, READER)
    parts = response.headers["Set-Cookie"].split("; ")
    assert {"Path=/prefix", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=100"} <= set(parts)
    assert TEXT not in parts[0]


def test_a_session_is_known_by_its_cookie_until_its_time_is_over() -> None:
    door = Door(READER)
    request = asking(Cookie=door.cookie())
    assert door.access.admit(request, "read") == Caller(READER, expires_s=1_100)
    door.clock.now_s = 1_099.9
    assert door.access.caller(request)
    door.clock.now_s = 1_100
    assert door.access.caller(request) is None


def test_a_session_ends_with_its_token() -> None:
    short = Token(READER.digest, READER.scopes, expires_s=1_050)
    assert Door(short).sessions.begin(Response(), short).expires_s == 1_050
    cookie = Door(READER).cookie()
    assert Door().access.caller(asking(Cookie=cookie)) is None


def test_no_part_of_a_cookie_can_be_changed() -> None:
    door = Door(READER)
    name, _, value = door.cookie().partition("=")
    digest, expires, mac = value.split(".")
    last = "0" if mac[-1] != "0" else "1"
    forged = [
        f"{digest}.{int(expires) + 1}.{mac}",
        f"{digest}.{expires}.{mac[:-1]}{last}",
        f"{digest}.{expires}.",
        f"{'0' * 64}.{expires}.{mac}",
        f"{'x' * 64}.{expires}.{mac}",
        f"{digest}.{expires}",
        f"{digest}.{'9' * 5000}.{mac}",
        f"{digest}.-1.{mac}",
        "",
        "....",
        "ü",
    ]
    assert door.access.caller(asking(Cookie=f"{name}={value}"))
    for value in forged:
        cookie = f"{COOKIE}={value}".encode().decode("latin-1")
        assert door.access.caller(asking(Cookie=cookie)) is None, value


def test_open_is_open_to_this_machine_by_its_own_name_and_through_no_proxy() -> None:
    access = Door(is_open_here=True).access
    for host in ("localhost", "localhost:3001", "127.0.0.1:80", "[::1]:3001", "a.localhost"):
        assert access.admit(asking(Host=host), "admin") == Caller()
    for host in ("evil.example", "localhost.evil.example", "10.0.0.1", "", "[", "0x7f.1"):
        with pytest.raises(Unauthorized):
            access.admit(asking(Host=host), "read")
    for name in ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "Via", "X-Real-IP"):
        with pytest.raises(Unauthorized):
            access.admit(asking(**{name: "x"}), "read")


def test_nobody_is_let_in_where_it_is_not_open() -> None:
    with pytest.raises(Unauthorized, match="make-token"):
        Door().access.admit(asking(), "read")


BROWSER = {"Origin": "http://localhost:3001", "Content_Type": "application/json"}


@pytest.mark.parametrize(
    "headers",
    [
        {},  # no browser
        BROWSER,
        {**BROWSER, "Sec_Fetch_Site": "same-origin"},
        {"Sec_Fetch_Site": "same-origin", "Origin": "https://outside", "X_Requested_With": "x"},
        {"Sec_Fetch_Site": "none", "X_Requested_With": "x"},
    ],
)
def test_a_page_of_this_service_may_change_something(headers: dict[str, str]) -> None:
    assert Door(is_open_here=True).access.admit(asking("POST", **headers), "upload")


@pytest.mark.parametrize(
    "headers",
    [
        {**BROWSER, "Sec_Fetch_Site": "cross-site"},
        {**BROWSER, "Sec_Fetch_Site": "same-site"},
        {**BROWSER, "Origin": "http://evil.example"},
        {**BROWSER, "Origin": "http://localhost:8080"},
        {**BROWSER, "Origin": "http://localhost"},
        {**BROWSER, "Origin": "null"},
        {**BROWSER, "Origin": ""},
        {"Origin": "http://localhost:3001", "Content_Type": "text/plain"},
        {"Referer": "http://localhost:3001/", "Content_Type": "multipart/form-data"},
    ],
)
@pytest.mark.parametrize("is_session", [False, True])
def test_a_page_of_another_site_may_not(headers: dict[str, str], is_session: bool) -> None:
    admin = Token(digest_of(TEXT), frozenset(("admin",)))
    door = Door(admin, is_open_here=not is_session)
    if is_session:
        headers = {**headers, "Cookie": door.cookie(admin)}
    with pytest.raises(Forbidden):
        door.access.admit(asking("POST", **headers), "upload")


def test_who_shows_a_token_may_come_from_anywhere() -> None:
    admin = Token(digest_of(TEXT), frozenset(("admin",)))
    request = asking("POST", Sec_Fetch_Site="cross-site", Origin="http://x", **bearer())
    assert Door(admin).access.admit(request, "upload").token == admin


def test_behind_a_proxy_the_public_origin_is_ones_own() -> None:
    admin = Token(digest_of(TEXT), frozenset(("admin",)))
    door = Door(admin, public_url="https://pictures.example/prefix")
    headers = {**BROWSER, "Host": "10.0.0.5:3001", "Cookie": door.cookie(admin)}
    headers["Origin"] = "https://pictures.example"
    assert door.access.admit(asking("PATCH", **headers), "upload")
    headers["Origin"] = "https://pictures.example.evil"
    with pytest.raises(Forbidden):
        door.access.admit(asking("PATCH", **headers), "upload")


def test_reading_needs_no_origin() -> None:
    assert Door(is_open_here=True).access.admit(asking(Sec_Fetch_Site="cross-site"), "read")


def test_where_all_is_read_only_nothing_is_changed() -> None:
    access = Door(is_open_here=True, is_read_only=True).access
    assert access.admit(asking(), "read")
    with pytest.raises(Forbidden, match="read_only"):
        access.admit(asking("DELETE"), "delete")

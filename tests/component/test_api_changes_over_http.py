"""What is changed over HTTP: as RPC does it, for those who may, and for no other site's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.component.api import TOKENS, ask, bearer, code
from tests.component.harness import Service
from tests.component.pictures import noise


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(trash_retention_days=30)


def test_a_picture_is_renamed_deleted_and_restored(service: Service) -> None:
    image_id = service.upload(noise(8), "a.png", tags=["x"])["imageId"]
    path = f"/api/images/{image_id}"
    answer, told = ask(service, path, "PATCH", {"filename": "b.png", "tags": None})
    assert answer.status == 200
    with service.rpc() as rpc:
        assert told == rpc.get_image(image_id)
        assert (told["metadata"]["filename"], told["metadata"]["tags"]) == ("b.png", ["x"])
        _, told = ask(service, path, "DELETE")
        assert (told["success"], told["imageId"]) == (True, image_id)
        assert told["restorableUntil"] > "2026"
        assert code(ask(service, path)) == (404, "image_not_found")
        _, told = ask(service, f"{path}/restore", "POST")
        assert told == rpc.get_image(image_id)
    _, told = ask(service, f"{path}?permanent=true", "DELETE")
    assert told["restorableUntil"] is None
    assert code(ask(service, f"{path}/restore", "POST")) == (404, "image_not_found")
    assert code(ask(service, path, "DELETE")) == (404, "image_not_found")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"filename": "b.jpg"}, (415, "type_mismatch")),
        ({"filename": ""}, (400, "invalid_filename")),
        ({"tags": "x"}, (400, "invalid_argument")),
        ({"tags": ["x"] * 65}, (400, "invalid_argument")),
        ({"tags": [["x"] * 65]}, (400, "invalid_argument")),
        ({"attributes": {"a": None}}, (400, "invalid_argument")),
        ({"owner": "me"}, (400, "invalid_argument")),
        ([1], (400, "invalid_argument")),
        (b'"text"', (400, "invalid_argument")),
        (b"\x00", (400, "invalid_argument")),
        (b'{"attributes": ' + b'{"a":' * 50_000, (400, "invalid_argument")),
        ({"tags": ["x" * 1_200_000]}, (413, "image_too_large")),
    ],
)
def test_what_cannot_be_changed_is_a_problem_and_changes_nothing(
    service: Service, body: Any, expected: tuple[int, str]
) -> None:
    path = f"/api/images/{service.upload(noise(8), 'a.png', tags=['x'])['imageId']}"
    before = ask(service, path)[1]
    assert code(ask(service, path, "PATCH", body, Content_Type="application/json")) == expected
    assert ask(service, path)[1] == before


def test_only_json_changes_anything(service: Service) -> None:
    path = f"/api/images/{service.upload(noise(8))['imageId']}"
    data = json.dumps({"tags": ["new"]}).encode()
    for content_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        answered = ask(service, path, "PATCH", data, Content_Type=content_type)
        assert code(answered) == (415, "unsupported_media_type")
    assert ask(service, path)[1]["metadata"]["tags"] == []


def test_no_page_of_another_site_changes_anything(service: Service) -> None:
    path = f"/api/images/{service.upload(noise(8))['imageId']}"
    own = f"http://localhost:{service.port}"
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": own},
        {"Sec-Fetch-Site": "same-site"},
    ):
        for method, body in (("PATCH", {"tags": ["x"]}), ("DELETE", None)):
            assert code(ask(service, path, method, body, **headers)) == (403, "forbidden")
        assert code(ask(service, f"{path}/restore", "POST", **headers)) == (403, "forbidden")
    assert code(ask(service, f"{path}/restore", "POST", Origin=own)) == (403, "forbidden")
    from_own_page = {"Origin": own, "X-Requested-With": "gallery"}
    assert ask(service, f"{path}/restore", "POST", **from_own_page)[0].status == 200
    assert ask(service, path, "PATCH", {"tags": ["x"]}, Origin=own)[0].status == 200
    assert ask(service, path, "DELETE", Origin=own)[0].status == 200


def test_each_change_needs_its_scope(make_service: Callable[..., Service]) -> None:
    service = make_service(tokens=TOKENS, trash_retention_days=1)
    path = f"/api/images/{service.upload(noise(8))['imageId']}"
    changes: list[tuple[str, str, Any, str]] = [
        (path, "PATCH", {"tags": []}, "upload"),
        (path, "DELETE", None, "delete"),
        (f"{path}/restore", "POST", None, "delete"),
    ]
    for target, method, body, scope in changes:
        assert code(ask(service, target, method, body)) == (401, "unauthorized")
        for other in {"read", "upload", "delete"} - {scope}:
            answered = ask(service, target, method, body, **bearer(other))
            assert code(answered) == (403, "forbidden")
            assert answered[1]["scope"] == scope
        for right in (scope, "admin"):
            if right == "admin" and method == "DELETE":
                continue
            answer, told = ask(service, target, method, body, **bearer(right))
            assert (answer.status, told["success"]) == (200, True)


def test_where_all_is_read_only_rpc_goes_on(make_service: Callable[..., Service]) -> None:
    service = make_service(read_only=True)
    path = f"/api/images/{service.upload(noise(8))['imageId']}"
    assert code(ask(service, path, "PATCH", {"tags": []})) == (403, "forbidden")
    assert code(ask(service, path, "DELETE")) == (403, "forbidden")
    assert ask(service, path)[0].status == 200
    assert ask(service, "/api/session")[1]["readOnly"] is True

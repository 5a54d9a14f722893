"""What pages ask to show a long listing: its months, a part of it, whether it changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from tests.component.api import TOKENS, ask, bearer, code
from tests.component.harness import Service
from tests.component.pictures import noise


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(trash_retention_days=1)


def test_a_listing_is_told_by_month_and_from_anywhere(service: Service) -> None:
    kinds = ("png", "png", "bmp")
    ids = [service.upload(noise(20, kind), f"{kind}.{kind}")["imageId"] for kind in kinds]
    month = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m")
    for query, files in (("", 3), ("?format=png", 2), ("?filename=bmp", 1)):
        answer, told = ask(service, f"/api/timeline{query}")
        assert answer.status == 200
        assert told == {
            "success": True,
            "months": [{"month": month, "files": files}],
            "total": files,
            "totalIsExact": True,
        }
    _, page = ask(service, "/api/images?skip=1&limit=1&order=createdAt")
    assert [each["imageId"] for each in page["images"]] == [ids[1]]
    _, page = ask(service, f"/api/images?order=createdAt&cursor={page['nextCursor']}")
    assert [each["imageId"] for each in page["images"]] == [ids[2]]
    assert code(ask(service, "/api/images?skip=1000001")) == (400, "invalid_argument")
    assert code(ask(service, "/api/timeline?cursor=x")) == (400, "invalid_argument")


def test_a_change_is_told_by_another_version(service: Service) -> None:
    answer, told = ask(service, "/api/changes")
    assert answer.headers["ETag"] == f'"{told["version"]}"'
    same, nothing = ask(service, "/api/changes", If_None_Match=answer.headers["ETag"])
    assert (same.status, nothing) == (304, None)
    image_id = service.upload(noise(20, "png"), "a.png")["imageId"]
    versions = [told["version"]]
    for method, path, body in (
        ("PATCH", f"/api/images/{image_id}", {"filename": "b.png"}),
        ("DELETE", f"/api/images/{image_id}", None),
        ("POST", f"/api/images/{image_id}/restore", {}),
    ):
        _, told = ask(service, "/api/changes", If_None_Match=answer.headers["ETag"])
        versions.append(told["version"])
        changed, _ = ask(service, path, method, body, X_Requested_With="test")
        assert changed.status == 200
    _, told = ask(service, "/api/changes")
    assert len({*versions, told["version"]}) == 5


def test_only_readers_are_told(make_service: Callable[..., Service]) -> None:
    service = make_service(tokens=TOKENS)
    for path in ("/api/timeline", "/api/changes"):
        assert code(ask(service, path)) == (401, "unauthorized")
        assert code(ask(service, path, **bearer("upload"))) == (403, "forbidden")
        assert ask(service, path, **bearer("read"))[0].status == 200

"""The JSON API: what is read over HTTP is what RPC answers, to those who may read it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from image_service.domain.tokens import SCOPES
from tests.component.api import ask, code
from tests.component.harness import Service
from tests.component.pictures import noise, picture
from tests.component.variants import opened


@pytest.fixture(scope="module")
def stored(service: Service) -> list[str]:
    pictures = [noise(300, "bmp"), picture("jpg", (200, 100)), picture("png", (8, 8))]
    names = ("ä b.bmp", "wide.jpg", "tiny.png")
    return [
        service.upload(data, name, tags=[name[-3:]])["imageId"]
        for data, name in zip(pictures, names, strict=True)
    ]


def test_what_is_read_is_what_rpc_answers(service: Service, stored: list[str], rpc: Any) -> None:
    image_id = stored[1]
    both = {
        "/api/images": rpc.list_images(),
        "/api/images?limit=2&order=filename": rpc.list_images(limit=2, order="filename"),
        f"/api/images/{image_id}": rpc.get_image(image_id),
        f"/api/images/{image_id}.jpg": rpc.get_image(image_id),
        f"/api/images/{image_id}/similar": rpc.find_similar(image_id),
        f"/api/images/{image_id}/similar?max_distance=10&limit=1": rpc.find_similar(
            image_id, 10, 1
        ),
        f"/api/images/{image_id}/url": rpc.get_image_url(image_id),
        f"/api/images/{image_id}/url?transform=rs:fill:20:20": rpc.get_image_url(
            image_id, "rs:fill:20:20"
        ),
        "/api/info": rpc.get_storage_info(),
    }
    assert len(both["/api/images"]["images"]) == 3
    for path, reply in both.items():
        answer, told = ask(service, path)
        assert answer.status == 200, told
        told.pop("freeBytes", None), reply.pop("freeBytes", None)
        assert told == reply, path
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not [name for name in answer.headers if name.startswith("Access-Control")]


def test_health_is_answered(service: Service) -> None:
    answer, told = ask(service, "/api/health")
    assert (answer.status, told["status"], told["service"]) == (200, "ok", "image_service")


def test_every_filter_of_the_listing_works(service: Service, stored: list[str]) -> None:
    bmp, jpg, png = stored

    def found(query: str) -> list[str]:
        _, told = ask(service, f"/api/images?{query}")
        return [image["imageId"] for image in told["images"]]

    assert found("format=jpeg") == [jpg]
    assert found("tag=png") == [png]
    assert found(f"filename={quote('Ä B')}") == [bmp]
    assert found("min_bytes=100000") == [bmp]
    assert found("max_bytes=99999&order=createdAt") == [jpg, png]
    assert found("created_after=2100-01-01T00:00:00Z") == []
    assert found(f"created_before={quote('2100-01-01T00:00:00+01:00')}&format=") == [png, jpg, bmp]
    assert found("trashed=true") == []
    _, first = ask(service, "/api/images?limit=2")
    _, rest = ask(service, f"/api/images?limit=2&cursor={first['nextCursor']}")
    assert [i["imageId"] for i in first["images"] + rest["images"]] == [png, jpg, bmp]
    assert rest["nextCursor"] is None


@pytest.mark.parametrize(
    ("query", "argument"),
    [
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=x", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("limit=1.0", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("order=size", "order"),
        ("cursor=abc", "cursor"),
        ("format=exe", "format"),
        ("trashed=maybe", "trashed"),
        ("tag=%00", "tag"),
        ("filename=%ED%A0%80%0A", "filename"),
        ("created_after=yesterday", "created_after"),
        ("min_bytes=-1", "min_bytes"),
        ("page=2", "page"),
        ("thumbnails=15", "thumbnails"),
        ("thumbnails=2049", "thumbnails"),
        ("thumbnails=16,17,18,19,20", "thumbnails"),
        ("thumbnails=,", "thumbnails"),
        ("thumbnails=a", "thumbnails"),
    ],
)
def test_a_bad_parameter_is_named(service: Service, query: str, argument: str) -> None:
    answered = ask(service, f"/api/images?{query}")
    assert code(answered) == (400, "invalid_argument")
    assert answered[1]["argument"] == argument


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/images/img_1700000000000_abcdefghij0123456789", (404, "image_not_found")),
        ("/api/images/%2e%2e", (404, "invalid_image_id")),
        ("/api/images/..%2f..%2fetc", (404, "not_found")),
        ("/api/images//similar", (404, "not_found")),
        ("/api/nothing", (404, "not_found")),
        ("/api/", (404, "not_found")),
        ("/api/images/{}/similar?max_distance=65", (400, "invalid_argument")),
        ("/api/images/{}/url?transform=rs:wrong:1", (400, "invalid_argument")),
        ("/api/images/{}/url?expires_in_s=0", (400, "invalid_argument")),
        ("/api/info?x=1", (400, "invalid_argument")),
    ],
)
def test_what_cannot_be_answered_is_a_problem(
    service: Service, stored: list[str], path: str, expected: tuple[int, str]
) -> None:
    assert code(ask(service, path.format(stored[0]))) == expected


def test_a_method_that_is_not_there_is_told(service: Service) -> None:
    answered = ask(service, "/api/info", "DELETE")
    assert code(answered) == (405, "method_not_allowed")
    assert set(answered[0].headers["Allow"].split(", ")) == {"GET", "HEAD"}


def test_head_answers_as_get_without_a_body(service: Service) -> None:
    answer, told = ask(service, "/api/images", "HEAD")
    assert (answer.status, told) == (200, None)


def test_thumbnails_come_with_each_image(service: Service, stored: list[str]) -> None:
    _, page = ask(service, "/api/images?thumbnails=32,160&order=createdAt")
    _, one = ask(service, f"/api/images/{stored[1]}?thumbnails=32,160")
    for image in [*page["images"], one]:
        assert [each["width"] for each in image["thumbnails"]] == [32, 160]
    sizes = []
    for image in page["images"]:
        answer, body = service.get(urlsplit(image["thumbnails"][0]["url"]).path)
        assert answer.status == 200
        sizes.append(opened(body).size)
    assert sizes == [(32, 32), (32, 16), (8, 8)]


def test_thumbnails_come_with_look_alikes(service: Service, rpc: Any) -> None:
    data = noise(64)
    ids = [service.upload(data)["imageId"] for _ in range(2)]
    _, told = ask(service, f"/api/images/{ids[0]}/similar?thumbnails=48")
    for image_id in ids:
        rpc.delete_image(image_id)
    assert [image["imageId"] for image in told["images"]] == ids[1:]
    assert [each["width"] for each in told["images"][0]["thumbnails"]] == [48]


def test_only_this_machine_may_ask_without_a_token(service: Service) -> None:
    for headers in ({"Host": "evil.example"}, {"X-Forwarded-For": "10.0.0.1"}, {"Via": "1.1 x"}):
        for path in ("/api/images", "/api/info", "/api/health", "/api/images/x/url"):
            answered = ask(service, path, **headers)
            assert code(answered) == (401, "unauthorized")
            assert answered[0].headers["WWW-Authenticate"].startswith("Bearer")
        _, told = ask(service, "/api/session", **headers)
        assert (told["authenticated"], told["needsToken"], told["scopes"]) == (False, True, [])


def test_a_session_tells_what_is_possible_here(service: Service) -> None:
    answer, told = ask(service, "/api/session")
    assert answer.status == 200
    assert told["authenticated"] is True
    assert told["needsToken"] is False
    assert told["scopes"] == list(SCOPES)
    assert told["readOnly"] is False
    assert told["limits"]["maxUploadBytes"] == 10 * 1024 * 1024
    assert {"jpeg", "png", "webp", "avif"} <= set(told["limits"]["formats"])
    assert told["trashRetentionDays"] == 0


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"token": "wrong"}, 401),
        ({"token": ""}, 400),
        ({"token": 5}, 400),
        ({}, 400),
        ({"token": "x", "more": 1}, 400),
        ([], 400),
        (b"{", 400),
        (b"", 400),
        (b'{"token": ' + b"9" * 100_000 + b"}", 400),
        (b'{"token": NaN}', 400),
        (b"[" * 200_000, 400),
        (b'{"a":' * 100_000, 400),
        (b"\xff\xfe", 400),
        (b"x" * 1_100_000, 413),
    ],
)
def test_a_session_needs_a_token_in_a_small_json_object(
    service: Service, body: Any, status: int
) -> None:
    answer, told = ask(service, "/api/session", "POST", body, Content_Type="application/json")
    assert (answer.status, told["status"]) == (status, status)
    assert "Set-Cookie" not in answer.headers

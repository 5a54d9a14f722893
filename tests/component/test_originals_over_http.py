"""GET and HEAD of originals: bytes, headers, conditions, ranges, errors."""

from __future__ import annotations

import datetime as dt
import json
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

import pytest

from tests.component.harness import Service, checksum_of
from tests.component.pictures import noise, picture

UNKNOWN_ID = "img_1700000000000_0123456789abcdef"
CACHE = "public, max-age=31536000, immutable"


class Stored:
    """One stored picture and how to ask for it."""

    def __init__(self, service: Service, data: bytes, filename: str) -> None:
        reply = service.upload(data, filename)
        self.id, self.data = reply["imageId"], data
        self.path = f"/images/{self.id}"
        self.etag = f'"{checksum_of(data).removeprefix("sha256:")}"'
        self.created = dt.datetime.fromisoformat(reply["metadata"]["createdAt"][:-1] + "+00:00")


@pytest.fixture(scope="module")
def photo(service: Service) -> Stored:
    return Stored(service, noise(100, "png"), "photo.png")


def assert_problem(answer: Any, body: bytes, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = json.loads(body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["title"]
    assert isinstance(problem["detail"], str)
    assert "Traceback" not in body.decode()
    return problem


@pytest.mark.parametrize("path", ["/images/{}", "/images/{}.png", "/uploads/{}.png", "/uploads/{}"])
def test_the_original_comes_with_its_headers(service: Service, photo: Stored, path: str) -> None:
    answer, body = service.get(path.format(photo.id))
    assert answer.status == 200
    assert body == photo.data
    headers = dict(answer.headers)
    modified = parsedate_to_datetime(headers.pop("Last-Modified"))
    assert modified == photo.created.replace(microsecond=0)
    assert parsedate_to_datetime(headers.pop("Date"))
    assert headers.pop("X-Request-Id")
    assert {name.title(): value for name, value in headers.items()} == {
        "Content-Type": "image/png",
        "Content-Length": str(len(photo.data)),
        "Etag": photo.etag,
        "Cache-Control": CACHE,
        "Accept-Ranges": "bytes",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Content-Disposition": "inline; filename=\"photo.png\"; filename*=UTF-8''photo.png",
    }


def test_head_has_the_headers_and_no_body(service: Service, photo: Stored) -> None:
    named = {"X-Request-Id": "one"}
    get, _ = service.get(photo.path, named)
    head, body = service.get(photo.path, named, method="HEAD")
    assert (head.status, body) == (200, b"")
    without_date = [[(k, v) for k, v in a.headers.items() if k != "Date"] for a in (get, head)]
    assert without_date[0] == without_date[1]
    assert head.headers["Content-Length"] == str(len(photo.data))


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("фото.png", "filename=\"____.png\"; filename*=UTF-8''%D1%84%D0%BE%D1%82%D0%BE.png"),
        ('a"b;c\\d.png', "filename=\"d.png\"; filename*=UTF-8''d.png"),
        ('q"u;o te.png', "filename=\"q_u;o te.png\"; filename*=UTF-8''q%22u%3Bo%20te.png"),
        ("../../etc/p.png", "filename=\"p.png\"; filename*=UTF-8''p.png"),
        ("100%.png", "filename=\"100_.png\"; filename*=UTF-8''100%25.png"),
        ("a😀.png", "filename=\"a_.png\"; filename*=UTF-8''a%F0%9F%98%80.png"),
        ("///", "filename=\"image\"; filename*=UTF-8''image"),
    ],
)
def test_any_filename_is_given_by_rfc_6266(service: Service, filename: str, expected: str) -> None:
    stored = Stored(service, picture(), filename)
    answer, _ = service.get(stored.path)
    assert answer.headers["Content-Disposition"] == "inline; " + expected
    answer, _ = service.get(stored.path + "?download=1")
    assert answer.headers["Content-Disposition"] == "attachment; " + expected


@pytest.mark.parametrize(
    "condition", ["{etag}", '"x", {etag}', "*", "W/{etag}", 'W/"x",W/{etag} , "y"']
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_matching_etag_is_not_modified(
    service: Service, photo: Stored, condition: str, method: str
) -> None:
    header = {"If-None-Match": condition.format(etag=photo.etag)}
    answer, body = service.get(photo.path, header, method)
    assert (answer.status, body) == (304, b"")
    assert answer.headers["ETag"] == photo.etag
    assert answer.headers["Cache-Control"] == CACHE
    assert answer.headers["Content-Type"] is None
    assert answer.headers["Content-Length"] is None


def test_another_etag_is_answered_whole(service: Service, photo: Stored) -> None:
    for condition in ('"other"', "nonsense", photo.etag.replace('"', "")[:-1]):
        assert service.get(photo.path, {"If-None-Match": condition})[0].status == 200


def test_if_modified_since_is_honoured_unless_an_etag_is_given(
    service: Service, photo: Stored
) -> None:
    same, older = (
        format_datetime(when.replace(microsecond=0), usegmt=True)
        for when in (photo.created, photo.created - dt.timedelta(seconds=1))
    )
    assert service.get(photo.path, {"If-Modified-Since": same})[0].status == 304
    assert service.get(photo.path, {"If-Modified-Since": older})[0].status == 200
    assert service.get(photo.path, {"If-Modified-Since": "yesterday"})[0].status == 200
    both = {"If-Modified-Since": same, "If-None-Match": '"x"'}
    assert service.get(photo.path, both)[0].status == 200


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [("0-0", 0, 1), ("0-99", 0, 100), ("5-9", 5, 10), ("100-", 100, None), ("-7", -7, None),
     ("10-999999999", 10, None), ("-999999999", 0, None), ("0-", 0, None)],
)  # fmt: skip
def test_one_range_is_answered_in_part(
    service: Service, photo: Stored, wanted: str, start: int, end: int | None
) -> None:
    answer, body = service.get(photo.path, {"Range": f"bytes={wanted}"})
    expected = photo.data[start:end]
    assert answer.status == 206
    assert body == expected
    first = photo.data.index(expected) if start >= 0 else len(photo.data) + start
    total = len(photo.data)
    assert answer.headers["Content-Range"] == f"bytes {first}-{first + len(body) - 1}/{total}"
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["ETag"] == photo.etag
    assert answer.headers["Accept-Ranges"] == "bytes"


@pytest.mark.parametrize(
    "wanted",
    ["bytes=0-1,5-6", "bytes=0-0, -1", "bytes=x-y", "bytes=", "bytes", "lines=0-1", "bytes=5-2",
     "bytes=-", "bytes=--1", "0-5", "bytes=0x1-5", "bytes=1 - 2", "bytes=٣-٥", "bytes=+1-2"],
)  # fmt: skip
def test_several_ranges_and_invalid_ones_are_answered_whole(
    service: Service, photo: Stored, wanted: str
) -> None:
    answer, body = service.get(photo.path, {"Range": wanted.encode().decode("latin-1")})
    assert answer.status == 200
    assert body == photo.data
    assert answer.headers["Content-Range"] is None


@pytest.mark.parametrize("wanted", ["{size}-", "{size}-{size}", "9999999999-", "-0"])
def test_a_range_outside_is_not_satisfiable(service: Service, photo: Stored, wanted: str) -> None:
    size = len(photo.data)
    answer, body = service.get(photo.path, {"Range": "bytes=" + wanted.format(size=size)})
    assert_problem(answer, body, 416, "requested_range_not_satisfiable")
    assert answer.headers["Content-Range"] == f"bytes */{size}"


def test_if_range_decides_between_part_and_whole(service: Service, photo: Stored) -> None:
    modified = format_datetime(photo.created.replace(microsecond=0), usegmt=True)
    older = format_datetime(photo.created - dt.timedelta(days=1), usegmt=True)
    expected = {photo.etag: 206, modified: 206, '"other"': 200, f"W/{photo.etag}": 200, older: 200}
    for condition, status in expected.items():
        answer, body = service.get(photo.path, {"Range": "bytes=0-4", "If-Range": condition})
        assert (condition, answer.status) == (condition, status)
        assert body == (photo.data[:5] if status == 206 else photo.data)


def test_not_modified_comes_before_ranges(service: Service, photo: Stored) -> None:
    headers = {"Range": "bytes=0-4", "If-None-Match": photo.etag}
    assert service.get(photo.path, headers)[0].status == 304


def test_head_ignores_ranges(service: Service, photo: Stored) -> None:
    for wanted in ("bytes=0-4", "bytes=99999999-"):
        answer, _ = service.get(photo.path, {"Range": wanted}, "HEAD")
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(len(photo.data))


def test_if_match_is_a_precondition(service: Service, photo: Stored) -> None:
    assert service.get(photo.path, {"If-Match": photo.etag})[0].status == 200
    answer, body = service.get(photo.path, {"If-Match": '"other"'})
    assert answer.status == 412
    assert photo.data not in body


@pytest.mark.parametrize(
    "path",
    ["/images/{unknown}", "/images/x", "/images/", "/nothing", "/images/{id}.jpg",
     "/images/{id}/", "/images/{id}/x", "/images/../config.yaml", "/images/..%2f..%2fetc%2fpasswd",
     "/images/%2e%2e/%2e%2e/etc/passwd", "/images/....//....//etc/passwd", "/images/{id}%00.png",
     "/uploads/.state/catalogue.sqlite3", "/uploads/.state", "/images/.tmp", "/images/%FF%FE",
     "/images/{id}%0d%0aX-Evil:1", "/images/" + "a" * 3000, "/uploads/catalogue.sqlite3",
     "/images/{id}.PNG", "/IMAGES/{id}", "/images/\\..\\..\\x"],
)  # fmt: skip
def test_what_is_not_there_is_a_problem(service: Service, photo: Stored, path: str) -> None:
    answer, body = service.get(path.format(id=photo.id, unknown=UNKNOWN_ID))
    problem = json.loads(body)
    expected = {"image_not_found", "invalid_image_id", "not_found"}
    assert problem["code"] in expected
    assert_problem(answer, body, 404, problem["code"])
    assert answer.headers["X-Evil"] is None
    assert not any(word in body.decode() for word in ("root:", "site-packages", "/work", "/tmp/"))


def test_two_slashes_are_not_found_nor_redirected_elsewhere(service: Service) -> None:
    answer, _ = service.get("//evil.example/images/x", {"Host": "evil.example"})
    assert answer.status == 404
    assert answer.headers["Location"] is None


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_not_allowed(service: Service, photo: Stored, method: str) -> None:
    answer, body = service.get(photo.path, method=method)
    assert_problem(answer, body, 405, "method_not_allowed")
    assert {m.strip() for m in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}


def test_a_deleted_image_is_not_found_even_with_a_matching_etag(service: Service) -> None:
    stored = Stored(service, picture(), "a.png")
    with service.rpc() as rpc:
        assert rpc.delete_image(stored.id)["success"]
    answer, body = service.get(stored.path, {"If-None-Match": stored.etag})
    assert_problem(answer, body, 404, "image_not_found")


@pytest.mark.parametrize("damage", ["removed", "shorter", "longer"])
def test_a_file_changed_behind_our_back_is_a_damaged_image(service: Service, damage: str) -> None:
    stored = Stored(service, picture(), "a.png")
    name = f"{stored.id}.png"
    try:
        if damage == "removed":
            service.originals.remove(name)
        else:
            other = stored.data[:-1] if damage == "shorter" else stored.data + b"x"
            service.originals.write(name, other)
        for method in ("GET", "HEAD"):
            answer, body = service.get(stored.path, method=method)
            if method == "GET":
                assert_problem(answer, body, 500, "image_damaged")
            assert answer.status == 500
    finally:
        service.originals.write(name, stored.data)
    assert service.get(stored.path)[1] == stored.data


def test_a_store_that_does_not_answer_is_a_problem_to_retry(
    service: Service, photo: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    from image_service.errors import StorageUnavailable

    def fail(*_: object) -> None:
        raise StorageUnavailable("disk on fire")

    monkeypatch.setattr(service.app.manager, "open", fail)
    answer, body = service.get(photo.path)
    assert_problem(answer, body, 503, "storage_unavailable")
    assert int(answer.headers["Retry-After"]) > 0


def test_an_unexpected_failure_is_an_internal_error_without_a_trace(
    service: Service, photo: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(service.app.manager, "open", fail)
    answer, body = service.get(photo.path)
    assert_problem(answer, body, 500, "internal_error")
    assert b"secret" not in body


def test_probes_answer(service: Service) -> None:
    for path in ("/healthz", "/readyz"):
        answer, body = service.get(path)
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-store"
        assert json.loads(body)["status"] == "ok"
        assert service.get(path, method="HEAD")[1] == b""


def test_readyz_says_what_is_down_while_healthz_stays_up(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(service.app.broker.consuming, "transfers", False)
    answer, body = service.get("/readyz")
    report = json.loads(body)
    assert (answer.status, report["status"]) == (503, "degraded")
    assert "transfers" in report["checks"]["broker"]["message"]
    assert service.get("/healthz")[0].status == 200

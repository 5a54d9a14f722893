"""What charts and the search box ask: what is stored, and under which tags."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from image_service.backup_log import BackupLog
from tests.component.api import TOKENS, ask, bearer, code
from tests.component.harness import Service
from tests.component.pictures import noise


@pytest.fixture
def service(make_service: Callable[..., Service]) -> Service:
    return make_service(trash_retention_days=1)


def test_what_is_stored_is_told_by_format_and_month(service: Service) -> None:
    pictures = [noise(20, "png"), noise(20, "png"), noise(20, "bmp")]
    ids = [
        service.upload(data, f"a.{extension}")["imageId"]
        for data, extension in zip(pictures, ("png", "png", "bmp"), strict=True)
    ]
    with service.rpc() as rpc:
        rpc.delete_image(ids[1])
        info = rpc.get_storage_info()
    _, told = ask(service, "/api/stats")
    month = dt.datetime.now(dt.timezone.utc).strftime("%Y-%m")
    assert told["byMonth"] == [
        {
            "month": month,
            "files": 2,
            "bytes": len(pictures[0]) + len(pictures[2]),
            "byFormat": {
                "bmp": {"files": 1, "bytes": len(pictures[2])},
                "png": {"files": 1, "bytes": len(pictures[0])},
            },
        }
    ]
    assert told["byFormat"] == told["byMonth"][0]["byFormat"]
    assert {name: told[name] for name in info if name != "freeBytes"} == {
        name: value for name, value in info.items() if name != "freeBytes"
    }
    assert told["trashedFiles"] == 1
    assert told["lastBackup"] is None


def test_the_last_verification_and_backup_are_told(service: Service) -> None:
    service.upload(noise(8))
    service.app.scrub.step()
    BackupLog(service.app.settings.state_path).finished(images=1, size_bytes=5, left_out=0)
    _, told = ask(service, "/api/stats")
    assert (told["lastVerification"]["images"], told["lastVerification"]["damaged"]) == (1, 0)
    assert (told["lastBackup"]["images"], told["lastBackup"]["bytes"]) == (1, 5)
    assert told["lastBackup"]["finishedAt"] > "2026"


def test_tags_are_found_by_how_they_begin(service: Service) -> None:
    for tags in (["Holiday", "sea"], ["holiday 2", "sea"], ["sea"]):
        service.upload(noise(8), tags=tags)

    def found(query: str = "") -> list[tuple[str, int]]:
        return [
            (each["tag"], each["files"]) for each in ask(service, f"/api/tags{query}")[1]["tags"]
        ]

    assert found() == [("sea", 3), ("Holiday", 1), ("holiday 2", 1)]
    assert found("?prefix=HOLI") == [("Holiday", 1), ("holiday 2", 1)]
    assert found("?limit=1&prefix=") == [("sea", 3)]
    assert found("?prefix=%25") == []
    for query in ("limit=0", "limit=101", "limit=x", "prefix=%00", "prefix=" + "x" * 129, "q=1"):
        assert code(ask(service, f"/api/tags?{query}")) == (400, "invalid_argument")


def test_only_readers_are_told(make_service: Callable[..., Service]) -> None:
    service = make_service(tokens=TOKENS)
    for path in ("/api/stats", "/api/tags"):
        assert code(ask(service, path)) == (401, "unauthorized")
        assert code(ask(service, path, **bearer("delete"))) == (403, "forbidden")
        assert ask(service, path, **bearer("read"))[1]["success"]

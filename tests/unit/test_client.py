"""The client without a service: results, errors, sources."""

from __future__ import annotations

import datetime as dt
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from image_service import errors
from image_service.client import (
    ImageApi,
    ServiceUnreachable,
    SourceUnreadable,
    error_from,
)
from image_service.client.fields import read
from image_service.client.results import Health, Image, ImageDetails, StorageInfo, image_from
from image_service.client.sources import read_source
from image_service.rpc import replies
from tests.unit.test_errors import EXAMPLES
from tests.unit.test_replies import IMAGE

HEAVY = ("PIL", "sqlalchemy", "numpy", "pydantic", "nameko", "kombu", "eventlet", "rich")


def test_importing_the_client_brings_nothing_heavy() -> None:
    script = f"import sys, image_service.client; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda e: str(e)[:30])
def test_every_error_comes_back_as_its_class(error: errors.ImageServiceError) -> None:
    from image_service.rpc.answers import failure

    told = error_from(failure({}, error))
    assert isinstance(told, type(error))
    assert (told.code, told.retryable, str(told)) == (error.code, error.retryable, str(error))
    assert told.details() == error.details()
    assert {name: getattr(told, name) for name in error.details()} == error.details()


def test_an_error_of_a_newer_service_keeps_its_code() -> None:
    reply = {"message": "No.", "error": {"code": "too_shiny", "retryable": True, "by": 5}}
    told = error_from(reply)
    assert type(told).__mro__[2] is errors.ImageServiceError
    assert (told.code, told.retryable, told.details(), str(told)) == (
        "too_shiny", True, {"by": 5}, "No.",
    )  # fmt: skip


def test_every_field_of_the_service_has_one_of_the_clients() -> None:
    reply = replies.Replies("http://x").image(IMAGE)
    image: ImageDetails = image_from(ImageDetails, reply)
    assert image.extra == {}
    assert image.created_at == dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone.utc)
    assert read(StorageInfo, replies.BLANK_STORAGE).extra == {}
    assert read(Health, replies.BLANK_HEALTH).extra == {}
    assert read(Health, replies.BLANK_HEALTH).timestamp is None


def test_what_a_newer_service_tells_is_kept_and_what_an_older_one_lacks_is_blank() -> None:
    image = read(Image, {"imageId": "i", "mood": "sunny", "createdAt": "2026-01-01T00:00:00.500Z"})
    assert (image.id, image.extra, image.width, image.tags) == ("i", {"mood": "sunny"}, 0, ())
    assert image.created_at == dt.datetime(2026, 1, 1, 0, 0, 0, 500_000, tzinfo=dt.timezone.utc)
    with pytest.raises(AttributeError):
        image.width = 5  # type: ignore[misc]


class _Failing:
    """A Caller whose first calls fail."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.seen: list[Mapping[str, Any]] = []

    def call(
        self, method: str, arguments: Mapping[str, Any], timeout_s: float
    ) -> Mapping[str, Any]:
        self.seen.append(arguments)
        if self.failures:
            raise self.failures.pop(0)
        return {"success": True, "imageId": "i", "metadata": {}}

    def close(self) -> None:
        pass


@pytest.fixture
def no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


def test_repetitions_of_an_upload_share_its_key_and_two_uploads_do_not(no_waits: None) -> None:
    caller = _Failing(ServiceUnreachable("x"), errors.Busy("y"), ServiceUnreachable("z"))
    images = ImageApi(caller)
    assert images.upload(b"abc", "a.png").id == "i"
    images.upload(b"abc", "a.png")
    keys = [each["idempotency_key"] for each in caller.seen]
    assert len(keys) == 5
    assert len(set(keys[:4])) == 1
    assert keys[4] != keys[0]


def test_attempts_end_and_what_is_not_retryable_is_tried_once(no_waits: None) -> None:
    caller = _Failing(*[errors.Busy("x")] * 9)
    with pytest.raises(errors.Busy):
        ImageApi(caller, attempts=3).get("i")
    assert len(caller.seen) == 3
    caller = _Failing(errors.ImageNotFound("i"))
    with pytest.raises(errors.ImageNotFound):
        ImageApi(caller).get("i")
    assert len(caller.seen) == 1


def test_only_what_was_given_is_sent(no_waits: None) -> None:
    caller = _Failing()
    ImageApi(caller).page(tag="t")
    assert caller.seen == [{"tag": "t"}]


@pytest.fixture
def web() -> Iterator[str]:
    """A web server of pictures, good and bad."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/moved":
                self.send_response(302)
                self.send_header("Location", "/a%20b.png?x=1")
            elif self.path == "/to-file":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
            elif self.path == "/short":
                self.send_response(200)
                self.send_header("Content-Length", "50")
            elif self.path == "/named":
                self.send_response(200)
                self.send_header("Content-Disposition", 'attachment; filename="c.gif"')
            else:
                self.send_response(404 if self.path == "/absent" else 200)
            self.end_headers()
            self.wfile.write(b"bytes")

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.HTTPServer(("localhost", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "name"), [("/a%20b.png", "a b.png"), ("/moved", "a b.png"), ("/named", "c.gif")]
)
def test_a_picture_comes_from_the_web_with_its_name(web: str, path: str, name: str) -> None:
    source = read_source(web + path, 10)
    assert (source.data, source.filename) == (b"bytes", name)


@pytest.mark.parametrize(
    ("path", "why"), [("/absent", "404"), ("/to-file", "302"), ("/short", "cut off after 5 of 50")]
)
def test_what_the_web_does_not_give_is_told(web: str, path: str, why: str) -> None:
    with pytest.raises(SourceUnreadable, match=why):
        read_source(web + path, 10)


def test_what_is_no_source_is_told(tmp_path: Any) -> None:
    path = tmp_path / "a.txt"
    path.write_text("x")
    with path.open() as file, pytest.raises(errors.InvalidArgument, match="opened for text"):
        read_source(file, 1)  # type: ignore[arg-type]
    with pytest.raises(errors.InvalidArgument, match="give a path"):
        read_source(5, 1)  # type: ignore[arg-type]
    with pytest.raises(SourceUnreadable, match="directory"):
        read_source(tmp_path, 1)
    with pytest.raises(SourceUnreadable, match="No such file"):
        read_source("ftp://example.com/a.png", 1)

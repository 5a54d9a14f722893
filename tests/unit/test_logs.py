"""Log lines for people and programs."""

from __future__ import annotations

import json
import logging
import logging.config
from collections.abc import Iterator

import pytest

from image_service.off_hub import Notices, OffHub
from image_service.sight import calls, logs
from image_service.sight.calls import Call

FORGED = "x\n2026-11-28 10:00:00.000 ERROR root: all is lost\x1b[2J\u2028y"


@pytest.fixture(autouse=True)
def _nobodys_call() -> Iterator[None]:
    yield
    calls.enter(None)


def _record(message: str, **more: object) -> logging.LogRecord:
    record = logging.LogRecord("a.b", logging.WARNING, "", 0, message, (), None)
    record.__dict__.update(more)
    return record


def _raised(message: str) -> logging.LogRecord:
    try:
        raise ValueError(message)
    except ValueError as exc:
        return logging.LogRecord(
            "a.b", logging.ERROR, "", 0, "failed", (), (ValueError, exc, exc.__traceback__)
        )


def test_a_line_for_people_has_the_call_and_cannot_be_forged() -> None:
    calls.enter(Call("image_service.get_image.1"))
    line = logs.TextFormatter().format(_record(FORGED))
    assert "\n" not in line
    assert "\x1b" not in line
    assert "\u2028" not in line
    assert "WARNING a.b: [image_service.get_image.1] x\\n2026-11-28" in line


def test_what_an_exception_says_is_set_off() -> None:
    first, *others = logs.TextFormatter().format(_raised(FORGED)).split("\n")
    assert first.endswith("ERROR   a.b: failed")
    assert others
    assert all(line.startswith("    | ") for line in others)
    assert all(line.isprintable() for line in others)


def test_a_line_for_programs_is_one_object_with_the_call() -> None:
    call = Call("unknown", is_named=False)
    call.name("image_service.get_image.1", ["shop.buy.7", "image_service.get_image.1"])
    line = logs.JsonFormatter().format(_record(FORGED, image_id="img_1", **{logs.CALL: call}))
    assert "\n" not in line
    told = json.loads(line)
    assert told.pop("timestamp").endswith("Z")
    assert told == {
        "level": "WARNING",
        "logger": "a.b",
        "message": FORGED,
        "image_id": "img_1",
        "call_id": "image_service.get_image.1",
        "call_stack": ["shop.buy.7", "image_service.get_image.1"],
    }


def test_a_line_for_programs_has_its_traceback() -> None:
    told = json.loads(logs.JsonFormatter().format(_raised("why")))
    assert "ValueError: why" in told["exc_info"]


@pytest.mark.parametrize(
    ("path", "query", "shown"),
    [
        ("/images/img_1.jpg", "", "/images/img_1.jpg"),
        ("/img/c2VjcmV0/rs:fill:1:1/plain/img_1", "", "/img/***/rs:fill:1:1/plain/img_1"),
        ("/img/c2VjcmV0", "", "/img/***"),
        ("/files/ticket", "", "/files/***"),
        ("/images/a", "download=1&token=t&key", "/images/a?download=1&token=***&key=***"),
        ("/a", "=;%zz&&", "/a?=***"),
    ],
)
def test_addresses_are_told_without_what_opens_something(path: str, query: str, shown: str) -> None:
    assert logs.redacted(path, query) == shown


@pytest.mark.parametrize("given", [None, "", "a b", "a\nb", "ä", "x" * 129, "a;b"])
def test_a_request_id_that_is_not_sane_is_replaced(given: str | None) -> None:
    made = calls.request_id(given)
    assert made != given
    assert calls.request_id(made) == made
    assert calls.request_id(given) != made


@pytest.mark.parametrize(
    ("wanted", "kind", "is_failure", "level"),
    [
        ("all", "request", False, logging.INFO),
        ("calls", "request", False, 0),
        ("calls", "request", True, logging.INFO),
        ("calls", "call", False, logging.INFO),
        ("failures", "call", False, 0),
        ("failures", "call", True, logging.INFO),
    ],
)
def test_access_lines_have_the_level_that_is_wanted(
    wanted: logs.Access, kind: str, is_failure: bool, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "image_service.access")
    assert logs.AccessLog(wanted).level_of(kind, is_failure=is_failure) == level  # type: ignore[arg-type]


def test_what_native_threads_say_is_told_with_the_call_they_work_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    notices = Notices()

    class Blocking:
        def work(self) -> str:
            notices.add("a worker died")
            call = calls.current()
            return call.id if call else ""

    calls.enter(Call("image_service.upload_image.9"))
    assert OffHub(Blocking(), lambda: None).work() == "image_service.upload_image.9"
    calls.enter(None)
    notices.tell()
    (record,) = caplog.records
    assert "[image_service.upload_image.9] a worker died" in logs.TextFormatter().format(record)


def test_namekos_logging_key_takes_the_place_of_our_settings() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    other = {"version": 1, "disable_existing_loggers": False, "root": {"level": "ERROR"}}
    try:
        logs.set_up({}, "json", "WARNING")
        assert isinstance(root.handlers[0].formatter, logs.JsonFormatter)
        assert root.level == logging.WARNING
        logs.set_up({"LOGGING": other}, "json", "WARNING")
        assert root.level == logging.ERROR
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

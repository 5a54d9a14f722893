"""What the log says of why the store was not available."""

from __future__ import annotations

import logging
import sqlite3

import pytest
import sqlalchemy as sa

from image_service.errors import ImageNotFound, ImageServiceError, StorageUnavailable
from image_service.rpc.answers import answers
from image_service.sight.causes import cause_of


def raised(cause: BaseException | None) -> ImageServiceError:
    try:
        raise StorageUnavailable("its catalogue failed") from cause
    except ImageServiceError as exc:
        return exc


def test_of_a_databases_error_what_the_driver_said_and_no_values() -> None:
    said = sqlite3.OperationalError("disk I/O error\nDETAIL: secret")
    error = sa.exc.OperationalError("INSERT INTO images", {"filename": "secret"}, said)
    assert cause_of(raised(error)) == "OperationalError: disk I/O error"


def test_nothing_where_nothing_lies_behind() -> None:
    assert cause_of(raised(None)) == ""


def test_a_call_that_fails_so_leaves_a_line(caplog: pytest.LogCaptureFixture) -> None:
    class Service:
        @answers({}, ImageNotFound)
        def call(self, exc: Exception) -> dict[str, object]:
            raise exc

    with caplog.at_level(logging.WARNING):
        assert not Service().call(ImageNotFound("img"))["success"]
        assert not Service().call(raised(None))["success"]
        assert caplog.messages == []
        reply = Service().call(raised(OSError("input/output error")))
    assert reply["error"]["code"] == "storage_unavailable"
    assert caplog.messages == ["its catalogue failed: OSError: input/output error"]

"""Variants as the component tests ask for them."""

from __future__ import annotations

import http.client
import io
import json
from typing import Any

import pytest
from PIL import Image

from image_service import native
from tests.component.harness import Service


def opened(body: bytes) -> Image.Image:
    shown = Image.open(io.BytesIO(body))
    shown.load()
    return shown


def path(image_id: str, options: str, extension: str = "") -> str:
    return f"/img/insecure/{options}/plain/{image_id}{extension}"


def problem(answer: Any, body: bytes) -> tuple[int, str, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    told = json.loads(body)
    return answer.status, told["code"], told["detail"]


class Renders:
    """The renders of a service: counted, and held up until they are let go."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[int] = []
        self._may_go_on = native.threading.Event()
        pool = service.app._render_pool
        submit = pool.submit

        def held(request: Any, data: bytes) -> Any:
            self.begun.append(request["transform"].get("width", 0))
            assert self._may_go_on.wait(20)
            return submit(request, data)

        monkeypatch.setattr(pool, "submit", held)

    def go_on(self) -> None:
        self._may_go_on.set()


def asking(service: Service, image_id: str, options: str) -> http.client.HTTPConnection:
    connection = service.http(timeout=20)
    connection.request("GET", path(image_id, options))
    return connection

"""POST /images where there is a limit: of rights, room, time, and others' patience."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable
from typing import Any

import eventlet
import pytest

from image_service import native
from tests.component.api import TOKENS, ask, bearer, code
from tests.component.harness import Service, wait_until
from tests.component.pictures import noise, padded, picture
from tests.component.test_uploads_over_http import begin, form, post, received

Make = Callable[..., Service]


def test_an_upload_needs_its_scope(make_service: Make) -> None:
    service = make_service(tokens=TOKENS)
    body = form(picture())
    answered = post(service, body)
    assert code(answered) == (401, "unauthorized")
    assert answered[0].headers["WWW-Authenticate"].startswith("Bearer")
    for scope in ("read", "delete"):
        answered = post(service, body, **bearer(scope))
        assert code(answered) == (403, "forbidden")
        assert answered[1]["scope"] == "upload"
    for scope in ("upload", "admin"):
        assert post(service, body, **bearer(scope))[0].status == 201


def test_who_may_not_upload_is_told_before_anything_is_read(make_service: Make) -> None:
    service = make_service(tokens=TOKENS)
    sock = begin(service, "Content-Length: 5000000", "Expect: 100-continue")
    answer = sock.recv(1 << 16)
    assert answer.startswith(b"HTTP/1.1 401")
    sock.close()


def test_an_upload_is_its_tokens_owners(make_service: Make) -> None:
    tokens = [{**each, "owner": "shop"} for each in TOKENS]
    service = make_service(tokens=tokens, owner_key="user_id", owner_quota_files=1)
    told = post(service, form(picture()), **bearer("upload"))[1]
    assert told["metadata"]["owner"] == "shop"
    answered = post(service, form(picture()), **bearer("upload"))
    assert code(answered) == (507, "quota_exceeded")
    assert ask(service, "/api/info", **bearer("read"))[1]["owner"]["totalFiles"] == 1


def test_where_all_is_read_only_nothing_is_uploaded(make_service: Make) -> None:
    service = make_service(read_only=True)
    assert code(post(service, form(picture()))) == (403, "forbidden")
    assert service.upload(picture())["success"]


def test_a_full_store_is_told(make_service: Make, full_store: dict[str, Any]) -> None:
    service = make_service(**full_store)
    assert code(post(service, form(picture()))) == (507, "storage_full")
    assert service.stored() == []


def test_a_body_that_comes_too_slowly_is_cut_off(make_service: Make) -> None:
    service = make_service(http_idle_timeout_s=0.5)
    body = form(noise(100))
    sock = begin(service, f"Content-Length: {len(body)}", body=body[:100])
    with contextlib.suppress(OSError):
        for byte in body[100:400]:
            sock.sendall(bytes([byte]))
            eventlet.sleep(0.02)
    assert received(sock).startswith(b"HTTP/1.1 408")
    assert service.stored() == []


class Held:
    """Uploads that wait, each with an image worker's thread, until they are let go."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun = 0
        self._may_go_on = native.threading.Event()
        store = service.app.store
        put = store.put

        def held(*args: Any) -> Any:
            self.begun += 1
            assert self._may_go_on.wait(20)
            return put(*args)

        monkeypatch.setattr(store, "put", held)

    def go_on(self) -> None:
        self._may_go_on.set()


def test_many_uploads_wait_for_their_turn_and_nothing_waits_for_them(
    make_service: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(upload_concurrency=2, http_max_connections=60)
    image_id = service.upload(picture())["imageId"]
    held = Held(service, monkeypatch)
    posts = [eventlet.spawn(post, service, form(noise(8))) for _ in range(12)]
    wait_until(lambda: held.begun == 2)
    slow = [begin(service, "Content-Length: 1000", body=b"--") for _ in range(20)]
    with service.rpc(timeout=5) as rpc:
        assert rpc.health_check()["status"] == "ok"
        assert rpc.get_image(image_id)["success"]
    assert ask(service, "/api/health")[1]["status"] == "ok"
    assert ask(service, "/api/images")[1]["total"] == 1
    assert service.get(f"/images/{image_id}")[0].status == 200
    assert held.begun == 2
    held.go_on()
    assert [one.wait()[0].status for one in posts] == [201] * 12
    for sock in slow:
        sock.close()
    assert ask(service, "/api/images")[1]["total"] == 13


def test_no_more_comes_in_than_there_is_memory_for(
    make_service: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make_service(upload_concurrency=1, max_upload_bytes=100_000)
    held = Held(service, monkeypatch)
    posts = [eventlet.spawn(post, service, form(padded(90_000))) for _ in range(2)]
    wait_until(lambda: held.begun == 1)
    eventlet.sleep(0.2)
    answered = post(service, form(padded(90_000)))
    assert code(answered) == (503, "busy")
    assert answered[0].headers["Retry-After"]
    held.go_on()
    assert [one.wait()[0].status for one in posts] == [201] * 2
    assert post(service, form(padded(90_000)))[0].status == 201


def test_ten_thousand_heads_are_not_kept(make_service: Make) -> None:
    service = make_service()
    sock = socket.create_connection(("localhost", service.port), 10)
    with contextlib.suppress(OSError):
        sock.sendall(b"POST /images HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: b\r\n" * 10_000)
    assert received(sock).startswith(b"HTTP/1.1 431")
    assert json.loads(service.get("/healthz")[1]) == {"status": "ok"}

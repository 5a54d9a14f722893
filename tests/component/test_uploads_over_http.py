"""POST /images: one picture in a form, as browsers, curl and scripts send it."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.component.api import ask, code
from tests.component.harness import Service, checksum_of, wait_until
from tests.component.pictures import header_only_png, noise, padded, picture

BOUNDARY = "----a-boundary"
TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, filename: str | None = None) -> bytes:
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(data: bytes, filename: str = "a.png", **fields: str | list[str]) -> bytes:
    texts = [
        part(name, each.encode())
        for name, values in fields.items()
        for each in ([values] if isinstance(values, str) else values)
    ]
    file = part("file", data, filename)
    return b"".join([*texts, file]) + f"--{BOUNDARY}--\r\n".encode()


def post(service: Service, body: bytes, **headers: str) -> tuple[Any, Any]:
    return ask(service, "/images", "POST", body, **{"Content_Type": TYPE, **headers})


@pytest.fixture(autouse=True)
def nothing_is_left_behind(service: Service) -> Iterator[None]:
    yield
    with service.rpc() as rpc:
        known = {image["imageId"] for image in rpc.list_images()["images"]}
    files = {name.rpartition(".")[0] for name in service.stored()}
    assert files == known
    assert service.is_alive


def test_a_picture_is_stored_as_upload_image_does(service: Service, rpc: Any) -> None:
    data = noise(30)
    body = form(
        data,
        "ä ü.png",
        tags=["b", "a", ""],
        attributes='{"k": "ü"}',
        checksum=checksum_of(data),
        idempotency_key="",
    )
    answer, told = post(service, body)
    assert answer.status == 201
    assert answer.headers["Location"] == told["url"]
    assert told["message"] == "Image stored."
    expected = rpc.get_image(told["imageId"])
    assert {key: told[key] for key in expected} == expected
    assert told["filename"] == "ä ü.png"
    assert (told["metadata"]["tags"], told["metadata"]["attributes"]) == (["b", "a"], {"k": "ü"})
    assert service.get(f"/images/{told['imageId']}")[1] == data


def test_the_same_key_stores_one_image(service: Service) -> None:
    data = noise(20)
    first = post(service, form(data), Idempotency_Key="key 1")[1]
    again = post(service, form(data, idempotency_key="key 1"))[1]
    assert again["imageId"] == first["imageId"]
    assert code(post(service, form(noise(20)), Idempotency_Key="key 1")) == (
        400,
        "invalid_argument",
    )


def test_chunked_bodies_work(service: Service) -> None:
    data = noise(200)
    body = form(data)
    connection = service.http()
    pieces = [body[at : at + 7_001] for at in range(0, len(body), 7_001)]
    headers = {"Content-Type": TYPE, "Transfer-Encoding": "chunked"}
    connection.request("POST", "/images", iter(pieces), headers, encode_chunked=True)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    assert answer.status == 201
    assert told["metadata"]["sizeBytes"] == len(data)
    connection.request("GET", "/healthz")  # the connection goes on behind the body's end
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("header", ["X-A: b", "Expect: 100-continue", "Transfer-Encoding: chunked"])
def test_curl_uploads(service: Service, tmp_path: Path, header: str) -> None:
    file = tmp_path / "photo 1.png"
    file.write_bytes(noise(300))
    fields = [word for text in (f"file=@{file}", "tags=a", "tags=b") for word in ("-F", text)]
    url = f"http://localhost:{service.port}/images"
    command = ["curl", "-sS", "-m", "20", "-H", header, *fields, url]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(ended.stdout)
    assert (told["success"], told["filename"]) == (True, "photo 1.png")
    assert told["metadata"]["tags"] == ["a", "b"]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (form(b""), (400, "empty_file")),
        (form(b"text", "a.txt"), (415, "unsupported_format")),
        (form(picture("jpg"), "a.png"), (415, "type_mismatch")),
        (form(picture("png")[:-30]), (422, "truncated_image")),
        (form(header_only_png(60_000, 60_000)), (413, "too_many_pixels")),
        (form(picture(), ""), (400, "invalid_filename")),
        (form(picture(), checksum="sha256:" + "0" * 64), (400, "checksum_mismatch")),
        (form(picture(), checksum="md5:0"), (400, "invalid_argument")),
        (form(picture(), checksum=["a", "b"]), (400, "invalid_argument")),
        (form(picture(), tags=["x"] * 65), (400, "invalid_argument")),
        (form(picture(), attributes="[1]"), (400, "invalid_argument")),
        (form(picture(), attributes='{"a": '), (400, "invalid_argument")),
        (form(picture(), attributes='{"a":' * 50_000), (400, "invalid_argument")),
        (form(picture(), attributes="x" * 1_100_000), (413, "image_too_large")),
        (form(picture(), owner="me"), (400, "invalid_argument")),
        (form(padded(11 * 1024 * 1024)), (413, "image_too_large")),
        (form(padded(10 * 1024 * 1024 + 1)), (413, "image_too_large")),
        (b"", (400, "bad_request")),
        (b"x" * 100_000, (400, "bad_request")),
        (form(picture())[:-10], (400, "bad_request")),
        (part("file", picture()) + f"--{BOUNDARY}--".encode(), (400, "invalid_argument")),
        (part("x", b"", "a") + f"--{BOUNDARY}--".encode(), (400, "invalid_argument")),
        (part("t", b"") * 10_000 + form(picture()), (400, "bad_request")),
        (f"--{BOUNDARY}\r\nX: ".encode() + b"x" * 300_000, (400, "bad_request")),
        (f"--{BOUNDARY}\r\n".encode() + b"X: y\r\n" * 1_000, (400, "bad_request")),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_cannot_be_stored_is_a_problem(
    service: Service, body: bytes, expected: tuple[int, str]
) -> None:
    assert code(post(service, body)) == expected


@pytest.mark.parametrize(
    ("content_type", "expected"),
    [
        ("application/json", (415, "unsupported_media_type")),
        ("image/png", (415, "unsupported_media_type")),
        ("", (415, "unsupported_media_type")),
        ("multipart/mixed; boundary=x", (415, "unsupported_media_type")),
        ("multipart/form-data", (400, "bad_request")),
        ("multipart/form-data; boundary=", (400, "bad_request")),
        ("multipart/form-data; boundary=" + "x" * 500, (400, "bad_request")),
        ("multipart/form-data; boundary=other", (400, "bad_request")),
    ],
)
def test_only_a_form_is_read(
    service: Service, content_type: str, expected: tuple[int, str]
) -> None:
    assert code(post(service, form(picture()), Content_Type=content_type)) == expected


def begin(service: Service, *head: str, body: bytes = b"") -> socket.socket:
    sock = socket.create_connection(("localhost", service.port), 10)
    lines = ["POST /images HTTP/1.1", "Host: localhost", f"Content-Type: {TYPE}", *head, "", ""]
    sock.sendall("\r\n".join(lines).encode() + body)
    return sock


def received(sock: socket.socket) -> bytes:
    data = b""
    with contextlib.suppress(ConnectionResetError):
        while chunk := sock.recv(1 << 16):
            data += chunk
    sock.close()
    return data


def test_what_says_that_it_is_too_large_is_refused_before_it_comes(service: Service) -> None:
    for more in ((), ("Expect: 100-continue",)):
        sock = begin(service, "Content-Length: 999999999999", *more)
        answer = received_head(sock)
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"Connection: close" in answer
        assert b"100 Continue" not in answer
        sock.close()


def received_head(sock: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data and (chunk := sock.recv(4096)):
        data += chunk
    return data


def test_who_sends_on_after_a_refusal_still_gets_it(service: Service) -> None:
    sock = begin(service, "Content-Length: 50000000")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(50):
            sock.sendall(b"x" * 1_000_000)
    sock.shutdown(socket.SHUT_WR)
    assert b'"code": "image_too_large"' in received(sock)


@pytest.mark.parametrize(
    "body",
    [
        b"zz\r\n",
        b"-5\r\n",
        b"0x5\r\nhello\r\n",
        b"5\r\nhello!\r\n",
        b"5\nhello\n",
        b"f" * 5_000,
        b"0\r\n" + b"X: y\r\n" * 1_000,
    ],
)
def test_chunks_that_can_be_misread_are_refused(service: Service, body: bytes) -> None:
    sock = begin(service, "Transfer-Encoding: chunked", body=body)
    answer = received(sock)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("coding", ["gzip, chunked", "identity", "chunked, chunked", "xchunked"])
def test_other_codings_are_refused(service: Service, coding: str) -> None:
    sock = begin(service, f"Transfer-Encoding: {coding}", body=b"0\r\n\r\n")
    assert received(sock).startswith(b"HTTP/1.1 400")


@pytest.mark.promise2
def test_a_client_that_leaves_midway_leaves_nothing(service: Service) -> None:
    body = form(noise(200))
    for head in (f"Content-Length: {len(body)}", "Transfer-Encoding: chunked"):
        start = b"10000\r\n" if "chunked" in head else b""
        sock = begin(service, head, body=start + body[: len(body) // 2])
        sock.close()
    wait_until(lambda: server_of(service)._answering == 0, what="an upload goes on")


def server_of(service: Service) -> Any:
    return next(e for e in service.container.extensions if hasattr(e, "_slots"))


def test_another_sites_form_uploads_nothing(service: Service) -> None:
    own = f"http://localhost:{service.port}"
    for headers in (
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "X-Requested-With": "x"},
        {"Origin": own},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "10.0.0.1"},
    ):
        status, _ = code(post(service, form(picture()), **headers))
        assert status in (401, 403)
    for headers in (
        {"Origin": own, "X-Requested-With": "gallery"},
        {"Sec-Fetch-Site": "same-origin", "X-Requested-With": "gallery"},
    ):
        assert post(service, form(picture()), **headers)[0].status == 201

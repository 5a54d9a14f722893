"""The HTTP server beneath: connections kept, cut, stalled, too many, and slow readers."""

from __future__ import annotations

import contextlib
import gc
import json
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import psutil
import pytest

from tests.component.harness import Service, wait_until
from tests.component.http_lines import (
    connected,
    free_slots,
    open_originals,
    receive_all,
    request,
    server_of,
)
from tests.component.pictures import padded, picture

BIG_BYTES = 10_000_000
IDLE_S = 0.6


@pytest.fixture(scope="module")
def service(
    broker_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    new_store: Callable[[], dict[str, Any]],
) -> Iterator[Service]:
    """A service that loses patience soon."""
    from tests.component.harness import delete_queues

    delete_queues(broker_uri)
    folder = tmp_path_factory.mktemp("http")
    running = Service(
        broker_uri,
        folder / "uploads",
        http_idle_timeout_s=IDLE_S,
        http_max_connections=40,
        **new_store(),
    ).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def small(service: Service) -> tuple[str, bytes]:
    data = picture()
    return f"/images/{service.upload(data)['imageId']}", data


@pytest.fixture(scope="module")
def big(service: Service) -> tuple[str, bytes]:
    data = padded(BIG_BYTES)
    return f"/images/{service.upload(data)['imageId']}", data


@pytest.fixture(autouse=True)
def leaves_nothing(service: Service) -> Iterator[None]:
    """After each test no connection, and no file of an image, is left open."""
    yield
    wait_until(lambda: not open_originals(service), what="a file stayed open")
    wait_until(lambda: server_of(service)._answering == 0, what="an answer never ended")
    wait_until(lambda: free_slots(service) == 40, what="a connection was never given up")
    assert service.is_alive


def test_a_connection_is_kept_for_further_requests(
    service: Service, small: tuple[str, bytes]
) -> None:
    connection = service.http()
    for path, status in [
        (small[0], 200),
        ("/nothing", 404),
        (small[0], 200),
        ("/healthz", 200),
    ] * 3:
        for method in ("GET", "HEAD"):
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            assert answer.status == status
            assert not answer.will_close
            if path == small[0]:
                assert body == (small[1] if method == "GET" else b"")
    connection.request("GET", small[0], headers={"If-None-Match": "*"})
    assert connection.getresponse().read() == b""
    connection.request("GET", small[0], headers={"Range": "bytes=1-3"})
    assert connection.getresponse().read() == small[1][1:4]
    connection.close()


def test_pipelined_requests_are_answered_in_order(
    service: Service, small: tuple[str, bytes]
) -> None:
    with connected(service) as sock:
        sock.sendall(
            request(small[0]) + request("/nothing") + request(small[0], method="HEAD")
            + request(small[0], "Connection: close")
        )  # fmt: skip
        data = receive_all(sock)
    assert data.count(b"HTTP/1.1 200") == 3
    assert data.index(b"HTTP/1.1 404") > data.index(small[1])
    assert data.count(small[1]) == 2
    assert data.endswith(small[1])


def test_a_request_body_is_read_over(service: Service, small: tuple[str, bytes]) -> None:
    with connected(service) as sock:
        sock.sendall(
            request(small[0], "Content-Length: 5") + b"hello"
            + request(small[0], "Transfer-Encoding: chunked") + b"3\r\nabc\r\n0\r\n\r\n"
            + request(small[0], "Connection: close")
        )  # fmt: skip
        assert receive_all(sock).count(b"HTTP/1.1 200") == 3


def test_http_1_0_is_answered_and_closed(service: Service, small: tuple[str, bytes]) -> None:
    with connected(service) as sock:
        sock.sendall(f"GET {small[0]} HTTP/1.0\r\n\r\n".encode())
        assert receive_all(sock).endswith(small[1])


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"\0" * 100 + b"\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 20_000 + b"\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n b\r\nX\r\n\r\n",
        b"GET /nowhere HTTP/1.1\r\nHost: ../../x y\r\nConnection: close\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"CONNECT evil:1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=lambda n: repr(n[:30]),
)
def test_nonsense_is_refused_without_telling_what_runs_here(
    service: Service, nonsense: bytes
) -> None:
    with connected(service) as sock:
        sock.sendall(nonsense)
        data = receive_all(sock)
    assert not data or b" 200 " not in data.partition(b"\r\n")[0]
    for word in (
        b"Server:",
        b"Python",
        b"eventlet",
        b"werkzeug",
        b"BaseHTTP",
        b"Traceback",
        b"<html",
    ):
        assert word.lower() not in data.lower()
    head = data.partition(b"\r\n\r\n")[0].lower()
    assert not data or b"content-length" in head


def test_a_client_that_leaves_in_the_middle_costs_nothing(
    service: Service, big: tuple[str, bytes], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for _ in range(5):
        with connected(service, receive_bytes=4096) as sock:
            sock.sendall(request(big[0]))
            assert sock.recv(1000)
            assert open_originals(service)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # reset
    wait_until(lambda: not open_originals(service))
    assert "Traceback" not in caplog.text


def test_an_idle_connection_is_closed(service: Service) -> None:
    with connected(service) as sock:
        started = time.monotonic()
        assert receive_all(sock) == b""
        assert time.monotonic() - started < IDLE_S + 1


def test_a_kept_connection_is_closed_when_idle(service: Service, small: tuple[str, bytes]) -> None:
    with connected(service) as sock:
        sock.sendall(request(small[0]))
        started = time.monotonic()
        assert receive_all(sock).endswith(small[1])
        assert time.monotonic() - started < IDLE_S + 1


@pytest.mark.parametrize("at_once", [0, len("GET /healthz HTTP/1.1\r\n")])
def test_a_request_that_drips_in_is_cut_off(service: Service, at_once: int) -> None:
    wanted = request("/healthz", *[f"X-{i}: aaaaaaaaaaaaaaaaaaa" for i in range(100)])
    with connected(service) as sock:
        started = time.monotonic()
        sock.sendall(wanted[:at_once])
        with contextlib.suppress(OSError):
            for byte in wanted[at_once:]:
                sock.sendall(bytes([byte]))
                eventlet.sleep(0.2)
                if time.monotonic() - started > 8 * IDLE_S:
                    break
        assert time.monotonic() - started < 4 * IDLE_S


def test_a_reader_that_stalls_is_cut_off(service: Service, big: tuple[str, bytes]) -> None:
    with connected(service, receive_bytes=4096) as sock:
        sock.sendall(request(big[0]))
        assert sock.recv(100)
        wait_until(lambda: not open_originals(service), timeout_s=4 * IDLE_S)
        assert len(receive_all(sock)) < BIG_BYTES


def test_slow_readers_take_little_memory_and_hold_up_nobody(
    service: Service, big: tuple[str, bytes], small: tuple[str, bytes]
) -> None:
    process = psutil.Process()
    service.get(big[0])
    gc.collect()
    before = process.memory_info().rss
    received = [0] * 8
    most = 0

    def read_slowly(index: int) -> None:
        with connected(service, receive_bytes=65_536) as sock:
            sock.sendall(request(big[0], "Connection: close"))
            while chunk := sock.recv(65_536):
                received[index] += len(chunk)
                eventlet.sleep(0.005)

    readers = [eventlet.spawn(read_slowly, index) for index in range(8)]
    slowest = 0.0
    while not all(reader.dead for reader in readers):
        started = time.monotonic()
        assert service.get(small[0])[1] == small[1]
        slowest = max(slowest, time.monotonic() - started)
        most = max(most, process.memory_info().rss)
        eventlet.sleep(0.05)
    assert all(count > BIG_BYTES for count in received)
    assert most - before < 25_000_000, f"{most - before:,} bytes more"
    assert slowest < 1


def test_a_big_picture_arrives_exact_in_parts_and_whole(
    service: Service, big: tuple[str, bytes]
) -> None:
    assert service.get(big[0])[1] == big[1]
    for start, end in [(0, 262_144), (262_143, 262_145), (5_000_000, BIG_BYTES)]:
        _, body = service.get(big[0], {"Range": f"bytes={start}-{end - 1}"})
        assert body == big[1][start:end]


def test_a_file_that_shrinks_while_it_is_sent_cuts_the_connection(service: Service) -> None:
    data = padded(BIG_BYTES)
    image_id = service.upload(data)["imageId"]
    with connected(service, receive_bytes=4096) as sock:
        sock.sendall(request(f"/images/{image_id}"))
        assert sock.recv(1000)
        service.originals.cut(f"{image_id}.png", BIG_BYTES // 2)
        sock.sendall(request("/healthz"))
        received = receive_all(sock)
    assert len(received) < BIG_BYTES
    assert b'"status"' not in received  # no other answer in place of the missing bytes


def test_a_deleted_image_in_flight_is_sent_to_its_end(
    service: Service,
) -> None:
    data = padded(BIG_BYTES)
    image_id = service.upload(data)["imageId"]
    with connected(service, receive_bytes=65_536) as sock, service.rpc() as rpc:
        sock.sendall(request(f"/images/{image_id}", "Connection: close"))
        received = sock.recv(1000)
        assert rpc.delete_image(image_id)["success"]
        received += receive_all(sock)
    assert received.endswith(data)


def test_small_answers_are_not_held_back(service: Service, small: tuple[str, bytes]) -> None:
    connection = service.http()
    times = []
    for _ in range(15):
        started = time.monotonic()
        connection.request("GET", small[0])
        connection.getresponse().read()
        times.append(time.monotonic() - started)
    connection.close()
    assert sorted(times)[7] < 0.030  # Nagle's algorithm and a delayed ACK take 40 ms
    listening = server_of(service)._sock
    assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_connections_over_the_limit_wait_for_their_turn(
    service: Service, small: tuple[str, bytes]
) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(connected(service))
        wait_until(lambda: server_of(service)._slots.counter == 0)
        with connected(service) as sock:
            sock.sendall(request(small[0], "Connection: close"))
            started = time.monotonic()
            assert receive_all(sock).endswith(small[1])
            assert time.monotonic() - started > IDLE_S / 3  # once an idle one was closed
    assert service.get(small[0])[0].status == 200


HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "line",
    [
        b"Foo : x",
        b"foo",
        b"Foo\x0bBar: x",
        b"\xff\xff: x",
        b"Content-Length: 0",
        b"Host: other",
    ],
    ids=repr,
)
def test_a_head_that_proxies_may_read_otherwise_smuggles_no_request(
    service: Service, line: bytes
) -> None:
    head = b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + line + b"\r\nContent-Length: %d\r\n\r\n"
    with connected(service) as sock:
        sock.sendall(head % len(HIDDEN) + HIDDEN)
        data = receive_all(sock)
    assert data.startswith(b"HTTP/1.1 400 ")
    assert data.count(b"application/problem") == 1
    assert b"application/problem+json" in data


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n", 400),
        (
            b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
        ),
        (b"GET /images//img_1 HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 404),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_answered_is_a_problem_document(
    service: Service, sent: bytes, status: int
) -> None:
    with connected(service) as sock:
        sock.sendall(sent)
        data = receive_all(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"application/problem+json" in head
    assert json.loads(body)["status"] == status
    assert b"evil" not in data


def test_a_slow_but_steady_reader_gets_everything(service: Service, big: tuple[str, bytes]) -> None:
    """Twice as slow as its idle time would let a buffer of the system's usual size drain."""
    with connected(service) as sock:
        sock.sendall(request(big[0], "Connection: close"))
        received, started = 0, time.monotonic()
        while time.monotonic() - started < 5 * IDLE_S:
            received += len(sock.recv(50_000))
            eventlet.sleep(0.05)
        received += len(receive_all(sock))
    assert received > BIG_BYTES


def test_a_client_that_always_has_a_next_request_ready_lets_others_have_a_turn(
    service: Service,
) -> None:
    count = 300
    with connected(service) as greedy:
        greedy.sendall(request("/nowhere") * count)
        answer, _ = service.get("/healthz")
        assert answer.status == 200
        data = greedy.recv(1 << 20)
        assert data.count(b"HTTP/1.1 404") < count / 10
        while data.count(b"HTTP/1.1 404") < count:
            data += greedy.recv(1 << 20)

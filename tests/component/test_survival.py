"""Nothing that arrives ends the service, stays in its queues, or keeps the next call waiting."""

from __future__ import annotations

import json
import pickle
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import amqp
import kombu
import msgpack
import pytest

from image_service.rpc.entrypoint import LightRpc
from tests.component.harness import (
    EXCHANGE,
    JSON,
    MSGPACK,
    QUEUES,
    RawCaller,
    Service,
    delete_queues,
    wait_until,
)
from tests.component.pictures import picture

NEXT = picture()
CALL = json.dumps({"args": [], "kwargs": {}}).encode()
UNSIGNED_32 = struct.Struct("!I")


@pytest.fixture(scope="module")
def witness(service: Service) -> Iterator[Any]:
    """A caller that stays connected through it all."""
    with service.rpc(timeout=5) as rpc:
        yield rpc


@pytest.fixture(scope="module")
def channel(broker_uri: str) -> Iterator[Any]:
    with kombu.Connection(broker_uri) as connection:
        yield connection.default_channel


@pytest.fixture(autouse=True)
def survives(service: Service, witness: Any, channel: Any) -> Iterator[None]:
    """After each test: the same container lives, its queues are empty, all methods answer."""
    workers = service.app.worker_pids()
    yield
    assert witness.health_check()["status"] == "ok"
    reply = witness.upload_image(file=NEXT, filename="next.png")
    assert reply["success"], reply
    assert witness.delete_image(reply["imageId"])["success"]
    assert service.is_alive
    assert [channel.queue_declare(q, passive=True).message_count for q in QUEUES] == [0, 0]
    assert service.app.worker_pids() == workers, "an image worker died"
    for connection in _connections(service):
        wait_until(partial(_is_idle, connection), what="a message was never acknowledged")


def _is_idle(connection: Any) -> bool:
    return not connection._in_hand


def _connections(service: Service) -> list[Any]:
    return [e for e in service.container.extensions if hasattr(e, "_in_hand")]


def drain(service: Service, raw: RawCaller) -> None:
    """Return once what was sent before has been taken and dealt with."""
    for method in ("health_check", "upload_image"):
        raw.send(CALL, method)
        raw.receive()


@pytest.mark.parametrize("method", ["health_check", "upload_image"])
def test_a_message_without_reply_to_is_dropped(
    service: Service, raw: RawCaller, method: str
) -> None:
    before = service.stored()
    arguments = {"file": {"type": "Buffer", "data": list(NEXT)}, "filename": "a.png"}
    kwargs = arguments if method == "upload_image" else {}
    raw.send(json.dumps({"args": [], "kwargs": kwargs}).encode(), method, reply_to=None)
    raw.expect_silence()
    drain(service, raw)
    assert service.stored() == before


def test_a_message_without_correlation_id_is_answered(raw: RawCaller) -> None:
    raw.send(CALL, correlation_id=None)
    assert raw.answer()["result"]["success"] is True


@pytest.mark.parametrize(
    "content_type",
    [None, "", "application/x-nonsense", "text/html", "application/octet-stream", "a" * 255,
     "application/x-python-serialize", "application/data", "application/x-yaml"],
)  # fmt: skip
@pytest.mark.parametrize("method", ["health_check", "upload_image"])
def test_a_content_type_that_is_not_accepted_is_refused(
    raw: RawCaller, method: str, content_type: str | None
) -> None:
    raw.send(CALL, method, content_type=content_type)
    answer = raw.answer()
    assert answer["error"]["exc_type"] == "MalformedRequest"
    assert "application/json" in answer["error"]["value"]


class Bomb:
    def __reduce__(self) -> Any:
        return (print, ("executed!",))


def test_pickle_is_never_loaded(raw: RawCaller, capfd: pytest.CaptureFixture[str]) -> None:
    for content_type in ("application/x-python-serialize", JSON, MSGPACK):
        raw.send(pickle.dumps(Bomb()), content_type=content_type)
        assert raw.answer()["error"]["exc_type"] == "MalformedRequest"
    assert "executed!" not in capfd.readouterr().out


STACKS = ["text", 5, {"a": 1}, [1, 2], [None], [["x"]], b"\xff\xfe", True, [{"a": []}]]


@pytest.mark.parametrize("stack", STACKS, ids=repr)
def test_a_malformed_call_stack_header_is_ignored(raw: RawCaller, stack: Any) -> None:
    raw.send(CALL, application_headers={"nameko.call_id_stack": stack})
    assert raw.answer()["result"]["success"] is True


def test_odd_headers_are_ignored(raw: RawCaller) -> None:
    odd = {"nameko.image_service_delivery": "x", "nameko.": 1, "nameko.lang": None, "x": b"\xff"}
    raw.send(CALL, application_headers=odd)
    assert raw.answer()["result"]["success"] is True


@pytest.mark.parametrize(
    "properties",
    [
        {"correlation_id": b"\xff\xfe"},
        {"reply_to": b"\xff\xfe"},
        {"content_type": b"\xc3("},
        {"content_encoding": b"\xff"},
        {"message_id": b"\xff\xfe"},
        {"user_data": None, "app_id": b"\xf0\x28"},
    ],
    ids=lambda p: next(iter(p)),
)
@pytest.mark.parametrize("method", ["health_check", "upload_image"])
def test_properties_that_are_no_text_are_survived(
    service: Service, raw: RawCaller, method: str, properties: Any
) -> None:
    raw.send(CALL, method, **properties)
    drain_after_unknown(service, raw)


def drain_after_unknown(service: Service, raw: RawCaller) -> None:
    """As drain(), when the message before may or may not be answered."""
    wanted = raw.send(CALL)
    while raw.receive().properties.get("correlation_id") != wanted:
        pass


@pytest.mark.parametrize(
    "table",
    [
        b"\x04when" + b"T" + struct.pack("!Q", 2**62),
        b"\x02\xff\xfeS" + UNSIGNED_32.pack(1) + b"x",
        b"\x01aS" + UNSIGNED_32.pack(2) + b"\xff\xfe",
    ],
    ids=["a date beyond time", "a key that is no text", "a value that is no text"],
)
def test_headers_that_cannot_be_read_are_survived(
    service: Service, raw: RawCaller, monkeypatch: pytest.MonkeyPatch, table: bytes
) -> None:
    encoded = UNSIGNED_32.pack(len(table)) + table

    def properties_with_table(self: Any) -> bytes:
        # content-type, headers, correlation-id and reply-to, in this order (AMQP 0-9-1, 4.2.6.1)
        def short(text: str) -> bytes:
            return bytes([len(text)]) + text.encode()

        flags = 0x8000 | 0x2000 | 0x0400 | 0x0200
        return struct.pack("!H", flags) + short(JSON) + encoded + short("c") + short(raw.queue)

    with monkeypatch.context() as patch:
        patch.setattr(amqp.Message, "_serialize_properties", properties_with_table)
        raw.send(CALL)
    drain_after_unknown(service, raw)


def typed(kind: bytes, value: bytes) -> bytes:
    """Return a JSON call with one of kombu's typed values."""
    item = b'{"__type__": ' + kind + b', "__value__": ' + value + b"}"
    return b'{"args": [' + item + b'], "kwargs": {}}'


MSGPACK_MAP_32, MSGPACK_LIST_32 = b"\xdf", b"\xdd"

BODIES = {
    "nothing": (b"", JSON),
    "no JSON": (b"{", JSON),
    "no UTF-8": (b"\xff\xfe\xfa", JSON),
    "a JSON list": (b"[1, 2]", JSON),
    "JSON null": (b"null", JSON),
    "no kwargs": (b'{"args": []}', JSON),
    "args null": (b'{"args": null, "kwargs": {}}', JSON),
    "args text": (b'{"args": "abc", "kwargs": {}}', JSON),
    "kwargs a list": (b'{"args": [], "kwargs": []}', JSON),
    "kwargs null": (b'{"args": [], "kwargs": null}', JSON),
    "deep JSON": (b'{"args": ' + b"[" * 30_000 + b"]" * 30_000 + b', "kwargs": {}}', JSON),
    "deep large JSON": (b'{"args": ' + b"[" * 300_000 + b"]" * 300_000 + b', "kwargs": {}}', JSON),
    "large no JSON": (b"[" + b"1," * 100_000, JSON),
    "large no UTF-8": (b'{"a": "' + b"\xff" * 100_000 + b'"}', JSON),
    "a bad typed value": (typed(b'"decimal"', b'"x"'), JSON),
    "a bad uuid": (typed(b'"uuid"', b'{"hex": 5}'), JSON),
    "a bad date": (typed(b'"datetime"', b"5"), JSON),
    "a bad large typed value": (typed(b'"decimal"', b'"' + b"x" * 100_000 + b'"'), JSON),
    "a bad large uuid": (
        b'{"args": [{"__type__": "uuid", "__value__": {"hex": 5}}, "' + b"x" * 100_000
        + b'"], "kwargs": {}}',
        JSON,
    ),
    "no msgpack": (b"\xc1", MSGPACK),
    "half msgpack": (msgpack.packb({"args": [], "kwargs": {"a": b"x" * 100}})[:-5], MSGPACK),
    "two msgpacks": (msgpack.packb({"args": [], "kwargs": {}}) * 2, MSGPACK),
    "deep msgpack": (b"\x91" * 100_000, MSGPACK),
    "unhashable keys": (b"\x81\x80\x01", MSGPACK),
    "binary keys": (msgpack.packb({b"args": [], b"kwargs": {}}), MSGPACK),
    "numbers for keywords": (msgpack.packb({"args": [], "kwargs": {1: 2}}), MSGPACK),
    "text that is no UTF-8": (b"\x82\xa4args\x90\xa6kwargs\x81\xa1a\xa2\xff\xfe", MSGPACK),
    "an unknown extension type": (
        msgpack.packb({"args": [msgpack.ExtType(99, b"x")], "kwargs": {}}), MSGPACK,
    ),
    "a date of no calendar": (
        b"\x82\xa6kwargs\x80\xa4args\x91\xc7\x0c\xff" + b"\xff" * 12, MSGPACK,
    ),
    "a list of billions announced": (MSGPACK_LIST_32 + b"\xff\xff\xff\xff", MSGPACK),
    "a map of billions announced": (MSGPACK_MAP_32 + b"\xff\xff\xff\xff", MSGPACK),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("method", ["health_check", "upload_image"])
def test_a_body_that_is_no_call_is_refused(raw: RawCaller, method: str, name: str) -> None:
    body, content_type = BODIES[name]
    raw.send(body, method, content_type=content_type)
    error = raw.answer()["error"]
    assert error["exc_type"] in ("MalformedRequest", "IncorrectSignature")
    assert len(json.dumps(error)) < 2_000, "the error repeats the body"


def containers(count: int) -> bytes:
    """Return msgpack of a call whose one argument is a list of count empty mappings."""
    head = b"\x82\xa6kwargs\x80\xa4args\x91" + MSGPACK_LIST_32 + UNSIGNED_32.pack(count)
    return head + b"\x80" * count


@pytest.mark.parametrize("depth", [1, 2])
def test_millions_of_little_containers_are_refused_before_they_are_made(
    service: Service, raw: RawCaller, depth: int
) -> None:
    import tracemalloc

    count = 3_000_000
    body = containers(count) if depth == 1 else containers(count).replace(b"\x80" * 2, b"\x91\x80")
    tracemalloc.start()
    try:
        raw.send(body, "upload_image", content_type=MSGPACK)
        answer = raw.answer()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert answer["error"]["exc_type"] == "MalformedRequest"
    assert peak < 15 * len(body), f"{peak:,} bytes for a body of {len(body):,}"


def test_a_json_of_little_containers_takes_no_memory_of_the_service(raw: RawCaller) -> None:
    body = b'{"kwargs": {}, "args": [' + b"{}," * 2_000_000 + b"{}]}"
    raw.send(body)
    answer = raw.answer()
    assert (answer["error"] or answer["result"]["error"]) is not None


@pytest.mark.parametrize("content_type", [JSON, MSGPACK])
@pytest.mark.parametrize("compression", ["application/x-gzip", "application/x-bz2", "nonsense", 5])
def test_a_compressed_body_is_never_inflated(
    raw: RawCaller, compression: Any, content_type: str
) -> None:
    bomb = zlib.compress(b"\0" * 200_000_000, 1)[:400_000]
    raw.send(bomb, content_type=content_type, application_headers={"compression": compression})
    assert raw.answer()["error"]["exc_type"] == "MalformedRequest"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "binary", "nonsense", "rot13", "zlib"])
def test_odd_content_encodings_are_survived(raw: RawCaller, encoding: str) -> None:
    raw.send(CALL, content_encoding=encoding)
    answer = raw.answer()
    assert answer["result"] or answer["error"]["exc_type"] == "MalformedRequest"


@pytest.mark.parametrize("queue", QUEUES)
def test_a_message_for_no_method_is_refused(raw: RawCaller, queue: str) -> None:
    for key in ("image_service.no_such", "image_service.", "image_service.__init__", "x.y.sweep"):
        raw.channel.queue_bind(queue, EXCHANGE, key)
        try:
            raw.send(CALL, routing_key=key)
            assert raw.answer()["error"]["exc_type"] == "MethodNotFound"
        finally:
            raw.channel.queue_unbind(queue, EXCHANGE, key)
    raw.send(CALL, exchange="", routing_key=queue)
    assert raw.answer()["error"]["exc_type"] == "MethodNotFound"


def test_a_reply_that_nobody_waits_for_is_dropped(service: Service, raw: RawCaller) -> None:
    raw.send(CALL, reply_to="nobody")
    drain(service, raw)


@pytest.mark.broken_replies
def test_a_reply_that_cannot_be_written_is_a_failure_of_the_methods_own_shape(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.rpc() as rpc:
        image_id = rpc.upload_image(file=picture(), filename="a.png")["imageId"]
        monkeypatch.setattr("image_service.rpc.replies.metadata", lambda image: {"x": object()})
        reply = rpc.get_image(image_id)
    assert reply["success"] is False
    assert reply["error"]["code"] == "internal_error"
    assert reply["metadata"] == {"size": "", "format": "", "dimensions": ""}


@pytest.mark.broken_replies
def test_a_reply_too_large_for_a_message_is_a_failure_of_the_methods_own_shape(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = service.app.settings.max_message_bytes
    with service.rpc() as rpc:
        image_id = rpc.upload_image(file=picture(), filename="a.png")["imageId"]
        monkeypatch.setattr("image_service.rpc.replies.metadata", lambda image: {"x": "y" * limit})
        reply = rpc.get_image(image_id)
    assert reply["success"] is False
    assert reply["error"]["code"] == "reply_too_large"
    assert reply["error"]["limit"] == limit
    assert len(str(reply)) < 2_000


def test_an_error_of_any_shape_crosses_the_wire(
    service: Service, raw: RawCaller, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise RuntimeError("not even this")

    def fail(*_: object) -> None:
        raise Odd(object(), float("nan"), b"\xff", "y" * 10)

    monkeypatch.setattr(LightRpc, "check_signature", fail)
    raw.send(CALL)
    assert raw.receive().body
    monkeypatch.undo()


def test_a_deleted_queue_is_made_again(service: Service, broker_uri: str) -> None:
    delete_queues(broker_uri)
    wait_until(lambda: _is_well(service), what="never consumed again")


def _is_well(service: Service) -> bool:
    """Whether calls are answered and the other queue, too, is consumed."""
    try:
        with service.rpc(timeout=1) as rpc:
            return bool(rpc.health_check()["status"] == "ok")
    except Exception:  # noqa: BLE001 - unknown service until the queue is back
        return False

"""What an operator sees of calls and requests: numbers and lines."""

from __future__ import annotations

import json

from tests.component.harness import RawCaller, Service, wait_until
from tests.component.pictures import noise, picture
from tests.component.sight import Lines, read

DATA = picture("png", (40, 30))


def test_calls_are_counted_by_method_and_by_what_was_answered(service: Service) -> None:
    before = read(service)
    service.upload(DATA)
    with service.rpc() as rpc:
        rpc.upload_image(b"no picture", "a.png")
        rpc.get_image("img_1700000000000_0123456789abcdef")
    told = read(service)

    def more(name: str, **labels: str) -> float:
        return told(name, **labels) - before(name, **labels)

    assert more("rpc_requests_total", method="upload_image", code="ok") == 1
    assert more("rpc_requests_total", method="upload_image", code="unsupported_format") == 1
    assert more("rpc_requests_total", method="get_image", code="image_not_found") == 1
    assert more("rpc_duration_seconds_count", method="upload_image") == 2
    assert more("rpc_duration_seconds_sum", method="upload_image") > 0.001
    assert len(DATA) < more("rpc_received_bytes_total", method="upload_image") < len(DATA) + 500
    assert more("rpc_sent_bytes_total", method="get_image") > 50
    assert more("catalogue_commits_total") >= 1
    assert more("worker_jobs_total", pool="uploads", job="analyse", outcome="ok") == 1
    assert told("rpc_in_progress", lane="transfers") == 0
    assert told("broker_up", lane="calls") == told("broker_up", lane="transfers") == 1
    assert told("check_passed", check="storage") == 1


def test_what_no_method_is_counts_as_other(service: Service, raw: RawCaller) -> None:
    before = read(service)
    body = json.dumps({"args": [], "kwargs": {}}).encode()
    raw.send(body, exchange="", routing_key="rpc-image_service")
    assert raw.answer()["error"]["exc_type"] == "MethodNotFound"
    raw.send(b'{"args": [], "kwargs": {"nothing": 1}}', "get_image")
    assert raw.answer()["error"]["exc_type"] == "IncorrectSignature"
    told = read(service)
    labels = {"method": "other", "code": "method_not_found"}
    assert told("rpc_requests_total", **labels) == before("rpc_requests_total", **labels) + 1
    labels = {"method": "get_image", "code": "incorrect_signature"}
    assert told("rpc_requests_total", **labels) == before("rpc_requests_total", **labels) + 1


def test_requests_are_counted_by_route_and_status(service: Service) -> None:
    image_id = service.upload(DATA)["imageId"]
    before = read(service)
    service.get(f"/images/{image_id}")
    service.get("/images/img_1700000000000_0123456789abcdef")
    service.get("/nowhere/at/all")
    for _ in range(2):
        service.get(f"/img/insecure/w:7/plain/{image_id}")
    told = read(service)

    def more(name: str, **labels: str) -> float:
        return told(name, **labels) - before(name, **labels)

    original, variant = "/images/<image_id>", "/img/<path:path>"
    assert more("http_requests_total", method="GET", route=original, code="200") == 1
    assert more("http_requests_total", method="GET", route=original, code="404") == 1
    assert more("http_requests_total", method="GET", route="other", code="404") == 1
    assert more("http_requests_total", method="GET", route=variant, code="200") == 2
    assert more("http_duration_seconds_count", route=variant) == 2
    assert more("http_sent_bytes_total", route=original) > len(DATA)
    assert more("renders_total", format="png", source="original", outcome="ok") == 1
    assert more("variant_lookups_total", result="hit") == 1
    assert told("http_connections") >= told("http_in_progress") == 1


def test_an_answer_that_was_cut_is_counted(service: Service, lines: Lines) -> None:
    # More than the socket's buffers hold; the client leaves after the first bytes.
    image_id = service.upload(noise(1200), "large.png")["imageId"]
    before = read(service)
    connection = service.http()
    connection.request("GET", f"/images/{image_id}")
    connection.sock.recv(10)
    connection.close()
    labels = {"route": "/images/<image_id>"}
    wait_until(
        lambda: (
            read(service)("http_cut_answers_total", **labels)
            == before("http_cut_answers_total", **labels) + 1
        )
    )
    assert lines.of(logger="image_service.access", cut=True)


def test_each_call_is_told_in_one_line_with_namekos_id(service: Service, lines: Lines) -> None:
    service.upload(DATA)
    (line,) = lines.of(logger="image_service.access")
    assert line["call_id"].startswith("image_service.upload_image.")
    assert line["call_stack"][-1] == line["call_id"]
    assert line["call_stack"][0].startswith("standalone_rpc_proxy.call.")
    assert (line["level"], line["method"], line["code"]) == ("INFO", "upload_image", "ok")
    assert line["duration_ms"] > 0
    assert line["received_bytes"] > len(DATA)


def test_a_failed_request_is_told_without_its_secrets(service: Service, lines: Lines) -> None:
    answer, _ = service.get(
        "/img/c2lnbmF0dXJl/w:1/plain/a?token=geheim", {"X-Request-Id": "shop-7"}
    )
    assert answer.headers["X-Request-Id"] == "shop-7"
    (line,) = lines.of(logger="image_service.access")
    assert (line["call_id"], line["status"]) == ("shop-7", answer.status)
    assert (line["method"], line["route"]) == ("GET", "/img/<path:path>")
    assert line["path"] == "/img/***/w:1/plain/a?token=***"
    assert "geheim" not in json.dumps(lines.told)


def test_a_request_without_an_id_is_given_one(service: Service) -> None:
    answers = [service.get("/healthz", {"X-Request-Id": "a b"})[0] for _ in range(2)]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    assert len(ids) == 2
    assert "a b" not in ids


def test_without_being_asked_for_there_are_no_traces(service: Service) -> None:
    assert not service.app.tracing.is_on

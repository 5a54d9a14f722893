"""A night watch's story: what runs here, and what is it doing?"""

from __future__ import annotations

import contextlib
import http.server
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import eventlet
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.component.pictures import picture
from tests.e2e.processes import Site

PROFILE = (sys.executable, "-m", "image_service", "profile", "--seconds", "1.5", "--config")


def test_lines_for_programs_and_a_profile_of_the_running_service(
    tmp_path: Path, broker_uri: str
) -> None:
    site = Site(tmp_path / "site", broker_uri)
    settings = {"IMAGE_SERVICE_LOG_FORMAT": "json", "IMAGE_SERVICE_ACCESS_LOG": "all"}
    with site.running(**settings) as process, site.rpc() as rpc:
        image_id = rpc.upload_image(picture("png"), "a.png")["imageId"]
        profile = subprocess.Popen(
            [*PROFILE, str(site.config)],
            cwd=site.folder,
            env=site.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        while profile.poll() is None:
            urllib.request.urlopen(f"{site.base_url}/images/{image_id}", timeout=10).read()
            eventlet.sleep(0)
        printed, wrong = profile.communicate()
        assert profile.returncode == 0, wrong
        assert "image_service.web.server.process_request" in printed
        assert process.poll() is None
        metrics = urllib.request.urlopen(f"{site.base_url}/metrics", timeout=10).read().decode()
    assert "\nprocess_cpu_seconds_total " in metrics
    lines = [json.loads(line) for line in site.words().splitlines() if line.startswith("{")]
    access = [line for line in lines if line["logger"] == "image_service.access"]
    (upload,) = [line for line in access if line.get("code")]
    assert (upload["method"], upload["code"]) == ("upload_image", "ok")
    assert any(line.get("path") == f"/images/{image_id}" for line in access)
    assert any("is ready" in line["message"] for line in lines)
    assert list((site.uploads / ".state" / "profiles").glob(f"{process.pid}-*.folded"))


def test_a_profile_of_nothing_says_what_to_do(tmp_path: Path, broker_uri: str) -> None:
    site = Site(tmp_path / "site", broker_uri)
    done = subprocess.run(
        [*PROFILE, str(site.config)],
        cwd=site.folder,
        env=site.environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "no process serves this store here" in done.stderr


@contextlib.contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Take traces by OTLP/HTTP in protobuf; yield the endpoint and what came."""
    taken: list[ExportTraceServiceRequest] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            assert self.headers["Content-Type"] == "application/x-protobuf"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            taken.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("localhost", 0), Handler)
    thread = eventlet.spawn(server.serve_forever, 0.05)
    yield f"http://localhost:{server.server_port}", taken
    server.shutdown()
    thread.wait()
    server.server_close()


def test_traces_are_sent_to_a_collector(tmp_path: Path, broker_uri: str) -> None:
    site = Site(tmp_path / "site", broker_uri)
    with collector() as (endpoint, taken):
        settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with site.running(**settings), site.rpc() as rpc:
            image_id = rpc.upload_image(picture("png"), "a.png")["imageId"]
            answer = urllib.request.urlopen(f"{site.base_url}/images/{image_id}", timeout=10)
        resources = [each for request in taken for each in request.resource_spans]
        spans = {s.name: s for r in resources for scope in r.scope_spans for s in scope.spans}
        about = {a.key: a.value.string_value for a in resources[0].resource.attributes}
    assert about["service.name"] == "image_service"
    upload, manager = spans["image_service/upload_image"], spans["manager.add"]
    assert manager.trace_id == upload.trace_id
    assert manager.parent_span_id == upload.span_id
    assert upload.start_time_unix_nano <= manager.start_time_unix_nano
    sent = spans["GET /images/<image_id>"]
    traceparent = f"00-{sent.trace_id.hex()}-{sent.span_id.hex()}-"
    assert answer.headers["Server-Timing"].startswith(f'traceparent;desc="{traceparent}')

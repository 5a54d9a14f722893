"""Several service processes below one supervisor, as real processes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from image_service.settings import core_count
from tests.component.harness import delete_queues
from tests.component.pictures import noise, slow_to_decode
from tests.e2e.processes import SERVE, Site, stop
from tests.e2e.several import TWO, Load, listed, living, services, two, until

needs_two_cores = pytest.mark.skipif(core_count() < 2, reason="the second one would be spare")
SAID = re.compile(r"^image-service: error: (.*)$", re.MULTILINE)


@pytest.fixture
def site(tmp_path: Path, broker_uri: str) -> Site:
    delete_queues(broker_uri)
    return Site(tmp_path / "a site", broker_uri)


def replaced(supervisor: Any, gone: psutil.Process) -> bool:
    now = services(supervisor.pid)
    return len(now) == 2 and gone not in now


def told(site: Site) -> Callable[..., float]:
    """What /metrics tells, by name and labels; 0 for what is not there."""
    with urllib.request.urlopen(site.base_url + "/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = {
            (each.name.removeprefix("image_service_"), frozenset(each.labels.items())): each.value
            for family in families
            for each in family.samples
        }
    return lambda name, **labels: samples.get((name, frozenset(labels.items())), 0)


def served(site: Site, what: str) -> list[str]:
    """The number of the process that answered, of each call."""
    return re.findall(rf"INFO +(\d)/\d+ image_service.access: .*{what}", site.words())


@needs_two_cores
def test_the_second_gets_the_pictures_that_the_first_has_no_room_for(site: Site) -> None:
    with two(site, IMAGE_SERVICE_UPLOAD_CONCURRENCY="3"), site.rpc() as rpc:
        for _ in range(6):
            assert rpc.upload_image(noise(50), "a.png")["success"]
            time.sleep(0.05)  # RabbitMQ learns of the answer a little later than the caller
        until(lambda: len(served(site, "upload_image ok")) == 6)
        assert served(site, "upload_image ok") == ["1"] * 6
        slow = slow_to_decode()
        for _ in range(3):
            asked = [rpc.upload_image.call_async(slow, "b.png") for _ in range(4)]
            assert all(each.result()["success"] for each in asked)
            time.sleep(0.05)
        until(lambda: len(served(site, "upload_image ok")) == 18)
        assert sorted(served(site, "upload_image ok")[6:]) == ["1"] * 9 + ["2"] * 3


@needs_two_cores
def test_the_second_makes_pictures_that_the_firsts_workers_have_no_time_for(site: Site) -> None:
    settings = {"IMAGE_SERVICE_RENDER_WORKERS": "1", "IMAGE_SERVICE_ACCESS_LOG": "all"}
    with two(site, **settings), site.rpc() as rpc:
        image_id = rpc.upload_image(slow_to_decode(), "a.png")["imageId"]

        def ask(*widths: int, connected: Callable[[], object] = lambda: None) -> list[int]:
            """Ask on one connection, and on another where the service wants that."""
            client = http.client.HTTPConnection("localhost", site.port, timeout=30)
            statuses = []
            for width in widths:
                client.request("GET", f"/img/insecure/w:{width}/plain/{image_id}@png")
                answer = client.getresponse()
                answer.read()
                statuses.append(answer.status)
                if len(statuses) == 1:
                    connected()
            client.close()
            return statuses

        for width in range(1, 5):
            assert ask(width, width) == [200, 200]
        until(lambda: len(served(site, "GET /img/")) == 8)
        assert served(site, "GET /img/") == ["1"] * 8
        with ThreadPoolExecutor(4) as pool:
            all_are = threading.Barrier(4, timeout=30).wait  # to the first
            widths = [(1, *range(n, n + 50, 10)) for n in range(10, 14)]
            asked = [pool.submit(ask, *each, connected=all_are) for each in widths]
            assert [each.result() for each in asked] == [[200] * 6] * 4
        until(lambda: len(served(site, "GET /img/")) == 32)
        assert 5 <= served(site, "GET /img/").count("2") <= 12


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="needs Linux")
def test_a_process_that_there_is_no_core_for_gets_what_the_others_cannot_take(site: Site) -> None:
    one_core = ("taskset", "--cpu-list", str(min(os.sched_getaffinity(0))))
    command = (*one_core, *SERVE, str(site.config))
    settings = {"IMAGE_SERVICE_UPLOAD_CONCURRENCY": "2", "IMAGE_SERVICE_ACCESS_LOG": "all"}
    with site.running(*command, **TWO, **settings) as process:
        until(lambda: "2 processes, 1 of them spare, being more than cores (1)" in site.words())
        with site.rpc() as rpc:
            for _ in range(5):
                assert rpc.health_check()["status"] == "ok"
                assert rpc.upload_image(noise(50), "a.png")["success"]
                assert site.status("/api/images") == 200
            calls = ("health_check ok", "upload_image ok", "GET /api/images")
            until(lambda: [len(served(site, call)) for call in calls] == [5, 5, 5])
            # One may have come while the first had not had its core for 30 ms: a busy machine's.
            answered = {call: served(site, call) for call in calls}
            assert sum(each.count("2") for each in answered.values()) <= 1, answered
            slow = slow_to_decode()
            asked = [rpc.upload_image.call_async(slow, "b.png") for _ in range(3)]
            assert all(each.result()["success"] for each in asked)
            until(lambda: len(served(site, "upload_image ok")) == 8)
            assert sorted(served(site, "upload_image ok")[5:]) == ["1", "1", "2"]
        first = services(process.pid)[0]
        first.suspend()  # it hangs
        try:
            assert site.status("/api/images") == 200
            until(lambda: served(site, "GET /api/images")[-1] == "2")
        finally:
            first.resume()


@needs_two_cores
def test_two_serve_one_port_share_its_limits_and_tell_their_numbers_together(site: Site) -> None:
    limits = '{"calls": "20/hour"}'
    workers = {
        "IMAGE_SERVICE_IMAGE_WORKERS": "2",
        "IMAGE_SERVICE_RENDER_WORKERS": "3",
        "IMAGE_SERVICE_UPLOAD_CONCURRENCY": "1",
    }
    with two(site, **workers, IMAGE_SERVICE_RATE_LIMITS=limits) as process:
        pids = {each.pid for each in services(process.pid)}
        assert len(pids) == 2
        with site.rpc() as rpc:
            asked = [rpc.upload_image.call_async(noise(50), "a.png") for _ in range(12)]
            assert all(each.result()["success"] for each in asked)
            assert rpc.health_check()["status"] == "ok"
            uploads = {"method": "upload_image", "code": "ok"}
            until(lambda: told(site)("rpc_requests_total", **uploads) == 12)
            until(lambda: told(site)("processes") == told(site)("processes_limit") == 2)
            found = told(site)
            assert found("rpc_duration_seconds_count", method="upload_image") == 12
            # One keeps two cores at work with pictures, and the other has one of each, too.
            assert found("workers", pool="uploads") == 3
            assert found("workers", pool="renders") == 4
            assert found("http_connections_limit") == 512
        lines = site.words()
        for number in (1, 2):  # both have answered, and lines tell which
            assert re.search(rf"INFO +{number}/\d+ image_service.access: .*upload_image ok", lines)
        statuses = [site.status("/api/images?limit=1") for _ in range(30)]
        assert statuses.count(200) == 20
        assert statuses.count(429) == 10
        assert stop(process) == 0
    assert not list((site.uploads / ".state" / "run").iterdir())
    assert "Traceback" not in site.words()


def test_a_killed_process_loses_nothing_acknowledged_and_is_replaced(site: Site) -> None:
    with two(site) as process:
        with Load(site) as load:
            before = services(process.pid)
            counted = told(site)("rpc_requests_total", method="upload_image", code="ok")
            before[0].kill()
            until(
                lambda: len(services(process.pid)) == 2 and before[0] not in services(process.pid)
            )
            load.goes_on()
        # Clients whose connection it was see that it is gone; calls are delivered again.
        assert load.failures == []
        with site.rpc() as rpc:
            assert {reply["imageId"] for reply in load.replies} <= listed(rpc)
        until(lambda: told(site)("processes") == 2)
        assert told(site)("rpc_requests_total", method="upload_image", code="ok") >= counted
    assert "ended by itself: signal SIGKILL" in site.words()


def test_a_process_that_cannot_be_started_now_is_started_later(site: Site) -> None:
    with two(site) as process:
        supervisor, (_, second) = psutil.Process(process.pid), services(process.pid)
        limits = supervisor.rlimit(psutil.RLIMIT_NOFILE)
        supervisor.rlimit(psutil.RLIMIT_NOFILE, (3, limits[1]))
        second.kill()
        until(lambda: site.words().count("2 cannot be started: Too many open files") >= 2)
        supervisor.rlimit(psutil.RLIMIT_NOFILE, limits)
        until(lambda: replaced(process, second))


def test_a_renewal_under_load_fails_nothing_and_reads_the_configuration_again(site: Site) -> None:
    with two(site) as process:
        before = services(process.pid)
        text = site.config.read_text()
        site.config.write_text(text.replace("${IMAGE_SERVICE_MAX_UPLOAD_BYTES:10485760}", "50000"))
        with Load(site) as load:
            process.send_signal(signal.SIGHUP)
            until(lambda: "served by 2 new processes" in site.words())
            load.goes_on()
        assert load.failures == []
        assert load.cut == []
        assert not {each.pid for each in before} & {each.pid for each in services(process.pid)}
        with site.rpc() as rpc:
            assert rpc.upload_image(b"x" * 60_000, "a.png")["error"]["code"] == "image_too_large"
            assert {reply["imageId"] for reply in load.replies} <= listed(rpc)
        assert stop(process) == 0


def test_a_bad_configuration_is_refused_and_told_and_the_old_goes_on(site: Site) -> None:
    with two(site) as process:
        before = services(process.pid)
        good = site.config.read_text()
        for bad, said in (
            (f"{good}\nmax_pixel: 5\n", "did you mean max_pixels?"),
            ("a: [", "not valid YAML"),
            (
                good.replace("${IMAGE_SERVICE_HOST:localhost}", "192.0.2.1"),
                "cannot listen on 192.0",
            ),
        ):
            site.config.write_text(bad)
            process.send_signal(signal.SIGHUP)
            until(lambda said=said: said in site.words())
        assert site.words().count("the new configuration is not used") == 3
        assert services(process.pid) == before
        # What dies meanwhile is replaced with the configuration that was good.
        before[1].kill()
        until(lambda: replaced(process, before[1]))
        until(lambda: told(site)("processes") == 2)


def test_sigterm_drains_all_and_a_second_signal_ends_at_once(site: Site) -> None:
    with two(site) as process:
        with Load(site) as load:
            whole = psutil.Process(process.pid).children(recursive=True)
            load._is_over.set()
            started_s = time.monotonic()
            assert stop(process) == 0
            assert time.monotonic() - started_s < 20
        until(lambda: not living(whole), timeout_s=15)
        assert all(reply["success"] for reply in load.replies)
    site.log.unlink()
    with two(site, IMAGE_SERVICE_SHUTDOWN_TIMEOUT_S="60") as process:
        whole = psutil.Process(process.pid).children(recursive=True)
        with http_body_that_drips(site):
            process.send_signal(signal.SIGTERM)
            until(lambda: site.words().count("stopping: finishing") >= 2)
            assert process.poll() is None
            assert stop(process) == 130
        until(lambda: not living(whole), timeout_s=15)


def test_sigterm_cuts_nothing_off_that_a_renewal_lets_finish(site: Site) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    body = head + noise(50) + b"\r\n--x--\r\n"
    with two(site) as process, contextlib.closing(connection_to(site)) as connection:
        connection.putrequest("POST", "/images")
        connection.putheader("Content-Length", str(len(body)))
        connection.putheader("Content-Type", "multipart/form-data; boundary=x")
        connection.endheaders(body[:200])
        until(lambda: told(site)("http_in_progress") >= 2)
        process.send_signal(signal.SIGHUP)
        until(lambda: "stopping: finishing what" in site.words())
        process.send_signal(signal.SIGTERM)
        until(lambda: site.words().count("stopping: finishing what") == 3)
        time.sleep(0.5)
        connection.send(body[200:])
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["success"]) == (201, True)
        assert process.wait(timeout=30) == 0


def connection_to(site: Site) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("localhost", site.port, timeout=20)


@contextlib.contextmanager
def http_body_that_drips(site: Site) -> Iterator[None]:
    """An upload of which the end does not come: there is something to wait for."""
    connection = connection_to(site)
    connection.putrequest("POST", "/images")
    connection.putheader("Content-Length", "5000")
    connection.putheader("Content-Type", "multipart/form-data; boundary=x")
    connection.endheaders(b"--x\r\n")
    until(lambda: told(site)("http_in_progress") >= 2)
    yield
    connection.close()


def test_the_supervisors_death_is_that_of_its_processes(site: Site) -> None:
    with two(site) as process:
        whole = psutil.Process(process.pid).children(recursive=True)
        assert len(whole) > 2
        process.kill()
        process.wait()
        until(lambda: not living(whole), timeout_s=15)
    left = list((site.uploads / ".state" / "run").iterdir())
    assert len(left) == 1
    with two(site):  # and the next clears up
        assert left[0] not in set((site.uploads / ".state" / "run").iterdir())


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AMQP_URI": "pyamqp://guest:guest@localhost:1"}, "cannot reach RabbitMQ"),
        ({"IMAGE_SERVICE_STATE_DIR": "/proc/nothing"}, "state_dir"),
        ({"IMAGE_SERVICE_SERVICE_PROCESSES": "0"}, "service_processes"),
    ],
)
def test_what_cannot_start_is_said_in_one_line(
    site: Site, environment: dict[str, str], said: str
) -> None:
    code, lines, _ = site.failed_start(**TWO | environment)
    assert code != 0
    errors = SAID.findall("\n".join(lines))
    assert len(errors) == 1, lines
    assert said in errors[0]


def test_a_catalogue_that_no_process_can_open_ends_it_all(site: Site) -> None:
    with two(site) as process:
        assert stop(process) == 0
    (site.uploads / ".state" / "catalogue.sqlite3").write_bytes(b"no catalogue" * 10_000)
    code, lines, _ = site.failed_start(**TWO)
    assert code == 1
    errors = SAID.findall("\n".join(lines))
    assert "catalogue" in errors[0]
    assert errors[-1] == "a service process could not start: it has said why"
    assert not list((site.uploads / ".state" / "run").iterdir())

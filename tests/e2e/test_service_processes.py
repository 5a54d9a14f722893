"""Several service processes below one supervisor, as real processes."""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import random
import re
import signal
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families

from tests.component.harness import delete_queues
from tests.e2e.processes import Site, stop

TWO = {"IMAGE_SERVICE_SERVICE_PROCESSES": "2"}
SAID = re.compile(r"^image-service: error: (.*)$", re.MULTILINE)


@pytest.fixture
def site(tmp_path: Path, broker_uri: str) -> Site:
    delete_queues(broker_uri)
    return Site(tmp_path / "a site", broker_uri)


def drawn() -> bytes:
    buffer = io.BytesIO()
    Image.frombytes("RGB", (50, 50), os.urandom(7500)).save(buffer, "PNG")
    return buffer.getvalue()


def until(condition: Callable[[], Any], timeout_s: float = 30) -> Any:
    deadline_s = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < deadline_s, "waited in vain"
        time.sleep(0.05)
    return value


def services(supervisor_pid: int) -> list[psutil.Process]:
    """The processes that serve, oldest first."""
    return sorted(psutil.Process(supervisor_pid).children(), key=lambda each: each.create_time())


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for each in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            if each.is_running() and each.status() != psutil.STATUS_ZOMBIE:
                found.append(each)
    return found


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


@contextlib.contextmanager
def two(site: Site, **environment: str) -> Iterator[Any]:
    """A supervisor whose two processes serve."""
    with site.running(**TWO, **environment) as process:
        until(lambda: "served by 2 processes" in site.words())
        yield process


class Load:
    """Callers that upload, and clients that ask for what was uploaded on kept connections."""

    def __init__(
        self, site: Site, uploaders: int = 3, readers: int = 4, *, pause_s: float = 0.0
    ) -> None:
        """Args: pause_s: between the calls of each of them."""
        self._site = site
        self._pause_s = pause_s
        self.stored: list[str] = []
        """Ids of images that are asked for, too."""
        self.replies: list[dict[str, Any]] = []
        self.answers: list[int] = []
        self.failures: list[str] = []
        self.cut: list[str] = []
        self._is_over = threading.Event()
        work = [self._upload] * uploaders + [self._read] * readers
        self._threads = [threading.Thread(target=each, daemon=True) for each in work]

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        until(lambda: len(self.replies) > 20 and len(self.answers) > 50)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join(timeout=40)
            assert not each.is_alive()

    def goes_on(self) -> None:
        """Return when something more was answered."""
        before = len(self.replies), len(self.answers)
        until(lambda: len(self.replies) > before[0] + 20 and len(self.answers) > before[1] + 50)

    def _upload(self) -> None:
        with self._site.rpc(timeout=30) as rpc:
            while not self._is_over.is_set():
                try:
                    reply = rpc.upload_image(drawn(), "a.png")
                    self.replies.append(reply)
                    if not reply["success"]:
                        self.failures.append(str(reply))
                except Exception as exc:  # noqa: BLE001 - whatever it is, a call was lost
                    self.failures.append(repr(exc))
                self._is_over.wait(self._pause_s)

    def _some_image(self) -> str | None:
        """Return the newest, or any other."""
        if self.stored and random.random() < 0.5:
            return random.choice(self.stored)
        replies = self.replies
        newest = replies[-1:] if random.random() < 0.5 else random.sample(replies, bool(replies))
        return newest[0].get("imageId") if newest else None

    def _read(self) -> None:
        connection = http.client.HTTPConnection("localhost", self._site.port, timeout=20)
        while not self._is_over.is_set():
            stored = self._some_image()
            try:
                connection.request("GET", f"/images/{stored}" if stored else "/healthz")
                answer = connection.getresponse()
                answer.read()
                self.answers.append(answer.status)
                if answer.status != 200:
                    self.failures.append(f"{answer.status} for {stored}")
            except (OSError, http.client.HTTPException) as exc:
                self.cut.append(repr(exc))
                connection.close()
            self._is_over.wait(max(0.02, self._pause_s))


def listed(rpc: Any) -> set[str]:
    found: set[str] = set()
    cursor = None
    while True:
        page = rpc.list_images(cursor=cursor)
        found |= {image["imageId"] for image in page["images"]}
        cursor = page.get("nextCursor")
        if not cursor:
            return found


def test_two_serve_one_port_share_its_limits_and_tell_their_numbers_together(site: Site) -> None:
    limits = '{"calls": "20/hour"}'
    workers = {"IMAGE_SERVICE_IMAGE_WORKERS": "2", "IMAGE_SERVICE_RENDER_WORKERS": "3"}
    with two(site, **workers, IMAGE_SERVICE_RATE_LIMITS=limits) as process:
        pids = {each.pid for each in services(process.pid)}
        assert len(pids) == 2
        with site.rpc() as rpc:
            for _ in range(12):
                assert rpc.upload_image(drawn(), "a.png")["success"]
            assert rpc.health_check()["status"] == "ok"
            time.sleep(1.1)  # the others' numbers are at most a second old
            found = told(site)
            assert found("rpc_requests_total", method="upload_image", code="ok") == 12
            assert found("rpc_duration_seconds_count", method="upload_image") == 12
            assert found("processes") == found("processes_limit") == 2
            assert found("workers", pool="uploads") == 2
            assert found("workers", pool="renders") == 3
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


@contextlib.contextmanager
def http_body_that_drips(site: Site) -> Iterator[None]:
    """An upload of which the end does not come: there is something to wait for."""
    connection = http.client.HTTPConnection("localhost", site.port, timeout=20)
    connection.putrequest("POST", "/api/images?filename=a.png")
    connection.putheader("Content-Length", "5000")
    connection.putheader("Content-Type", "image/png")
    connection.endheaders(b"x" * 100)
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

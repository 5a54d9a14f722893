"""`make run` and `make demo` as processes, against a real broker and the real service."""

from __future__ import annotations

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scripts import ports, state, web
from scripts.paths import ROOT

START_TIMEOUT_S = 60
NOTICE_TIMEOUT_S = 30

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def settings(broker_uri: str, tmp_path: Path) -> dict[str, str]:
    """Settings under which a checkout's tools leave everything else on the machine alone."""
    return {
        "AMQP_URI": broker_uri,
        "IMAGE_SERVICE_PORT": str(ports.free_ports(1)[0]),
        "IMAGE_SERVICE_UPLOAD_DIR": str(tmp_path / "uploads"),
        "IMAGE_SERVICE_RUN_DIR": str(tmp_path / "run"),
    }


@pytest.fixture
def start(settings: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start a tool in the background, its output in the file `output`."""
    started: list[subprocess.Popen[str]] = []

    def start(module: str) -> subprocess.Popen[str]:
        with (tmp_path / "output").open("w") as output:
            command = [sys.executable, "-m", f"scripts.{module}"]
            environment = os.environ | settings
            tool = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdout=output, stderr=output, text=True
            )
        started.append(tool)
        return tool

    yield start
    for tool in started:
        tool.terminate()
        tool.wait()


def _run(module: str, settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", f"scripts.{module}"],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=START_TIMEOUT_S,
        check=False,
    )


def _children_cpu_s() -> float:
    """Return what ended children have computed: unlike the clock, not the machine's other load."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _url(settings: dict[str, str]) -> str:
    return f"http://localhost:{settings['IMAGE_SERVICE_PORT']}"


def _wait(is_so: Callable[[], bool], timeout_s: float) -> bool:
    deadline_s = time.monotonic() + timeout_s
    while not is_so() and time.monotonic() < deadline_s:
        time.sleep(0.1)
    return is_so()


def _wait_until_ready(tmp_path: Path) -> str:
    output = tmp_path / "output"
    assert _wait(lambda: "What next" in output.read_text(), START_TIMEOUT_S), output.read_text()
    return output.read_text()


def test_run_serves_says_what_next_and_ends_well_at_sigterm(
    start: Start, settings: dict[str, str], tmp_path: Path
) -> None:
    tool = start("run")
    said = _wait_until_ready(tmp_path)

    assert web.is_ready(_url(settings))
    assert f"image_service is ready at {_url(settings)}" in said
    assert "make demo" in said
    found = state.running(tmp_path / "run")
    assert found is not None
    assert (found.url, found.amqp_uri) == (_url(settings), settings["AMQP_URI"])

    second = _run("run", settings)
    assert second.returncode == 1
    assert second.stderr.startswith("image-service: error: already running at")

    tool.terminate()
    assert tool.wait(NOTICE_TIMEOUT_S) == 0
    assert not web.is_ready(_url(settings))
    assert state.running(tmp_path / "run") is None


def test_after_kill_9_the_service_is_gone_too(
    start: Start, settings: dict[str, str], tmp_path: Path
) -> None:
    tool = start("run")
    _wait_until_ready(tmp_path)
    tool.send_signal(signal.SIGKILL)
    tool.wait()

    assert _wait(lambda: not web.is_ready(_url(settings)), NOTICE_TIMEOUT_S)


def test_the_demo_starts_what_it_needs_and_passes(settings: dict[str, str], tmp_path: Path) -> None:
    demo = _run("demo", settings)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "checks passed" in demo.stdout
    left = [path for path in (tmp_path / "uploads").iterdir() if path.is_file()]
    assert left == []
    assert not web.is_ready(_url(settings))


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("AMQP_URI", "pyamqp://guest:guest@localhost:1", "no RabbitMQ answers at"),
        ("AMQP_URI", "nonsense", "AMQP_URI is not a broker's address"),
        ("IMAGE_SERVICE_PORT", "abc", "IMAGE_SERVICE_PORT"),
        ("IMAGE_SERVICE_UPLOAD_DIR", "/dev/null/uploads", "upload_dir"),
    ],
)
def test_what_is_wrong_is_one_line_after_little_work(
    settings: dict[str, str], setting: str, value: str, said: str
) -> None:
    before_s = _children_cpu_s()
    tool = _run("run", settings | {setting: value})

    assert _children_cpu_s() - before_s < 8
    assert tool.returncode in (1, 2)
    assert said in tool.stderr
    assert len(tool.stderr.splitlines()) == 1


def test_a_busy_port_is_one_line(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", int(settings["IMAGE_SERVICE_PORT"]))):
        tool = _run("run", settings)

    assert tool.returncode == 1
    assert "cannot listen on" in tool.stderr
    assert len(tool.stderr.splitlines()) == 1


def test_the_shell_says_when_there_is_no_service(settings: dict[str, str]) -> None:
    tool = _run("shell", settings)

    assert tool.returncode == 1
    assert "start one with make run" in tool.stderr

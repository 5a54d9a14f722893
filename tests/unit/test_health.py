"""Health: checks side by side, each bounded in time."""

from __future__ import annotations

import threading
import time

import pytest

from image_service.errors import StorageUnavailable
from image_service.health import CheckResult, Health, HealthReport


def fails(error: Exception) -> object:
    def check() -> None:
        raise error

    return check


def test_checks_that_pass_are_ok() -> None:
    report = Health({"storage": lambda: None, "broker": lambda: None}, timeout_s=1).report()
    assert report.status == "ok"
    assert report.checks == {"storage": CheckResult("ok"), "broker": CheckResult("ok")}


def test_our_errors_are_told_and_others_only_named() -> None:
    checks = {"a": fails(StorageUnavailable("why")), "b": fails(OSError("/secret"))}
    report = Health(checks, timeout_s=1).report()
    assert report.checks["a"] == CheckResult("failed", str(StorageUnavailable("why")))
    assert report.checks["b"].status == "failed"
    assert "secret" not in report.checks["b"].message


@pytest.mark.parametrize(
    ("failed", "status"),
    [("workers", "degraded"), ("broker", "degraded"), ("storage", "unavailable"),
     ("catalogue", "unavailable"), ("", "ok")],
)  # fmt: skip
def test_the_worst_decides(failed: str, status: str) -> None:
    names = ("storage", "catalogue", "broker", "workers")
    checks = {name: CheckResult("failed" if name == failed else "ok") for name in names}
    assert HealthReport(checks).status == status


def hanging(gate: threading.Event, started: list[int]) -> Health:
    def hangs() -> None:
        started.append(1)
        gate.wait(5)

    checks = {"storage": hangs, "catalogue": hangs, "workers": hangs, "broker": lambda: None}
    return Health(checks, timeout_s=0.2)


def test_hanging_checks_are_told_as_failed_and_not_started_again() -> None:
    gate, started = threading.Event(), []
    health = hanging(gate, started)
    report = health.report()
    assert {name: result.status for name, result in report.checks.items()} == {
        "storage": "failed",
        "catalogue": "failed",
        "workers": "failed",
        "broker": "ok",
    }
    assert "0.2 s" in report.checks["storage"].message
    assert health.report().status == "unavailable"
    assert len(started) == 3
    gate.set()
    time.sleep(0.05)
    assert health.report().status == "ok"


def test_hanging_checks_take_one_timeout_together() -> None:
    gate = threading.Event()
    began = time.monotonic()
    hanging(gate, []).report()
    took = time.monotonic() - began
    gate.set()
    assert took < 0.4


def test_checks_run_anew_each_time() -> None:
    outcomes = iter([None, StorageUnavailable("x"), None])

    def check() -> None:
        error = next(outcomes)
        if error:
            raise error

    health = Health({"storage": check}, timeout_s=1)
    assert [health.report().status for _ in range(3)] == ["ok", "unavailable", "ok"]

"""Checks of what the service depends on, each bounded in time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .errors import ImageServiceError

VITAL = frozenset(("storage", "catalogue"))
"""Without these nothing works; without the others some things still do."""


@dataclass(frozen=True)
class CheckResult:
    """One check's outcome: status "ok" or "failed", and for people why."""

    status: str
    message: str = ""


@dataclass(frozen=True)
class HealthReport:
    """All checks' outcomes; status is "ok", "degraded" or "unavailable"."""

    checks: Mapping[str, CheckResult]

    @property
    def status(self) -> str:
        """The worst that the checks say."""
        failed = {name for name, result in self.checks.items() if result.status != "ok"}
        if failed & VITAL:
            return "unavailable"
        return "degraded" if failed else "ok"


class Health:
    """Runs named checks side by side; a hanging one is told as failed and not started again."""

    def __init__(self, checks: Mapping[str, Callable[[], None]], *, timeout_s: float) -> None:
        self._checks = checks
        self._timeout_s = timeout_s
        self._running: dict[str, _Run] = {}

    def report(self) -> HealthReport:
        """Run the checks; return within timeout_s, about."""
        runs = {name: self._start(name) for name in self._checks}
        deadline = time.monotonic() + self._timeout_s
        for run in runs.values():
            run.done.wait(max(0.0, deadline - time.monotonic()))
        return HealthReport({name: self._result(name, run) for name, run in runs.items()})

    def _start(self, name: str) -> _Run:
        run = self._running.get(name)
        if run is None or run.done.is_set():
            run = self._running[name] = _Run(self._checks[name])
            threading.Thread(target=run, name=f"health-{name}", daemon=True).start()
        return run

    def _result(self, name: str, run: _Run) -> CheckResult:
        if not run.done.is_set():
            return CheckResult("failed", f"no answer within {self._timeout_s:g} s")
        self._running.pop(name, None)
        return run.result


class _Run:
    """One run of one check, in its own thread."""

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self.done = threading.Event()
        self.result = CheckResult("ok")

    def __call__(self) -> None:
        try:
            self._check()
        except ImageServiceError as exc:
            self.result = CheckResult("failed", str(exc))
        except Exception as exc:  # noqa: BLE001 - a check that fails says so, whatever it is
            self.result = CheckResult("failed", type(exc).__name__)
        finally:
            self.done.set()

"""The crash campaign: callers upload and delete, and the service is killed now and then."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.paths import ROOT
from tests.e2e.crash_service import CrashError, ServiceProcess

STALL_S = 90.0
POLL_S = 0.005
END_TIMEOUT_S = 150.0


@dataclass(frozen=True)
class Plan:
    """How much to do. seed decides pictures and moments.

    uploads: so many at least; the callers go on until the last kill is made good.
    """

    uploads: int
    kills: int
    callers: int
    seed: int
    # So long after an upload was answered a kill may come: a few uploads' time, so that it finds
    # those in flight anywhere on their way.
    longest_delay_s: float = 0.08
    # One kill in so many hits a service that is still starting, which is when it clears up.
    start_kill_every: int = 4
    longest_start_delay_s: float = 2.0


@dataclass(frozen=True)
class Outcome:
    """What one caller was told about one upload; times are of the machine's monotonic clock."""

    filename: str
    started: float
    ended: float
    reply: dict[str, Any] | None = None
    # Of one that was to go: "done", "unanswered", or why it was refused.
    deletion: str | None = None
    error: str | None = None

    @property
    def image_id(self) -> str | None:
        """The id that was acknowledged, None if the upload was not."""
        return self.reply["imageId"] if self.reply and self.reply["success"] else None

    @property
    def is_deleted(self) -> bool:
        """Whether its deletion was acknowledged."""
        return self.deletion == "done"

    @property
    def refusal(self) -> str | None:
        """What an upload that was answered with `success: false` was told."""
        return self.reply["message"] if self.reply and not self.reply["success"] else None


@dataclass
class Campaign:
    """What callers were told, what the bystander saw, and when the service died."""

    plan: Plan
    outcomes: list[Outcome] = field(default_factory=list)
    killed_at: list[float] = field(default_factory=list)
    observed: list[dict[str, Any]] = field(default_factory=list)

    @property
    def interrupted(self) -> int:
        """How many uploads were in flight when the service was killed: what the test is about."""
        return sum(any(o.started < at < o.ended for at in self.killed_at) for o in self.outcomes)

    def __str__(self) -> str:
        acknowledged = sum(o.image_id is not None for o in self.outcomes)
        deleted = sum(o.is_deleted for o in self.outcomes)
        seen = sum(look["seen"] for look in self.observed)
        return (
            f"seed {self.plan.seed}: {len(self.outcomes)} uploads, {acknowledged} acknowledged, "
            f"{deleted} deleted, "
            f"{len(self.killed_at)} kills, {self.interrupted} uploads in flight when one came, "
            f"{seen} images looked at meanwhile"
        )


def run(plan: Plan, uri: str, service: ServiceProcess, folder: Path) -> Campaign:
    """Start the callers, kill and restart the service, return when all uploads have ended.

    Args:
        service: not started; it runs when this returns.
        folder: for what callers and bystander write; must not exist.
    Raises: CrashError when the service does not come up again or nothing moves any more.
    """
    folder.mkdir()
    rng = random.Random(plan.seed)
    campaign = Campaign(plan)
    service.start()
    service.wait_until_ready()
    with _programs(plan, uri, folder) as told:
        while (kills := len(campaign.killed_at)) < plan.kills:
            if kills % plan.start_kill_every == 1:
                time.sleep(rng.uniform(0, plan.longest_start_delay_s))
            else:
                service.wait_until_ready()
                told.wait_for_more(rng.randint(plan.callers, 2 * plan.uploads // plan.kills))
                time.sleep(rng.uniform(0, plan.longest_delay_s))
            campaign.killed_at.append(time.monotonic())
            service.kill()
            service.start()
        service.wait_until_ready()
        told.wait_for_more(max(2 * plan.callers, plan.uploads - told.count()))
    campaign.outcomes = [Outcome(**one) for one in told.lines()]
    campaign.observed = _lines(folder / "observed.jsonl")
    return campaign


class Told:
    """What the callers have been told so far: the files that they write."""

    def __init__(self, files: Sequence[Path], callers: Sequence[subprocess.Popen[bytes]]) -> None:
        """Watch the files."""
        self._files = files
        self._callers = callers
        self._open = [path.open("a+b") for path in files]
        self._count = 0

    def close(self) -> None:
        """Stop watching."""
        for file in self._open:
            file.close()

    def lines(self) -> list[dict[str, Any]]:
        """Return everything."""
        return [line for path in self._files for line in _lines(path)]

    def count(self) -> int:
        """Return how many uploads have ended."""
        self._count += sum(file.read().count(b"\n") for file in self._open)
        return self._count

    def wait_for_more(self, more: int) -> None:
        """Return once so many more uploads have ended. Raises: CrashError if nothing moves."""
        answered, moved = self.count(), time.monotonic()
        wanted = answered + more
        while answered < wanted:
            time.sleep(POLL_S)
            now = self.count()
            if now != answered:
                answered, moved = now, time.monotonic()
            if time.monotonic() - moved > STALL_S:
                raise CrashError(f"no upload was answered for {STALL_S:.0f} s, after {now}")
            if any(caller.poll() for caller in self._callers):
                raise CrashError("a caller process failed: see what it printed above")


@contextlib.contextmanager
def _programs(plan: Plan, uri: str, folder: Path) -> Iterator[Told]:
    """Run callers and bystander; in the end all have had their last answer and are gone."""
    observed = {"uri": uri, "out": str(folder / "observed.jsonl")}
    files = [folder / f"caller-{number}.jsonl" for number in range(plan.callers)]
    with contextlib.ExitStack() as stack:
        stack.enter_context(_program("tests.e2e.crash_observer", observed))
        callers = []
        for number, path in enumerate(files):
            order = {"uri": uri, "seed": f"{plan.seed}/{number}", "out": str(path)}
            callers.append(stack.enter_context(_program("tests.e2e.crash_caller", order)))
        told = Told(files, callers)
        stack.callback(told.close)
        yield told
        for caller in callers:
            _close_input(caller)


@contextlib.contextmanager
def _program(module: str, order: dict[str, Any]) -> Iterator[subprocess.Popen[bytes]]:
    program = subprocess.Popen(
        [sys.executable, "-m", module, json.dumps(order)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
    )
    try:
        yield program
        _close_input(program)
        program.wait(END_TIMEOUT_S)
    finally:
        _close_input(program)
        program.kill()  # no effect on one that has ended
        program.wait()


def _close_input(program: subprocess.Popen[bytes]) -> None:
    assert program.stdin is not None
    program.stdin.close()


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

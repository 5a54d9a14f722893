"""A campaign against three hosts: under load one after the other is killed, cut off or slowed down.

    make hosts ARGS="--minutes 30 --seed 7"

Ends with what was promised and broken, if anything was, and with how long calls took meanwhile.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.paths import ROOT
from scripts.report import ToolError, run_main, say
from tests.component.events import Ear, ear
from tests.e2e import hosts_checks, hosts_report
from tests.e2e.hosts_faults import Fault, Kind, chosen, strike
from tests.e2e.hosts_rig import Site, site
from tests.machines import missing

END_TIMEOUT_S = 240.0


@dataclass(frozen=True)
class Plan:
    """How much to do. seed decides who calls what when, what happens to whom, and for how long.

    warm_s: how long callers call before anything is looked at. calm_s: for how long nothing
    happens before and, half of it, afterwards: what the rest is compared with. every_s: from one
    fault's beginning to the next one's. least_s, most_s: how long one lasts.
    """

    seed: int
    faults: int
    warm_s: float = 5.0
    calm_s: float = 120.0
    every_s: float = 20.0
    least_s: float = 4.0
    most_s: float = 14.0
    calls_per_s: float = 16.0
    requests_per_s: float = 10.0
    kinds: Sequence[Kind] = tuple(Kind)


@dataclass
class Campaign:
    """What happened. calm: from when to when nothing did. told: what the callers wrote down."""

    plan: Plan
    faults: list[Fault] = field(default_factory=list)
    calm: list[tuple[float, float]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)

    def of(self, kind: str) -> Iterator[dict[str, Any]]:
        """Yield what was told of attempts, calls, requests, or answers."""
        return (line for line in self.told if line["kind"] == kind)


def run(plan: Plan, where: Site, folder: Path) -> Campaign:
    """Let callers call and faults happen; return when all hosts are ready and all calls ended.

    Raises: CrashError when a host does not come up again.
    """
    campaign = Campaign(plan)
    out = folder / "told.jsonl"
    with _load(plan, where, out):
        time.sleep(plan.warm_s)
        _be_calm(campaign, plan.calm_s)
        next_s = time.monotonic()
        turns = chosen(plan.seed, plan.kinds, len(where.hosts))
        for kind, place, chance in turns:
            seconds = plan.least_s + chance * (plan.most_s - plan.least_s)
            fault = strike(kind, where.hosts[place], seconds)
            campaign.faults.append(fault)
            say(f"{len(campaign.faults)}: {_words(fault)}")
            now_s = time.monotonic()
            next_s = max(next_s + plan.every_s, now_s)
            time.sleep(next_s - now_s)
            if len(campaign.faults) == plan.faults:
                break
        _be_calm(campaign, plan.calm_s / 2)
    campaign.told = [json.loads(line) for line in out.read_text().splitlines()]
    for host in where.hosts:
        campaign.told += hosts_report.answers(host)
    return campaign


def _be_calm(campaign: Campaign, seconds: float) -> None:
    began_s = time.monotonic()
    time.sleep(seconds)
    campaign.calm.append((began_s, time.monotonic()))


def _words(fault: Fault) -> str:
    lasted_s, took_s = fault.ended_s - fault.began_s, fault.ready_s - fault.ended_s
    return f"{fault.host} {fault.kind.value} for {lasted_s:.1f} s, ready {took_s:.1f} s later"


@contextlib.contextmanager
def _load(plan: Plan, where: Site, out: Path) -> Iterator[None]:
    """Run the callers; in the end all have had their last answer."""
    order = {
        "uri": where.uri,
        "hosts": {host.name: host.url for host in where.hosts},
        "seed": str(plan.seed),
        "calls_per_s": plan.calls_per_s,
        "requests_per_s": plan.requests_per_s,
        "out": str(out),
    }
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.hosts_load", json.dumps(order)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"},
        stdin=subprocess.PIPE,
    )
    assert program.stdin is not None
    try:
        yield
        program.stdin.close()
        assert program.wait(END_TIMEOUT_S) == 0, "the callers failed: see what they printed above"
    finally:
        program.stdin.close()
        program.kill()
        program.wait()


def whole(plan: Plan, folder: Path, settings: Mapping[str, str]) -> tuple[Campaign, list[str]]:
    """Run a campaign on a site of its own; return it and the broken promises, in words."""
    with site(folder, settings) as where, ear(where.uri) as heard:
        campaign = run(plan, where, folder)
        where.wait_until_ready()
        return campaign, _broken(campaign, where, heard, settings)


def _broken(campaign: Campaign, where: Site, heard: Ear, settings: Mapping[str, str]) -> list[str]:
    began_s = time.monotonic()
    found = hosts_checks.broken_promises(campaign, where, heard, settings)
    say(f"looked at everything in {time.monotonic() - began_s:.0f} s")
    return found


def main() -> int:
    """Run a long campaign; 1 where a promise was broken or a bar missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="of faults; default 30")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--calm", type=float, default=120, help="seconds without; default 120")
    parser.add_argument("--kinds", default="", help="of faults, as KILLED,CUT_OFF; default all")
    parser.add_argument("--keep", type=Path, help="a new folder for all logs")
    options = parser.parse_args()
    why_not = missing()
    if why_not:
        raise ToolError(why_not)
    kinds = [Kind[name] for name in options.kinds.split(",") if name] or [*Kind]
    plan = Plan(options.seed, round(options.minutes * 3), calm_s=options.calm, kinds=kinds)
    say(f"seed {plan.seed}: {plan.faults} faults")
    with tempfile.TemporaryDirectory(prefix="image-service-hosts-") as scratch:
        campaign, broken = whole(plan, options.keep or Path(scratch), {})
    say(hosts_report.text(campaign))
    found = [*broken, *hosts_report.missed_bars(campaign)]
    for line in found:
        say(f"BROKEN: {line}")
    return 1 if found else 0


if __name__ == "__main__":
    run_main(main)

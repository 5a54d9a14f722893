"""How long calls took while hosts were struck, and while none was; what failed, and how."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from tests.e2e.hosts_faults import Fault, Kind
from tests.e2e.hosts_rig import Host

if TYPE_CHECKING:
    from tests.e2e.hosts_campaign import Campaign

BAR_TIMES = 3.0
"""How many times longer than without faults the others may take, at the 99th percentile."""
LONGEST_USUAL_S = 2.0
"""So long before a fault begins what was asked may be hit by it."""
LONG_S = 1.0
ACCESS = "image_service.access"
Line = dict[str, Any]


def p(share: float, values: Iterable[float]) -> float:
    """Return a percentile, 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def fault_at(campaign: Campaign, line: Line) -> Fault | None:
    """Return the fault during which something began; it lasts until its host is ready."""
    for fault in campaign.faults:
        if fault.began_s <= line["began_s"] < fault.ready_s:
            return fault
    return None


def is_struck(campaign: Campaign, line: Line) -> bool:
    """Tell whether something happened to a host while it was at what it was asked."""
    ended_s = line["began_s"] + line["took_s"]
    return any(
        fault.host == line["host"] and fault.began_s <= ended_s and line["began_s"] <= fault.ready_s
        for fault in campaign.faults
    )


def is_calm(campaign: Campaign, line: Line) -> bool:
    """Tell whether nothing happened, nor was about to, when something began."""
    return any(began <= line["began_s"] < ended - LONGEST_USUAL_S for began, ended in campaign.calm)


def text(campaign: Campaign) -> str:
    """Return all of it as tables for people."""
    return "\n\n".join(
        [
            _counts(campaign),
            _latencies("HTTP, of hosts that nothing happened to", campaign, _requests_of_others),
            _latencies("RPC, the same, from arrival to answer", campaign, _answers_of_others),
            _latencies("RPC, what the broker took back from one", campaign, _taken_over),
            _latencies("RPC as callers see it, with all retries", campaign, _calls),
            _failures(campaign),
        ]
    )


def answers(host: Host) -> Iterator[Line]:
    """Yield the RPC calls that a host's log tells of."""
    since_s = time.time() - time.monotonic()
    for text_ in host.log.read_text(errors="replace").splitlines():
        line = json.loads(text_) if ACCESS in text_ else {}
        if "status" not in line and line:
            ended = dt.datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00"))
            took_s = line["duration_ms"] / 1000
            yield {
                "kind": "answer",
                "host": host.name,
                "what": line["method"],
                "code": line["code"],
                "is_taken_over": line.get("redelivered", False),
                "began_s": ended.timestamp() - since_s - took_s,
                "took_s": took_s,
            }


def missed_bars(campaign: Campaign) -> Iterator[str]:
    """Yield what took too long, in words."""
    for line in campaign.of("request"):
        if not line["status"] and not is_struck(campaign, line):
            yield f"{line['what']} at {line['host']}, to which nothing happened: {line['code']}"
    for what, of in (("HTTP", _requests_of_others), ("RPC", _answers_of_others)):
        calm_s = p(0.99, (line["took_s"] for line in of(campaign, None)))
        for kind in campaign.plan.kinds:
            took_s = p(0.99, (line["took_s"] for line in of(campaign, kind)))
            if took_s > BAR_TIMES * calm_s:
                times = f"{took_s / calm_s:.1f} times" if calm_s else "longer than nothing"
                yield f"{what}, a host {kind.value}: p99 of the others is {times} the usual"


def _requests_of_others(campaign: Campaign, kind: Kind | None) -> Iterator[Line]:
    return _of_others(campaign, "request", kind)


def _answers_of_others(campaign: Campaign, kind: Kind | None) -> Iterator[Line]:
    """Yield their own alone: what another had taken and not answered was the other's."""
    return (line for line in _of_others(campaign, "answer", kind) if not line["is_taken_over"])


def _taken_over(campaign: Campaign, kind: Kind | None) -> Iterator[Line]:
    """Yield what was another's; all of it comes at once, and each waits for the one before."""
    return (line for line in _of_others(campaign, "answer", kind) if line["is_taken_over"])


def _calls(campaign: Campaign, kind: Kind | None) -> Iterator[Line]:
    return _of_others(campaign, "call", kind)


def _of_others(campaign: Campaign, what: str, kind: Kind | None) -> Iterator[Line]:
    """Yield what began while a fault of a kind lasted, at other hosts; None: while none did."""
    for line in campaign.of(what):
        fault = fault_at(campaign, line)
        if kind is None:
            if is_calm(campaign, line):
                yield line
        elif fault and fault.kind is kind and fault.host != line.get("host"):
            yield line


def _latencies(
    title: str, campaign: Campaign, of: Callable[[Campaign, Kind | None], Iterator[Line]]
) -> str:
    rows = [
        title,
        f"{'':16}{'number':>8}{'p50 ms':>9}{'p99 ms':>9}{'most ms':>9}{'p99, times':>12}",
    ]
    calm_s = p(0.99, (line["took_s"] for line in of(campaign, None)))
    for kind in (None, *campaign.plan.kinds):
        took = [line["took_s"] for line in of(campaign, kind)]
        numbers = "".join(f"{1000 * p(share, took):10.1f}" for share in (0.5, 0.99, 1))
        times = p(0.99, took) / calm_s if calm_s else 0.0
        long = sum(took_s > LONG_S for took_s in took)
        name = kind.value if kind else "no fault"
        rows.append(f"{name:16}{len(took):10}{numbers}{times:10.2f}{long:10}")
    return "\n".join(rows)


def _counts(campaign: Campaign) -> str:
    calls = list(campaign.of("call"))
    done = Counter(call["what"] for call in calls if call["code"] == "ok")
    requests = list(campaign.of("request"))
    struck = Counter(fault.kind.value for fault in campaign.faults)
    ready = {
        kind: p(0.5, (f.ready_s - f.ended_s for f in campaign.faults if f.kind is kind))
        for kind in campaign.plan.kinds
    }
    return "\n".join(
        [
            f"seed {campaign.plan.seed}: {len(campaign.faults)} faults, {dict(struck)}",
            f"calls that went well: {dict(done)}; others: {sum(c['code'] != 'ok' for c in calls)}",
            f"requests: {len(requests)}, of them 200: {sum(r['status'] == 200 for r in requests)}",
            "ready again after (median): "
            + ", ".join(f"{kind.value} {seconds:.1f} s" for kind, seconds in ready.items()),
        ]
    )


def _failures(campaign: Campaign) -> str:
    found: Counter[str] = Counter()
    for line in campaign.told:
        if line["kind"] == "answer" or line.get("code", "ok") in ("ok", "", "image_not_found"):
            continue
        fault = fault_at(campaign, line)
        during = fault.kind.value if fault else "no fault"
        whose = "" if not fault or "host" not in line else " there"
        whose = " at others" if whose and fault and fault.host != line["host"] else whose
        what = line.get("method") or line.get("what")
        found[f"{line['kind']} {what}, {during}{whose}: {line['code']}"] += 1
    return "\n".join(["what failed", *(f"{n:6} {name}" for name, n in sorted(found.items()))])

"""Three hosts, one of them killed, cut off or slowed down every so often, lose nothing.

The short campaign runs in `make test`, the long one by `make hosts` (or `make soak`).
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.e2e import hosts_report
from tests.e2e.hosts_campaign import Plan, whole
from tests.machines import missing

# As short as what is waited for allows.
SOON: Mapping[str, str] = {
    "IMAGE_SERVICE_LEASE_TTL_S": "5",
    "IMAGE_SERVICE_S3_TIMEOUT_S": "4",
    "IMAGE_SERVICE_SWEEP_INTERVAL_S": "1",
}


@pytest.fixture
def seed() -> int:
    why_not = missing()
    if why_not:
        pytest.skip(why_not)
    return int(os.environ.get("IMAGE_SERVICE_CRASH_SEED") or random.randrange(1 << 32))


def test_one_fault_of_each_kind_loses_nothing(tmp_path: Path, seed: int) -> None:
    plan = Plan(seed, faults=4, warm_s=2, calm_s=0, every_s=1, least_s=1, most_s=2)
    campaign, broken = whole(plan, tmp_path, SOON)
    assert not broken, "\n".join([f"seed {seed}", *broken])
    assert sum(call["what"] == "upload" for call in campaign.of("call")) > 20


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_half_an_hour_of_faults_loses_nothing_and_slows_no_other_host(
    tmp_path: Path, seed: int
) -> None:
    plan = Plan(seed, faults=90)
    campaign, broken = whole(plan, tmp_path, {})
    print(hosts_report.text(campaign))
    missed = list(hosts_report.missed_bars(campaign))
    assert not [*broken, *missed], "\n".join([f"seed {seed}", *broken, *missed])

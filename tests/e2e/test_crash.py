"""Killed at any moment, the service keeps every promise it has made (CONTRACT: promises 1 and 2).

On every pair of engines of tests.engines. The short campaigns run in `make test`, the long ones in
`make soak`. IMAGE_SERVICE_CRASH_SEED repeats a failed one: its message names the seed.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.component.harness import delete_queues
from tests.e2e.crash_checks import broken_promises, images_in, uploads_at_once
from tests.e2e.crash_driver import Campaign, Plan, run
from tests.e2e.crash_ground import Ground, ground_of
from tests.e2e.crash_service import ServiceProcess
from tests.engines import Engines

SHORT = {"uploads": 60, "kills": 3, "callers": 4}
# The survivor works on through every restart, so that many more uploads come of this.
SHORT_BESIDE = {"uploads": 60, "kills": 2, "callers": 3}
LONG = {"uploads": 1000, "kills": 20, "callers": 6}
THOUSAND = {"uploads": 12_000, "kills": 1000, "callers": 6}
SHOWN = 25
ROOM = 3


def plan(**sizes: int) -> Plan:
    seed = int(os.environ.get("IMAGE_SERVICE_CRASH_SEED") or random.randrange(1 << 32))
    return Plan(**sizes, seed=seed)


@pytest.fixture
def ground(
    engines: Engines, new_store: Callable[[], dict[str, Any]], tmp_path: Path, broker_uri: str
) -> Ground:
    delete_queues(broker_uri)  # a process that was ended may have answered and not acknowledged
    return ground_of(engines, tmp_path, new_store())


@contextlib.contextmanager
def service_process(name: str, uri: str, ground: Ground) -> Iterator[ServiceProcess]:
    log = ground.folder / f"{name}.log"
    service = ServiceProcess(name, uri, ground.upload_dir(name), log, ground.environment)
    try:
        yield service
    finally:
        service.end()


def assert_promises_held(campaign: Campaign, uri: str, ground: Ground) -> None:
    wrong = broken_promises(campaign, uri, ground)
    assert not wrong, "\n".join([f"{campaign}: {len(wrong)} broken promises", *wrong[:SHOWN]])
    refused = [f"{o.filename}: {o.refusal}" for o in campaign.outcomes if o.refusal is not None]
    assert not refused, "\n".join([f"{campaign}: refused, with nothing wrong", *refused[:SHOWN]])
    unanswered = [o for o in campaign.outcomes if o.error is not None]
    # Either outcome is allowed for these, but a campaign of unanswered calls would test nothing.
    assert len(unanswered) <= len(campaign.outcomes) // 20, f"{campaign}: {unanswered[:SHOWN]}"
    assert campaign.interrupted, f"{campaign}: no kill hit an upload, so nothing was tested"
    print(f"{ground.engines}, {campaign}")


def crash_alone(sizes: Plan, uri: str, ground: Ground) -> None:
    """One process, killed again and again: its successors must make good what it left."""
    with service_process("killed", uri, ground) as service:
        campaign = run(sizes, uri, service, ground.folder / "campaign")
        quota = images_in(uri) + ROOM
        assert service.stop() == 0, f"SIGTERM: {service.last_words()}"
        # The next start: from here on nothing may be left over.
        service.start(IMAGE_SERVICE_QUOTA_FILES=str(quota))
        service.wait_until_ready()
        assert_promises_held(campaign, uri, ground)
        ended = uploads_at_once(uri, 2 * ROOM)
        assert ended == {"stored": ROOM, "quota_exceeded": ROOM}, f"{campaign}: the quota"


def crash_beside_another(sizes: Plan, uri: str, ground: Ground) -> None:
    """A second process lives on: nobody may take its uploads for the dead one's leavings."""
    with (
        service_process("survivor", uri, ground) as survivor,
        service_process("killed", uri, ground) as service,
    ):
        survivor.start()
        survivor.wait_until_ready()
        campaign = run(sizes, uri, service, ground.folder / "campaign")
        assert service.stop() == 0, f"SIGTERM: {service.last_words()}"
        service.start()
        service.wait_until_ready()
        assert_promises_held(campaign, uri, ground)


def test_acknowledged_uploads_survive_kills(broker_uri: str, ground: Ground) -> None:
    crash_alone(plan(**SHORT), broker_uri, ground)


def test_a_living_process_keeps_its_uploads(broker_uri: str, ground: Ground) -> None:
    crash_beside_another(plan(**SHORT_BESIDE), broker_uri, ground)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_thousand_uploads_survive_twenty_kills(broker_uri: str, ground: Ground) -> None:
    crash_alone(plan(**LONG), broker_uri, ground)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_living_process_keeps_its_uploads_through_twenty_kills(
    broker_uri: str, ground: Ground
) -> None:
    crash_beside_another(plan(**LONG), broker_uri, ground)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_a_thousand_kills(broker_uri: str, ground: Ground) -> None:
    crash_alone(plan(**THOUSAND), broker_uri, ground)

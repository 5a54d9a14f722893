"""Killed at any moment, the service keeps every promise it has made (CONTRACT: promises 1 and 2).

The short campaigns run in `make test`, the long ones in `make soak`. IMAGE_SERVICE_CRASH_SEED
repeats a failed one: its message names the seed.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.crash_checks import Folder, Objects, broken_promises
from tests.e2e.crash_driver import Campaign, Plan, run
from tests.e2e.crash_service import ServiceProcess

SHORT = {"uploads": 60, "kills": 3, "callers": 4}
# The survivor works on through every restart, so that many more uploads come of this.
SHORT_BESIDE = {"uploads": 60, "kills": 2, "callers": 3}
LONG = {"uploads": 1000, "kills": 20, "callers": 6}
THOUSAND = {"uploads": 12_000, "kills": 1000, "callers": 6}
SHOWN = 25
NOTHING_ELSE: Mapping[str, str] = {}


def plan(**sizes: int) -> Plan:
    seed = int(os.environ.get("IMAGE_SERVICE_CRASH_SEED") or random.randrange(1 << 32))
    return Plan(**sizes, seed=seed)


@contextlib.contextmanager
def service_process(
    name: str, uri: str, folder: Path, environment: Mapping[str, str]
) -> Iterator[ServiceProcess]:
    folder.mkdir(exist_ok=True)
    service = ServiceProcess(name, uri, folder / "uploads", folder / f"{name}.log", environment)
    try:
        yield service
    finally:
        service.end()


def assert_promises_held(campaign: Campaign, uri: str, kept: Folder | Objects) -> None:
    wrong = broken_promises(campaign, uri, kept)
    assert not wrong, "\n".join([f"{campaign}: {len(wrong)} broken promises", *wrong[:SHOWN]])
    refused = [f"{o.filename}: {o.refusal}" for o in campaign.outcomes if o.refusal is not None]
    assert not refused, "\n".join([f"{campaign}: refused, with nothing wrong", *refused[:SHOWN]])
    unanswered = [o for o in campaign.outcomes if o.error is not None]
    # Either outcome is allowed for these, but a campaign of unanswered calls would test nothing.
    assert len(unanswered) <= len(campaign.outcomes) // 20, f"{campaign}: {unanswered[:SHOWN]}"
    assert campaign.interrupted, f"{campaign}: no kill hit an upload, so nothing was tested"
    print(campaign)


def crash_alone(
    sizes: Plan,
    uri: str,
    folder: Path,
    *,
    environment: Mapping[str, str] = NOTHING_ELSE,
    kept: Objects | None = None,
) -> None:
    """One process, killed again and again: its successors must make good what it left."""
    with service_process("killed", uri, folder, environment) as service:
        campaign = run(sizes, uri, service, folder / "campaign")
        assert service.stop() == 0, f"SIGTERM: {service.last_words()}"
        service.start()  # the next start: from here on nothing may be left over
        service.wait_until_ready()
        assert_promises_held(campaign, uri, kept or Folder(folder / "uploads"))


def crash_beside_another(
    sizes: Plan,
    uri: str,
    folder: Path,
    *,
    environment: Mapping[str, str] = NOTHING_ELSE,
    kept: Objects | None = None,
) -> None:
    """A second process lives on: nobody may take its uploads for the dead one's leavings."""
    with (
        service_process("survivor", uri, folder, environment) as survivor,
        service_process("killed", uri, folder, environment) as service,
    ):
        survivor.start()
        survivor.wait_until_ready()
        campaign = run(sizes, uri, service, folder / "campaign")
        assert service.stop() == 0, f"SIGTERM: {service.last_words()}"
        service.start()
        service.wait_until_ready()
        assert_promises_held(campaign, uri, kept or Folder(folder / "uploads"))


def test_acknowledged_uploads_survive_kills(broker_uri: str, tmp_path: Path) -> None:
    crash_alone(plan(**SHORT), broker_uri, tmp_path)


def test_a_living_process_keeps_its_uploads(broker_uri: str, tmp_path: Path) -> None:
    crash_beside_another(plan(**SHORT_BESIDE), broker_uri, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_thousand_uploads_survive_twenty_kills(broker_uri: str, tmp_path: Path) -> None:
    crash_alone(plan(**LONG), broker_uri, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_living_process_keeps_its_uploads_through_twenty_kills(
    broker_uri: str, tmp_path: Path
) -> None:
    crash_beside_another(plan(**LONG), broker_uri, tmp_path)


@pytest.mark.soak
@pytest.mark.timeout(3 * 3600)
def test_a_thousand_kills(broker_uri: str, tmp_path: Path) -> None:
    crash_alone(plan(**THOUSAND), broker_uri, tmp_path)

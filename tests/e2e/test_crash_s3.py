"""Killed at any moment with its originals in a bucket, the service keeps promises 1 and 2.

As test_crash: the short campaigns run in `make test`, the long ones in `make soak`.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.crash_checks import Objects
from tests.e2e.test_crash import (
    LONG,
    SHORT,
    SHORT_BESIDE,
    crash_alone,
    crash_beside_another,
    plan,
)
from tests.s3 import SeaweedServer


@pytest.fixture
def in_bucket(seaweed: SeaweedServer) -> dict[str, Any]:
    """How the processes are started, and where to look for what they left."""
    prefix = secrets.token_hex(6)
    environment = {
        **seaweed.environment(prefix),
        "IMAGE_SERVICE_SWEEP_INTERVAL_S": "1",
        "IMAGE_SERVICE_S3_TIMEOUT_S": "4",
    }
    return {"environment": environment, "kept": Objects(seaweed.bucket(prefix))}


def test_acknowledged_uploads_survive_kills(
    broker_uri: str, tmp_path: Path, in_bucket: dict[str, Any]
) -> None:
    crash_alone(plan(**SHORT), broker_uri, tmp_path, **in_bucket)


def test_a_living_process_keeps_its_uploads(
    broker_uri: str, tmp_path: Path, in_bucket: dict[str, Any]
) -> None:
    crash_beside_another(plan(**SHORT_BESIDE), broker_uri, tmp_path, **in_bucket)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_thousand_uploads_survive_twenty_kills(
    broker_uri: str, tmp_path: Path, in_bucket: dict[str, Any]
) -> None:
    crash_alone(plan(**LONG), broker_uri, tmp_path, **in_bucket)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_living_process_keeps_its_uploads_through_twenty_kills(
    broker_uri: str, tmp_path: Path, in_bucket: dict[str, Any]
) -> None:
    crash_beside_another(plan(**LONG), broker_uri, tmp_path, **in_bucket)

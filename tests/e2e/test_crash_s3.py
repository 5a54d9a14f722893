"""Killed at any moment with its originals in a bucket, the service keeps promises 1 and 2.

As test_crash: the short campaigns run in `make test`, the long ones in `make soak`.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import pytest

from image_service.settings_s3 import LOCAL
from image_service.storage import LeaseBook
from image_service.storage.move import Move
from tests.e2e.crash_checks import Folder, Objects
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


class InBoth(Objects):
    """Originals that must be in a bucket and in a folder."""

    def __init__(self, objects: Objects, folder: Folder) -> None:
        self._objects, self._folder = objects, folder

    def names(self) -> set[str]:
        there, here = self._objects.names(), self._folder.names()
        return (there & here) | {f"{name}, in one place" for name in there ^ here}

    def read(self, name: str) -> bytes:
        data = self._objects.read(name)
        return data if data == self._folder.read(name) else b""


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_kills_while_originals_are_in_two_places(
    broker_uri: str, tmp_path: Path, in_bucket: dict[str, Any]
) -> None:
    state = tmp_path / "uploads" / ".state"
    state.mkdir(parents=True)
    places = (in_bucket["environment"]["IMAGE_SERVICE_S3_ORIGINALS"], LOCAL)
    Move(state, places, LeaseBook(state / "leases")).begin()
    in_bucket["environment"]["IMAGE_SERVICE_ORIGINALS_ALSO"] = LOCAL
    in_bucket["kept"] = InBoth(in_bucket["kept"], Folder(tmp_path / "uploads"))
    crash_alone(plan(**LONG), broker_uri, tmp_path, **in_bucket)

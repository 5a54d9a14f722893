"""Killed at any moment while originals move, the service keeps every promise, in both places."""

from __future__ import annotations

import dataclasses
import secrets
from pathlib import Path

import pytest

from image_service.settings_s3 import LOCAL
from image_service.storage import LeaseBook
from image_service.storage.move import Move
from scripts.s3_server import S3Server
from tests.component.harness import delete_queues
from tests.e2e.crash_ground import ground_of
from tests.e2e.test_crash import LONG, crash_alone, plan
from tests.engines import BUCKET
from tests.originals import Folder, Objects


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
    broker_uri: str, tmp_path: Path, s3_server: S3Server
) -> None:
    delete_queues(broker_uri)
    told = {**s3_server.settings(secrets.token_hex(6)), "originals_also": LOCAL}
    ground = ground_of(BUCKET, tmp_path, told)
    state = ground.upload_dir("killed") / ".state"
    state.mkdir(parents=True)
    Move(state, (str(told["s3_originals"]), LOCAL), LeaseBook(state / "leases")).begin()
    assert isinstance(ground.kept, Objects)
    both = InBoth(ground.kept, Folder(ground.upload_dir("killed")))
    crash_alone(plan(**LONG), broker_uri, dataclasses.replace(ground, kept=both))

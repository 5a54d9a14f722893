"""A disk that fails once, at each call that changes a file: a clear error, and one truth after it.

strace lets the n-th call of a kind fail. The process goes on, its next sweep puts in order what
was left. All of them in `make soak`; in `make test` some, others each time.
"""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest

from tests.e2e.test_killed_at_each_call import CALLS, WORKS, Place
from tests.e2e.tracing import needs_strace

# A command line tells in its exit code what a manager raises.
WORKS_OF_MANAGER = sorted(name for name, work in WORKS.items() if "shop.run" not in work)
ERRORS = {"EIO": "storage_unavailable", "ENOSPC": "storage_full"}
PROGRAM = """
import json, os, sys
from pathlib import Path
from image_service.errors import ImageServiceError
from image_service.testing import png
from tests.e2e.shop import Shop
folder, living, trashed, archived, target = sys.argv[1:]
shop = Shop(Path(folder))
ended = {{"code": "", "message": ""}}
try:
    {work}
except ImageServiceError as exc:
    ended = {{"code": exc.code, "message": str(exc)}}
try:
    shop.manager.sweep()
except ImageServiceError:  # it was the sweep's turn to fail; the next one comes in a minute
    shop.manager.sweep()
os.writev(1, [b"ended ", json.dumps(ended).encode()])  # by a call that never fails here
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    needs_strace()
    return Place(tmp_path)


def fails(place: Place, work: str, call: str, number: int, error: str) -> str:
    """Let a call fail and see what it leads to; return the error's code, "" for none."""
    inject = f"inject={call}:error={error}:when={number}"
    folder, printed = place.run(PROGRAM, WORKS[work], ["-o", "/dev/null", "-e", inject])
    where = f"{work}: {error} at {call} {number}: {printed}"
    assert printed.startswith("ended "), where
    ended = json.loads(printed.removeprefix("ended "))
    assert ended["code"] in ("", ERRORS[error], "storage_unavailable"), where
    assert str(folder) not in ended["message"], where
    place.check(folder, work, is_done=not ended["code"])
    return str(ended["code"])


def test_a_failure_is_told_and_leaves_one_truth(place: Place) -> None:
    seed = int(os.environ.get("IMAGE_SERVICE_CRASH_SEED") or random.randrange(1 << 32))
    chance = random.Random(seed)
    work = chance.choice(WORKS_OF_MANAGER)
    numbers = place.calls(work, "pwrite64")
    fails(place, work, "pwrite64", chance.choice(numbers), chance.choice(sorted(ERRORS)))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("work", WORKS_OF_MANAGER)
@pytest.mark.parametrize("error", sorted(ERRORS))
def test_every_failure_is_told_and_leaves_one_truth(place: Place, work: str, error: str) -> None:
    codes = [
        fails(place, work, call, number, error)
        for call in CALLS
        for number in place.calls(work, call)
    ]
    assert any(codes)

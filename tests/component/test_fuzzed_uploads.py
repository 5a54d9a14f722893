"""Pictures damaged at random, uploaded by the hundred: nothing crashes, nothing is left behind."""

from __future__ import annotations

import os
from typing import Any

import psutil
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.component.harness import Service, wait_until
from tests.corpus.fuzz import mutated_pictures

ALLOWED = {
    "corrupt_image", "truncated_image", "too_many_pixels", "too_many_frames", "too_many_scans",
    "metadata_too_large", "unsupported_format", "empty_file", "image_too_large", "busy",
}  # fmt: skip
SHORT, LONG = 150, 10_000
GROWTH_MB = 200


def upload_fuzzed(service: Service, count: int, number: int) -> None:
    """Upload so many and delete what is accepted; nothing may be left then."""
    outcomes: dict[str, int] = {}
    with service.rpc() as rpc:

        @seed(number)
        @settings(
            max_examples=count, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(mutated_pictures())
        def upload(mutant: Any) -> None:
            reply = rpc.upload_image(mutant.data, "fuzzed")
            outcome = reply["error"]["code"] if not reply["success"] else "accepted"
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            if reply["success"]:
                assert rpc.get_image(reply["imageId"])["metadata"] == reply["metadata"]
                assert rpc.delete_image(reply["imageId"])["success"]

        upload()
    print(outcomes)
    assert outcomes.keys() <= ALLOWED | {"accepted"}
    assert sum(outcomes.values()) >= count * 0.9


def run(service: Service, count: int, number: int) -> None:
    here = psutil.Process(os.getpid())
    workers = len(service.app.worker_pids())
    with service.rpc() as rpc:
        rpc.health_check()
        before = here.memory_info().rss
        upload_fuzzed(service, count, number)
        assert rpc.health_check()["status"] == "ok"
        info = rpc.get_storage_info()
    assert (info["totalFiles"], info["totalBytes"]) == (0, 0)
    assert service.stored() == []
    wait_until(lambda: len(service.app.worker_pids()) == workers)
    assert all(psutil.pid_exists(pid) for pid in service.app.worker_pids())
    assert here.memory_info().rss - before < GROWTH_MB << 20


@pytest.mark.parametrize("mode", ["none", "location", "all"])
def test_fuzzed_uploads_leave_nothing(make_service: Any, mode: str) -> None:
    run(make_service(strip_metadata=mode), SHORT, number=1)


@pytest.mark.soak
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("mode", ["none", "all"])
def test_ten_thousand_fuzzed_uploads_leave_nothing(make_service: Any, mode: str) -> None:
    run(make_service(strip_metadata=mode), LONG, number=2)

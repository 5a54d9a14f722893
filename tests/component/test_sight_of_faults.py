"""What an operator sees when something goes wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest

from tests.component.harm import catalogue_away
from tests.component.harness import Service, wait_until
from tests.component.pictures import picture
from tests.component.sight import Lines, read

DATA = picture("png", (40, 30))


def test_a_lost_worker_is_told_with_the_call_that_lost_it(
    make_service: Callable[..., Service], lines: Lines
) -> None:
    service = make_service()
    service.upload(DATA)
    (pid,) = service.app.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    with service.rpc() as rpc:
        reply = rpc.upload_image.call_async(DATA, "a.png")
        wait_until(lambda: read(service)("rpc_in_progress", lane="transfers") == 1)
        os.kill(pid, signal.SIGKILL)
        assert reply.result()["success"]
    (line,) = wait_until(lambda: lines.of(level="WARNING", logger="image_service.off_hub"))
    assert "died at work" in line["message"]
    assert line["call_id"].startswith("image_service.upload_image.")
    told = read(service)
    assert told("worker_restarts_total", pool="uploads", reason="died") == 1
    assert told("worker_jobs_total", pool="uploads", job="analyse", outcome="died") == 1


@pytest.mark.parametrize(
    ("settings", "renders"),
    [
        ({"presets": {"tiny": "w:9"}, "eager_presets": ["tiny"], "mezzanines": "never"}, 4),
        ({"mezzanines": "upload"}, 1),
    ],
    ids=["eager variant", "mezzanine made in a lull"],
)
def test_a_worker_lost_at_what_is_made_ahead_is_told_with_the_upload_that_caused_it(
    make_service: Callable[..., Service], lines: Lines, settings: dict[str, Any], renders: int
) -> None:
    """Args: renders: how many the first picture brings about."""
    service = make_service(**settings, render_timeout_s=1)
    image_id = service.upload(DATA)["imageId"]
    assert service.get(f"/img/insecure/w:7/plain/{image_id}")[0].status == 200
    made = service.app.meters.renders
    wait_until(lambda: sum(made._values.values()) >= renders and service.app.renders.is_idle)
    (pid,) = service.app.render_worker_pids()
    os.kill(pid, signal.SIGSTOP)
    service.upload(picture("png", (1200, 900)))
    (line,) = wait_until(lambda: lines.of(level="WARNING", logger="image_service.off_hub"))
    assert "at work and was replaced" in line["message"]
    _, upload = lines.of(logger="image_service.access", method="upload_image")
    assert line["call_id"] == upload["call_id"]


def test_metrics_are_answered_while_the_store_is_away(make_service: Callable[..., Service]) -> None:
    service = make_service()
    service.upload(DATA)
    assert read(service)("images") == 1
    with catalogue_away(service):
        told = read(service)
    assert told("check_passed", check="catalogue") == 0
    assert told("images") == 0
    assert told("rpc_requests_total", method="upload_image", code="ok") == 1

"""The timer of housekeeping."""

from __future__ import annotations

from image_service.housekeeping import Housekeeping


def test_one_that_has_not_started_can_be_stopped_and_killed() -> None:
    timer = Housekeeping()
    timer.stop()
    timer.kill()

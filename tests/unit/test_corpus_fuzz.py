"""Mutated pictures are refused in the words that are documented, or told sensibly."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from image_service.errors import CorruptImage, TooManyFrames, TooManyPixels
from image_service.imaging.limits import Limits
from image_service.imaging.probe import probe, set_up
from tests.corpus.fuzz import Mutant, mutated_pictures

# No process' memory is limited here: what is let through must be small.
LIMITS = Limits(max_pixels=100_000, max_side_px=4000, max_frames=10, max_frames_pixels=300_000)
COLOR_SPACES = {"RGB", "Gray", "CMYK", "YCbCr", "Lab"}

pytestmark = pytest.mark.filterwarnings("ignore")  # as in a worker


@pytest.fixture(autouse=True, scope="module")
def _set_up() -> Iterator[None]:
    with warnings.catch_warnings():
        set_up(LIMITS)
        yield


@given(mutated_pictures())
@settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_a_mutated_picture_is_refused_by_a_documented_error_or_told_sensibly(
    mutant: Mutant,
) -> None:
    try:
        facts = probe(mutant.data, mutant.format, LIMITS)
    except (CorruptImage, TooManyPixels, TooManyFrames):
        return
    assert facts.format is mutant.format
    assert min(facts.width, facts.height) >= 1
    assert max(facts.width, facts.height) <= LIMITS.max_side_px
    assert facts.width * facts.height <= LIMITS.max_pixels
    assert 1 <= facts.frames <= LIMITS.max_frames
    assert facts.frames > 1 or not facts.animated
    assert facts.orientation in range(1, 9)
    assert facts.color_space in COLOR_SPACES

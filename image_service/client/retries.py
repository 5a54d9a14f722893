"""Trying again what may go better the next time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity

from ..errors import ImageServiceError

T = TypeVar("T")

FIRST_WAIT_S = 0.5
MOST_WAIT_S = 5.0


def with_retries(attempts: int, work: Callable[[], T]) -> T:
    """Return work's result, trying up to so many times while its errors are retryable.

    It waits longer each time, and at random, so that those who failed together
    do not come again together.
    """
    retrying = tenacity.Retrying(
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random_exponential(multiplier=FIRST_WAIT_S, max=MOST_WAIT_S),
        retry=tenacity.retry_if_exception(_is_retryable),
        reraise=True,
    )
    return retrying(work)


def _is_retryable(exc: BaseException) -> bool:
    return isinstance(exc, ImageServiceError) and exc.retryable

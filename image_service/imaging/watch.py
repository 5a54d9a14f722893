"""What a pool of workers tells of itself, for those who count."""

from __future__ import annotations

from typing import Protocol

REASONS = (
    "recycled", "died", "died_idle", "timed_out", "out_of_time", "out_of_memory", "nonsense",
    "given_up",
)  # fmt: skip
"""Why workers are replaced: after worker_jobs_before_restart jobs, or for what became of them."""


class PoolWatch(Protocol):
    """Is told what a pool does, in whatever thread; it must not wait."""

    def ended(self, job: str, outcome: str, begun_s: float) -> None:
        """A job has ended that was at a worker from begun_s on, by time.perf_counter().

        outcome: "ok"; "refused" where the worker found something wrong; else what became of it.
        """

    def refused(self, job: str) -> None:
        """A job found too many waiting, or no worker in time."""

    def replaced(self, reason: str) -> None:
        """A worker was replaced."""


class Unwatched:
    """A PoolWatch that looks away."""

    def ended(self, job: str, outcome: str, begun_s: float) -> None:
        """See PoolWatch."""

    def refused(self, job: str) -> None:
        """See PoolWatch."""

    def replaced(self, reason: str) -> None:
        """See PoolWatch."""

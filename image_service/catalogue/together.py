"""Group commit: what many threads want written goes to disk in one transaction."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import sqlalchemy as sa

from ..native import threading

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
RunInTransaction = Callable[[Work[Any]], Any]


def timed(run: RunInTransaction, tell: Callable[[float], object]) -> RunInTransaction:
    """Return run that tells, in the thread it runs in, how many seconds each success took."""

    def timing(work: Work[Any]) -> Any:
        begun_s = time.perf_counter()
        result = run(work)
        tell(time.perf_counter() - begun_s)
        return result

    return timing


class _Job(Generic[T]):
    """A thread's work and how it ended."""

    def __init__(self, work: Work[T]) -> None:
        self.work = work
        self.is_done = False
        self.result: Any = None
        self.error: BaseException | None = None
        self._news = threading.Lock()
        self._news.acquire()

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        self.result, self.error, self.is_done = result, error, True

    def wake(self) -> None:
        """Let wait() return: the job is done, or it is its thread's turn to do what waits."""
        self._news.release()

    def wait(self) -> None:
        self._news.acquire()


class GroupCommit:
    """Runs the writes of one process, those that wait for each other in one transaction.

    A commit waits for the disk, and the next one for it. With eight uploads under way the queue
    for that was half of each; one commit for all that have queued up meanwhile ends it.
    """

    def __init__(self, run: RunInTransaction) -> None:
        """Args: run: runs work in a transaction of its own and commits it, or undoes all."""
        self._run = run
        self._waiting: list[_Job[Any]] = []
        self._is_busy = False
        self._lock = threading.Lock()

    def write(self, work: Work[T]) -> T:
        """Run work in a transaction and return its result once that is on disk.

        Args: work: may be run more than once, each time after all it did has been undone.
        Raises: whatever work or the commit raises.
        """
        job = _Job(work)
        with self._lock:
            self._waiting.append(job)
            must_wait, self._is_busy = self._is_busy, True
        if must_wait:
            job.wait()
        if not job.is_done:
            self._take_turn(job)
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[no-any-return]

    def _take_turn(self, own: _Job[Any]) -> None:
        jobs = self._take_waiting()
        self._carry_out(jobs)
        with self._lock:
            following = self._waiting[:1]
            self._is_busy = bool(following)
        for job in (*following, *jobs):
            if job is not own:
                job.wake()

    def _take_waiting(self) -> list[_Job[Any]]:
        with self._lock:
            jobs, self._waiting = self._waiting, []
        return jobs

    def _carry_out(self, jobs: list[_Job[Any]]) -> None:
        """Run all in one transaction, or each in one of its own where one's work fails.

        Args: jobs: gets those added that come while the transaction waits to begin, which another
            process's may hold up for as long as several uploads take.
        """
        is_at_work = False

        def work(connection: sa.Connection) -> list[Any]:
            nonlocal is_at_work
            is_at_work = True
            jobs.extend(self._take_waiting())
            results = [job.work(connection) for job in jobs]
            is_at_work = False
            return results

        try:
            results = self._run(work)
        except BaseException as exc:  # noqa: BLE001 - raised in the threads whose work it is
            if is_at_work and len(jobs) > 1:
                self._one_by_one(jobs)
                return
            # It is the only one's own; or the transaction could not begin, and waiting for that
            # once is enough; or its commit failed: what is on disk is not known then, and nothing
            # may be run again.
            for job in jobs:
                job.end(error=exc)
        else:
            for job, result in zip(jobs, results, strict=True):
                job.end(result)

    def _one_by_one(self, jobs: list[_Job[Any]]) -> None:
        for job in jobs:
            try:
                job.end(self._run(job.work))
            except BaseException as exc:  # noqa: BLE001 - raised in the thread whose work it is
                job.end(error=exc)

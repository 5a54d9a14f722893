"""Resident worker processes: started, fed, held to their limits, replaced when they die.

Its calls block, so that a job costs no turn of the hub: the service makes them in native threads.
"""

from __future__ import annotations

import contextlib
import json
import logging
import signal
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import errors
from ..errors import Busy, CorruptImage, ImageServiceError, StorageUnavailable
from ..native import queue, socket, subprocess, threading
from . import protocol
from .limits import Limits
from .room import Room
from .sandbox import OUT_OF_TIME
from .watch import PoolWatch, Unwatched

_log = logging.getLogger(__name__)

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_BOOT = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from image_service.imaging.lifeline import attach; attach(); "
    "from image_service.imaging.worker import main; main()"
)
# Nothing of the service's environment: it holds passwords. Pillow's block cache keeps freed
# image memory for the next picture (full decodes 77 -> 51 ms at 12 MP).
_ENVIRONMENT = {
    "LC_ALL": "C.UTF-8",
    "PILLOW_BLOCKS_MAX": "16",
    # There is a worker for each processor.
    "OPENBLAS_NUM_THREADS": "1",
    "VIPS_CONCURRENCY": "1",
}
_WAITS_PER_TIMEOUT = 3
_TIMEVAL = struct.Struct("@ll")
_START_TIMEOUT_S = 30
_END_TIMEOUT_S = 2


class _Worker:
    """One worker process and our end of its socket."""

    def __init__(self, limits: Limits, timeout_s: float) -> None:
        self.jobs_done = 0
        self._is_ready = False
        self._sock, theirs = socket.socketpair()
        self._timeout_s = timeout_s
        self._limits = limits
        with theirs:
            arguments = [sys.executable, "-I", "-c", _BOOT, _PACKAGE_ROOT]
            self._process = subprocess.Popen(
                [*arguments, json.dumps(asdict(limits))],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,  # the terminal's Ctrl-C is for the service
            )
        self.room = Room(self._process.pid)

    @property
    def pid(self) -> int:
        return int(self._process.pid)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def send(self, request: dict[str, Any], data: bytes) -> None:
        if not self._is_ready:
            # Loading the decoders on a busy machine must not eat up the first picture's time.
            self._wait_at_most(_START_TIMEOUT_S)
            protocol.receive(self._sock, max_payload_bytes=0)
            self._wait_at_most(self._timeout_s)
            self._is_ready = True
        self.room.look()
        protocol.send(self._sock, request, data)

    def receive(self) -> tuple[dict[str, Any], bytes]:
        self.jobs_done += 1
        return protocol.receive(self._sock, max_payload_bytes=self._limits.max_message_bytes * 2)

    def wait_for_end(self) -> int:
        """Return the signal that ended it, 0 for none; it has closed its socket, so it is going."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return max(0, -self._process.wait(timeout=_END_TIMEOUT_S))
        return 0

    def _wait_at_most(self, seconds: float) -> None:
        """Have the kernel end calls that take longer, as BlockingIOError.

        Python's own timeouts cost a system call more for each, and cut large ones into pieces.
        """
        whole = int(seconds)
        timeout = _TIMEVAL.pack(whole, int((seconds - whole) * 1e6) or int(not whole))  # 0: none
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._sock.setsockopt(socket.SOL_SOCKET, option, timeout)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self.room.close()
        self._sock.close()  # last: another thread may wait on it, and is told by the death


class _OutOfTime(CorruptImage):
    """A picture takes more processor time than allowed: another try would, too."""


class _TryAgain(Exception):
    """A worker was lost: _TryAgain(failure), which it is if the next one is lost, too."""

    @property
    def failure(self) -> ImageServiceError:
        error: ImageServiceError = self.args[0]
        return error


class WorkerPool:
    """A fixed number of workers and a bounded queue before them."""

    def __init__(
        self,
        limits: Limits,
        *,
        workers: int,
        max_waiting: int,
        timeout_s: float,
        jobs_before_restart: int,
        report: Callable[[str], object] = _log.warning,
        watch: PoolWatch | None = None,
    ) -> None:
        """Args:
        workers: processes; max_waiting: jobs that may wait for one.
        timeout_s: seconds one job may take before its worker is killed.
        jobs_before_restart: jobs after which a worker is replaced, whatever it leaks.
        report: is told of workers that were lost, in whatever thread that was seen.
        watch: is told of all that is done.
        """
        self.watch: PoolWatch = watch or Unwatched()
        self._limits = limits
        self.size = workers
        self.max_waiting = max_waiting
        self.timeout_s = timeout_s
        self.report = report
        self.cpu_s = limits.worker_cpu_s
        self._jobs_before_restart = jobs_before_restart
        # A None says that the pool has stopped, to everybody who waits.
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._all: set[_Worker] = set()
        self._waiting = 0
        self._lock = threading.Lock()
        self._stopped = False

    def start(self) -> None:
        """Start the workers; the first jobs wait while they load. Else the first job does it."""
        for _ in range(self.size):
            self._spawn()

    def stop(self) -> None:
        """End every worker, at work or not."""
        with self._lock:
            self._stopped = True
        self._idle.put(None)
        for worker in list(self._all):
            self._discard(worker)

    def check(self) -> None:
        """Raise StorageUnavailable when no worker lives."""
        if not any(worker.is_alive for worker in list(self._all)):
            raise StorageUnavailable("no image worker is running")

    @property
    def waiting(self) -> int:
        """How many jobs wait for a worker."""
        return self._waiting

    @property
    def living(self) -> int:
        """How many workers there are."""
        return len(self._all)

    def pids(self) -> list[int]:
        """Return the process ids of the workers."""
        return [worker.pid for worker in list(self._all)]

    def submit(self, request: dict[str, Any], data: bytes) -> Job:
        """Begin a job and return at once. Raises: Busy when too many wait already."""
        self._start_missing()
        job = Job(self, request, data)
        try:
            worker = self._take(timeout_s=0)
        except queue.Empty:
            if self._waiting >= self.max_waiting:
                self.watch.refused(str(request["do"]))
                raise Busy(f"{self._waiting} pictures are waiting to be looked at") from None
        else:
            job.begin(worker)
        return job

    def acquire(self) -> _Worker:
        """Wait for an idle worker. Raises: Busy when none comes free in time."""
        self._count_waiting(+1)
        try:
            return self._take(timeout_s=self.timeout_s * _WAITS_PER_TIMEOUT)
        except queue.Empty:
            raise Busy("no image worker came free in time") from None
        finally:
            self._count_waiting(-1)

    def release(self, worker: _Worker) -> None:
        """Take a worker back after its job."""
        if worker.jobs_done >= self._jobs_before_restart:
            self.replace(worker, "recycled")
        else:
            self._idle.put(worker)

    def replace(self, worker: _Worker, reason: str = "given_up") -> None:
        """End a worker and start another in its place."""
        self.watch.replaced(reason)
        try:
            self._spawn()  # first, so that health checks never find a pool without workers
        except OSError as exc:
            self.report(f"an image worker cannot be started: {exc.strerror}; it is tried again")
        finally:
            self._discard(worker)

    def _take(self, *, timeout_s: float) -> _Worker:
        """Return an idle worker. Raises: queue.Empty; Busy when there will be no more."""
        worker = self._idle.get(block=timeout_s > 0, timeout=timeout_s)
        if worker is None:
            self._idle.put(None)
            raise Busy("the service is stopping")
        return worker

    def _count_waiting(self, more: int) -> None:
        with self._lock:
            self._waiting += more

    def _spawn(self, at_most: int | None = None) -> None:
        with self._lock:  # a pool that has stopped has no workers, and gets none
            if self._stopped or (at_most is not None and len(self._all) >= at_most):
                return
            worker = _Worker(self._limits, self.timeout_s)
            self._all.add(worker)
        self._idle.put(worker)

    def _start_missing(self) -> None:
        """Start the workers that could not be started when others died, or were not needed."""
        with contextlib.suppress(OSError):
            while len(self._all) < self.size and not self._stopped:
                self._spawn(at_most=self.size)

    def _discard(self, worker: _Worker) -> None:
        self._all.discard(worker)
        worker.end()


class Job:
    """One request to a worker. Either result() or cancel() must be called, once."""

    def __init__(self, pool: WorkerPool, request: dict[str, Any], data: bytes) -> None:
        self._pool = pool
        self._request = request
        self._data = data
        self._worker: _Worker | None = None
        self._begun_s = 0.0

    def begin(self, worker: _Worker) -> None:
        """Send the job to worker, so that it is at work while the caller does something else."""
        self._begun_s = time.perf_counter()
        try:
            worker.send(self._request, self._data)
        except (EOFError, OSError, ValueError):
            self._pool.replace(worker, "died_idle")  # result() finds another
        except BaseException:
            self._pool.replace(worker)
            raise
        else:
            self._worker = worker

    def result(self) -> tuple[dict[str, Any], bytes]:
        """Wait for the answer.

        Raises: the worker's own error; CorruptImage when the job crashed two workers in a row or
            took too much processor time; Busy when no worker came free or lived to answer.
        """
        try:
            return self._attempt()
        except _TryAgain:  # the worker may have died of something else
            pass
        try:
            return self._attempt()
        except _TryAgain as exc:
            raise exc.failure from None

    def _attempt(self) -> tuple[dict[str, Any], bytes]:
        begun, self._worker = self._worker, None
        worker = begun or self._acquired()
        try:
            if not begun:
                self._begun_s = time.perf_counter()
                worker.send(self._request, self._data)
            reply, payload = worker.receive()
        except BlockingIOError:
            # A picture's own cost is limited in processor time: this is a machine in trouble.
            self._give_up(worker, "took longer than its time limit", "timed_out")
            raise Busy(f"an image worker took over {self._pool.timeout_s:g} s") from None
        except (EOFError, OSError):
            failure = self._cause_of_death(worker)
            is_out_of_time = isinstance(failure, _OutOfTime)
            self._give_up(worker, "died", "out_of_time" if is_out_of_time else "died")
            if is_out_of_time:
                raise failure from None
            raise _TryAgain(failure) from None
        except ValueError:
            self._give_up(worker, "answered nonsense", "nonsense")
            raise _TryAgain(CorruptImage("the decoder answered nonsense")) from None
        except BaseException:
            self._give_up(worker, "was given up", "given_up")
            raise
        if reply.get("out_of_memory") and worker.jobs_done > 1 and not worker.room.was_full:
            # What earlier pictures left of the memory in pieces says nothing against this one.
            self._pool.replace(worker, "out_of_memory")
            self._tell("out_of_memory")
            raise _TryAgain(_error(reply))
        self._pool.release(worker)
        self._tell("refused" if "error" in reply else "ok")
        if "error" in reply:
            raise _error(reply)
        return reply, payload

    def cancel(self) -> None:
        """Give the job up, if a worker has it, with the worker."""
        worker, self._worker = self._worker, None
        self._give_up(worker, "was given up", "given_up")

    def _cause_of_death(self, worker: _Worker) -> ImageServiceError:
        ended_by = worker.wait_for_end()
        if ended_by == OUT_OF_TIME:
            return _OutOfTime(f"decoding it takes more than {self._pool.cpu_s:g} s of a processor")
        if ended_by == signal.SIGKILL:
            return Busy("image workers were ended from outside, as for want of memory")
        return CorruptImage("decoding it crashed the decoder or took more memory than allowed")

    def _acquired(self) -> _Worker:
        try:
            return self._pool.acquire()
        except Busy:
            self._pool.watch.refused(str(self._request["do"]))
            raise

    def _tell(self, outcome: str) -> None:
        self._pool.watch.ended(str(self._request["do"]), outcome, self._begun_s)

    def _give_up(self, worker: _Worker | None, what: str, outcome: str) -> None:
        if worker:
            self._tell(outcome)
            self._pool.replace(worker, outcome)
            self._pool.report(f"image worker {worker.pid} {what} at work and was replaced")


def _error(reply: dict[str, Any]) -> ImageServiceError:
    kind: type[ImageServiceError] = getattr(errors, reply["error"])
    return kind(*reply["args"])

"""Client processes: each has a `ClusterRpcProxy` of its own and calls without pause.

Processes, not threads: packing and unpacking 2 MB holds the interpreter lock, so that eight
threads would measure the client. All of them take from one counter, so that none idles while
others still have calls to make.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from typing import Any

from benchmarks.workloads import CallError, Workload, connected, prepared

UNBOUNDED = 1 << 40

Span = tuple[float, float, float]
"""When a call was due, began and ended: seconds on the machine's monotonic clock."""


@dataclass(frozen=True)
class Run:
    """What the callers report. client_cpu_s: of all caller processes while they called."""

    spans: list[Span]
    client_cpu_s: float

    @property
    def wall_s(self) -> float:
        """From the first call's start to the last one's end."""
        return max(end for *_, end in self.spans) - min(start for _, start, _ in self.spans)

    @property
    def latencies_ms(self) -> list[float]:
        """How long each call took."""
        return [1000 * (end - start) for _, start, end in self.spans]

    @property
    def lateness_ms(self) -> list[float]:
        """From when each call was due to its end: slow calls also count for those behind them."""
        return [1000 * (end - due) for due, _, end in self.spans]


class Callers:
    """A pool of client processes, started once and used for every measurement."""

    def __init__(self, uri: str, count: int) -> None:
        """Start them. Call `close` in the end."""
        context = multiprocessing.get_context("spawn")
        self._taken: Synchronized[int] = context.Value(ctypes.c_longlong, 0)
        self._limit: Synchronized[int] = context.Value(ctypes.c_longlong, 0)
        self._pipes: list[Connection] = []
        for _ in range(count):
            ours, theirs = context.Pipe()
            counter = (self._taken, self._limit)
            context.Process(target=_serve, args=(theirs, counter, uri), daemon=True).start()
            theirs.close()
            self._pipes.append(ours)
        self._busy: list[Connection] = []

    def prepare(self, workload: Workload, callers: int) -> None:
        """Have so many callers load their pictures and make one call each, for warming up."""
        self._busy = self._pipes[:callers]
        for pipe in self._busy:
            pipe.send(workload)
        for pipe in self._busy:
            _answer(pipe)

    def begin(self, calls: int = UNBOUNDED) -> None:
        """Let the prepared callers make so many calls together."""
        self._taken.value, self._limit.value = 0, calls
        for pipe in self._busy:
            pipe.send("go")

    def end(self) -> Run:
        """Wait for the callers and return what they measured. Raises: CallError."""
        answers = [_answer(pipe) for pipe in self._busy]
        spans = [span for spans, _ in answers for span in spans]
        return Run(spans, sum(cpu_s for _, cpu_s in answers))

    def stop(self) -> Run:
        """Have them make no further call, and `end`."""
        self._limit.value = 0
        return self.end()

    def close(self) -> None:
        """End the processes: they leave when nobody holds the other end of their pipe."""
        for pipe in self._pipes:
            pipe.close()


def _answer(pipe: Connection) -> Any:
    try:
        answer = pipe.recv()
    except (EOFError, ConnectionError):
        raise CallError("a caller process ended: see what it printed above") from None
    if isinstance(answer, str):
        raise CallError(answer)
    return answer


def _serve(
    pipe: Connection, counter: tuple[Synchronized[int], Synchronized[int]], uri: str
) -> None:
    """Be one caller, until the pipe closes."""
    with connected(uri) as rpc:
        while True:
            try:
                workload: Workload = pipe.recv()
            except EOFError:
                return
            try:
                work = prepared(workload, rpc)
                work(0)
                pipe.send(None)
                pipe.recv()
                pipe.send(_drive(work, counter, workload.interval_s))
            except Exception as exc:
                pipe.send(f"{workload.kind}: {type(exc).__name__}: {exc}")


def _drive(
    work: Callable[[int], None],
    counter: tuple[Synchronized[int], Synchronized[int]],
    interval_s: float,
) -> tuple[list[Span], float]:
    spans = []
    cpu_s, first = time.process_time(), time.monotonic()
    for number in _numbers(*counter):
        due = first + number * interval_s if interval_s else time.monotonic()
        time.sleep(max(0.0, due - time.monotonic()))
        start = time.monotonic()
        work(number)
        spans.append((due, start, time.monotonic()))
    return spans, time.process_time() - cpu_s


def _numbers(taken: Synchronized[int], limit: Synchronized[int]) -> Iterator[int]:
    while True:
        with taken.get_lock():
            number = taken.value
            if number >= limit.value:
                return
            taken.value = number + 1
        yield number

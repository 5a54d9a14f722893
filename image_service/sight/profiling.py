"""A processor profile of a running service, begun and ended by SIGUSR2, written to a file.

Profilers that follow every call (cProfile) mix up green threads, whose calls end in another order
than they began. This one looks a hundred times a second of processor time at what is being done.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType

import eventlet

from ..native import os as native_os
from ..native import threading, time

SIGNAL = signal.SIGUSR2
MOST_S = 600
"""A profile that nobody ends is ended after so long."""

_INTERVAL_S = 0.01
_MOST_FRAMES = 200
_MOST_STACKS = 20_000
_SHOWN = 40
_HUB, _NATIVE = "green threads", "native threads"
# Where a native thread has nothing to do.
_IDLE = frozenset(("tworker", "wait", "get", "watch", "_wait_for_tstate_lock"))

Stack = tuple[str, ...]
"""Functions from the outermost to the innermost, after _HUB or _NATIVE."""


class Profiler:
    """Samples what this process spends its processor time on."""

    def __init__(self, folder: Path, tell: Callable[[str], object]) -> None:
        """Args: folder: where profiles go, made when missing; tell: is told what happens."""
        self._folder = folder
        self._tell = tell
        self._stacks: Counter[Stack] = Counter()
        self._begun_s = 0.0
        self._is_on = False
        self._numbers = itertools.count(1)

    def toggle(self) -> None:
        """Begin, or end and write. In the main thread. Raises: OSError."""
        if self._is_on:
            self.end()
            return
        self._stacks.clear()
        self._begun_s = time.monotonic()
        self._is_on = True
        signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)
        self._tell(f"a profile has begun; {SIGNAL.name} ends it")

    def end(self) -> Path:
        """End, and return the file that was written. Raises: OSError."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        self._is_on = False
        seconds = time.monotonic() - self._begun_s
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{os.getpid()}-{int(time.time())}-{next(self._numbers)}.txt"
        folded = path.with_suffix(".folded")
        folded.write_text("".join(_folded(self._stacks)), encoding="utf-8")
        # Last, and in one step: whoever waits for it finds all of it.
        part = path.with_suffix(".part")
        part.write_text(summary(self._stacks, seconds, folded.name), encoding="utf-8")
        part.rename(path)
        self._tell(f"a profile of {seconds:.1f} s is in {path}")
        return path

    def end_if_overdue(self) -> None:
        """End one that has run for MOST_S. Raises: OSError."""
        if self._is_on and time.monotonic() - self._begun_s >= MOST_S:
            self.end()

    def _sample(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if not self._is_on or len(self._stacks) >= _MOST_STACKS:
            return
        this_thread = threading.get_ident()
        self._stacks[_stack_of(_HUB, frame)] += 1
        for thread, top in sys._current_frames().items():
            if thread != this_thread and top.f_code.co_name not in _IDLE:
                self._stacks[_stack_of(_NATIVE, top)] += 1


def install(profiler: Profiler, tell_wrong: Callable[[str], object]) -> None:
    """Have SIGNAL toggle the profiler. Args: tell_wrong: is told of what could not be written.

    A pipe wakes the hub: a handler must neither log nor switch.
    """
    read_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    pipe = eventlet.greenio.GreenPipe(read_fd, "rb", 0)
    write = native_os.write

    def handler(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        write(write_fd, b"!")

    def attempt(work: Callable[[], object]) -> None:
        try:
            work()
        except OSError as exc:
            tell_wrong(f"the profile cannot be written: {exc.strerror}")

    def wait() -> None:
        while pipe.read(1):
            attempt(profiler.toggle)
            eventlet.spawn_after(MOST_S + 1, attempt, profiler.end_if_overdue)

    eventlet.spawn_n(wait)
    signal.signal(SIGNAL, handler)


def summary(stacks: Mapping[Stack, int], seconds: float, folded_name: str) -> str:
    """Return a profile for people: where green threads spend their time, by function."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    green = {stack[1:]: count for stack, count in stacks.items() if stack[0] == _HUB}
    native = sum(count for stack, count in stacks.items() if stack[0] == _NATIVE)
    for stack, count in green.items():
        own.update({stack[-1]: count} if stack else {})
        within.update(dict.fromkeys(stack, count))
    samples = sum(green.values())
    return "".join(
        (
            f"{samples} samples, one for each {_INTERVAL_S:g} s of processor time in "
            f"{seconds:.1f} s; native threads at work or waiting in C: {native}.\n"
            f"All stacks: {folded_name} (for speedscope.app, flamegraph.pl)\n",
            *_table("in the function itself", own, samples),
            *_table("in it and what it calls", within, samples),
        )
    )


def _table(title: str, counts: Counter[str], samples: int) -> Iterator[str]:
    yield f"\n{title}\n"
    for name, count in counts.most_common(_SHOWN):
        yield f"{count / samples:7.1%}  {name}\n"


def _folded(stacks: Mapping[Stack, int]) -> Iterator[str]:
    for stack, count in sorted(stacks.items()):
        yield f"{';'.join(stack)} {count}\n"


def _stack_of(kind: str, frame: FrameType | None) -> Stack:
    names: list[str] = []
    while frame and len(names) < _MOST_FRAMES:
        module = frame.f_globals.get("__name__", "?")
        names.append(f"{module}.{frame.f_code.co_name}")
        frame = frame.f_back
    return (kind, *reversed(names))

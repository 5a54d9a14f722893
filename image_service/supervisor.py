"""Several service processes on one port: started, replaced when they die, and renewed in turn.

Each is a program of its own, so that a SIGHUP also brings new code, and all accept from one
listening socket, which outlives them: no connection is lost with the process that would have been
given it.
"""

from __future__ import annotations

import itertools
import logging
import os
import signal
import socket
import string
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import eventlet
from eventlet.semaphore import Semaphore

from . import native, serve
from .broker_check import StartError, check_broker
from .children import Child
from .config import ConfigError
from .places import Place, is_spare
from .settings import Settings
from .sight import logs
from .sight.shared import forget_gauges
from .storage.run_folder import RunFolder

_log = logging.getLogger(__name__)

RUN_FOLDER = "run"
"""Where in state_dir the processes of a supervisor keep their numbers."""

# A new version may have to change a large catalogue first, and would begin anew each time.
_START_TIMEOUT_S = 3600.0
_START_TOLD_EVERY_S = 60.0
_KILL_AFTER_S = 5.0  # beyond the time after which a process ends itself
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 30.0
_STABLE_S = 60.0
_MOST_FAILURES = 5
_STOP, _RENEW = b"s", b"r"


@dataclass(frozen=True)
class Plan:
    """What is to be run: a configuration that was read without a problem."""

    config_path: Path
    text: bytes
    settings: Settings
    of: int
    listening: socket.socket

    @property
    def address(self) -> tuple[str, int]:
        """Where it is listened."""
        return self.settings.host, self.settings.port


class _Slot:
    """The place of one process, and who has it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.child: Child | None = None
        self.changing = Semaphore(1)
        self.failures = 0
        self.since_s = 0.0

    @property
    def is_served(self) -> bool:
        return self.child is not None and self.child.is_alive

    def ended(self) -> None:
        """Note that its process has ended by itself; one that lived long starts a new count."""
        if time.monotonic() - self.since_s > _STABLE_S:
            self.failures = 0

    def pause_s(self) -> float:
        """Return how long to wait before its process is started once more."""
        self.failures += 1
        if self.failures == 1:
            return 0.0
        return float(min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (self.failures - 2)))


def supervise(config_path: Path, workers: int | None) -> None:
    """Serve with several processes until SIGTERM or SIGINT; see Supervisor.

    Args: workers: how many; None: as the setting service_processes says.
    Raises: ConfigError, StartError.
    """
    supervisor = Supervisor(config_path, workers)
    try:
        supervisor.run()
    finally:
        supervisor.close()


class Supervisor:
    """Starts the processes, and sees to it that they are there.

    SIGTERM and SIGINT end all of them, once they have finished what they have in hand; a second one
    ends them at once. SIGHUP reads the configuration again and replaces one after the other.
    """

    def __init__(self, config_path: Path, workers: int | None) -> None:
        """Raises: ConfigError, StartError."""
        self._config_path = config_path
        self._workers = workers
        self._plan = self._read()
        self._slots: dict[int, _Slot] = {}
        self._living: set[Child] = set()
        self._renewing = Semaphore(1)
        self._is_ending = False
        self._gave_up = ""
        try:
            self._folder = RunFolder(self._plan.settings.state_path / RUN_FOLDER)
        except OSError as exc:
            raise StartError(f"state_dir cannot be written: {exc.strerror}") from exc

    def run(self) -> None:
        """Return when all have ended. Raises: StartError where they cannot be kept alive."""
        wishes = _Wishes(self._end_at_once)
        self._stop = wishes.stop
        eventlet.spawn_n(self._start_all)
        for wish in wishes:
            if wish != _RENEW:
                break
            eventlet.spawn_n(self._renew)
        self._end_all()
        if self._gave_up:
            raise StartError(self._gave_up)

    def close(self) -> None:
        """End what still runs, and leave nothing behind."""
        self._is_ending = True
        for child in list(self._living):
            child.kill()
        self._plan.listening.close()
        self._folder.remove()

    def _read(self, before: Plan | None = None) -> Plan:
        """Return what config.yaml wants now. Raises: ConfigError, StartError."""
        text = serve.text_of(self._config_path)
        config, settings = serve.read(text, self._config_path)
        logs.set_up(config, settings.log_format, settings.log_level, "supervisor")
        serve.check_directories(settings)
        check_broker(config, settings)
        if before and before.address == (settings.host, settings.port):
            listening = before.listening
        else:
            listening = serve.listening(settings)
        of = self._workers or settings.service_processes
        return Plan(self._config_path, text, settings, of, listening)

    def _start_all(self) -> None:
        """Start the first, and when it serves the others; give up where one does not start."""
        with self._renewing:
            self._slots = {number: _Slot(number) for number in range(self._plan.of)}
            first, *others = self._slots.values()
            pile = eventlet.GreenPile()
            if self._start(first, self._plan):
                for slot in others:
                    pile.spawn(self._start, slot, self._plan)
            if all(list(pile)) and first.is_served:
                _log.info("image_service is served by %d processes%s", *self._told_count)
            elif not self._is_ending:
                self._give_up("a service process could not start: it has said why")

    @property
    def _told_count(self) -> tuple[int, str]:
        spare = sum(map(is_spare, range(self._plan.of)))
        cores = self._plan.of - spare
        told = f", {spare} of them spare, being more than cores ({cores})" if spare else ""
        return self._plan.of, told

    def _start(self, slot: _Slot, plan: Plan) -> bool:
        """Put a new process into a slot, once it serves; return whether it does."""
        # The last one's files may be in the middle of whatever it wrote when it died.
        others = {*self._living, *filter(None, [slot.child])}
        letter = _letter_for(slot.number, [child.place for child in others])
        fd = plan.listening.fileno()
        place = Place(slot.number, plan.of, letter, str(self._folder.path), fd)
        try:
            child = Child(place, plan.text, plan.config_path)
        except OSError as exc:  # no memory, no process ids: others may leave some
            _log.error("process %s cannot be started: %s", place.log_name, exc.strerror)
            return False
        self._living.add(child)
        eventlet.spawn_n(self._reap, child)
        is_ready = _wait_until_ready(child)
        if is_ready and not self._is_ending:
            slot.child, slot.since_s = child, time.monotonic()
            eventlet.spawn_n(self._watch, slot, child)
        elif not self._is_ending:
            child.kill()
        return slot.child is child

    def _reap(self, child: Child) -> None:
        """Take away what is not true of a process any more when it has ended."""
        child.wait_until_ended()
        self._living.discard(child)
        forget_gauges(self._folder.path, child.place.name)

    def _watch(self, slot: _Slot, child: Child) -> None:
        """Start a process again when it ends though nobody wanted it to."""
        code = child.wait_until_ended()
        if slot.child is not child or self._is_ending:
            return
        name = child.place.log_name
        _log.error("process %s (%d) ended by itself: %s", name, child.pid, _told(code))
        slot.ended()
        while self._is_wanted(slot):
            pause_s = slot.pause_s()
            if pause_s:
                _log.info("process %s is started again in %g s", name, pause_s)
                eventlet.sleep(pause_s)
            with slot.changing:
                if not self._is_wanted(slot) or self._start(slot, self._plan):
                    return
            self._give_up_if_vain(slot)

    def _is_wanted(self, slot: _Slot) -> bool:
        is_ours = self._slots.get(slot.number) is slot
        return is_ours and not slot.is_served and not self._is_ending

    def _give_up_if_vain(self, slot: _Slot) -> None:
        is_vain = slot.failures >= _MOST_FAILURES
        if is_vain and not any(each.is_served for each in self._slots.values()):
            self._give_up(
                f"no service process lives, and {slot.failures} attempts to start one have failed: "
                "they have said why"
            )

    def _give_up(self, why: str) -> None:
        self._gave_up = why
        self._stop()

    def _renew(self) -> None:
        """Replace every process by one with the configuration as it is now, if it is good."""
        with self._renewing:
            if self._is_ending:
                return
            old = self._plan
            try:
                plan = self._read(old)
            except (ConfigError, StartError) as exc:
                for problem in exc.args:
                    _log.error("the new configuration is not used: %s", problem)
                return
            if self._renew_with(plan):
                _log.info("image_service is served by %d new processes%s", *self._told_count)
            for each in {plan.listening, old.listening} - {self._plan.listening}:
                each.close()

    def _renew_with(self, plan: Plan) -> bool:
        """Return whether all processes are new ones; the plan stands from the first on."""
        _log.info("replacing the service processes, one after the other")
        for number in range(max(plan.of, len(self._slots))):
            if self._is_ending:
                return False
            slot = self._slots.setdefault(number, _Slot(number))
            with slot.changing:
                old = slot.child
                if number >= plan.of:
                    del self._slots[number]
                elif not self._start(slot, plan):
                    if slot.child is None:
                        del self._slots[number]
                    _log.error("the old processes go on: a new one did not start, as it has said")
                    return False
                self._plan = plan
            if old and old.is_alive:
                old.end(within_s=_within_s(plan))
        return True

    def _end_all(self) -> None:
        """Have all of them finish what they have in hand, and return when they are gone."""
        self._is_ending = True
        _log.info("stopping: the service processes finish what they are working on")
        pile = eventlet.GreenPile()
        for child in list(self._living):
            pile.spawn(child.end, within_s=_within_s(self._plan))
        list(pile)

    def _end_at_once(self) -> None:
        """In a signal handler: nothing that would switch green threads."""
        for child in list(self._living):
            native.os.kill(child.pid, signal.SIGKILL)
        native.os.write(2, b"stopped at once: unfinished calls will be delivered again\n")
        native.os._exit(130)


class _Wishes:
    """What signals ask for, in their order. A pipe wakes the hub: see serve._on_signals."""

    def __init__(self, end_at_once: Callable[[], None]) -> None:
        """Args: end_at_once: called in the handler of the second signal that ends."""
        read_fd, self._fd = os.pipe()
        os.set_blocking(self._fd, False)
        self._pipe = eventlet.greenio.GreenPipe(read_fd, "rb", 0)
        ends = itertools.count()

        def end(signum: int, frame: object) -> None:  # noqa: ARG001
            if next(ends):
                end_at_once()
            self.stop()

        def renew(signum: int, frame: object) -> None:  # noqa: ARG001
            native.os.write(self._fd, _RENEW)

        signal.signal(signal.SIGTERM, end)
        signal.signal(signal.SIGINT, end)
        signal.signal(signal.SIGHUP, renew)

    def stop(self) -> None:
        """Ask for the end."""
        native.os.write(self._fd, _STOP)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield self._pipe.read(1)


def _wait_until_ready(child: Child) -> bool:
    """Return whether a process serves; it is told when that takes long."""
    deadline_s = time.monotonic() + _START_TIMEOUT_S
    while not (is_ready := child.wait_until_ready(_START_TOLD_EVERY_S)) and child.is_alive:
        if time.monotonic() >= deadline_s:
            break
        name = child.place.log_name
        _log.warning("process %s (%d) is still starting", name, child.pid)
    return is_ready


def _letter_for(number: int, living: Collection[Place]) -> str:
    """Return what tells a new process from those of its number that have not ended yet."""
    taken = {place.letter for place in living if place.number == number}
    return next(letter for letter in string.ascii_lowercase if letter not in taken)


def _told(code: int) -> str:
    return f"exit code {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def _within_s(plan: Plan) -> float:
    return serve.drained_within_s(plan.settings) + _KILL_AFTER_S

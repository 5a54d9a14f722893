"""What is done to hosts, and when: chosen by a seed, written down as it happens."""

from __future__ import annotations

import enum
import itertools
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.e2e.hosts_rig import Host

SLOWED_SHARE = 0.01


class Kind(enum.Enum):
    """What may happen to a host. The value is what reports say."""

    KILLED = "killed"
    """All its processes, at once; its kernel goes on and ends their connections."""
    POWERLESS = "without power"
    """All of it: nobody hears of it until it is on again."""
    CUT_OFF = "cut off"
    """From everything: what is sent, either way, is lost without a word."""
    SLOWED = "slowed to 1 %"
    """Processor and network."""


@dataclass(frozen=True)
class Fault:
    """One that has happened; times are of the machine's monotonic clock.

    ended_s: when it was over; ready_s: when the host was ready for work again.
    """

    kind: Kind
    host: str
    began_s: float
    ended_s: float
    ready_s: float


def strike(kind: Kind, host: Host, seconds: float) -> Fault:
    """Do it for so long, and undo it; return when the host is ready. Raises: CrashError."""
    begin, end = _WAYS[kind]
    began_s = time.monotonic()
    begin(host)
    time.sleep(seconds)
    end(host)
    ended_s = time.monotonic()
    host.wait_until_ready()
    return Fault(kind, host.name, began_s, ended_s, time.monotonic())


def chosen(seed: int, kinds: Sequence[Kind], places: int) -> Iterator[tuple[Kind, int, float]]:
    """Yield kind, place of the host and a number from 0 to 1, for ever.

    All kinds happen to all hosts before any happens again.
    """
    chance = random.Random(seed)
    while True:
        cards = list(itertools.product(kinds, range(places)))
        chance.shuffle(cards)
        for kind, place in cards:
            yield kind, place, chance.random()


def _power_on(host: Host) -> None:
    host.machine.power_on()
    host.start()


_WAYS: dict[Kind, tuple[Callable[[Host], None], Callable[[Host], None]]] = {
    Kind.KILLED: (lambda host: host.machine.end_all(), lambda host: host.start()),
    Kind.POWERLESS: (lambda host: host.machine.cut_power(), _power_on),
    Kind.CUT_OFF: (
        lambda host: host.machine.pull_cable(),
        lambda host: host.machine.plug_cable(),
    ),
    Kind.SLOWED: (
        lambda host: host.machine.slow_down(SLOWED_SHARE),
        lambda host: host.machine.speed_up(),
    ),
}

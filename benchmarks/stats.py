"""What a measured block is, and what many of them say together."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

_TAIL = 0.025


def quantile(numbers: Sequence[float], share: float) -> float:
    """Return the smallest of the numbers that at least `share` (0..1] of them do not exceed."""
    return sorted(numbers)[max(0, math.ceil(share * len(numbers)) - 1)]


@dataclass(frozen=True)
class Spread:
    """The median of what the rounds gave, with the lowest and the highest round.

    likely: where the median of ever more rounds would be, 19 times in 20; None for too few rounds.
    """

    median: float
    low: float
    high: float
    likely: tuple[float, float] | None = None

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """Sum up one number per round."""
        likely = median_interval(numbers)
        return cls(statistics.median(numbers), min(numbers), max(numbers), likely)

    @classmethod
    def exactly(cls, number: float) -> Spread:
        """Return what was found out once."""
        return cls(number, number, number)

    def __str__(self) -> str:
        return f"{rounded(self.median)} ({rounded(self.low)}–{rounded(self.high)})"


def median_interval(numbers: Sequence[float]) -> tuple[float, float] | None:
    """Return the 95 % confidence interval of the median, whatever the numbers' distribution.

    Of n numbers as many are below the true median as a coin falls on one side in n throws.
    """
    count, ranked = len(numbers), sorted(numbers)
    below, left_out = 0.0, 0
    while (below := below + math.comb(count, left_out) / 2**count) <= _TAIL:
        left_out += 1
    return (ranked[left_out - 1], ranked[-left_out]) if left_out else None


def rounded(number: float) -> str:
    """Return the number with three digits, as more would pretend."""
    if number >= 1000:
        return f"{number:,.0f}"
    return f"{number:.3g}"


@dataclass(frozen=True)
class Block:
    """Some calls of one contender, one right after the other.

    wall_s: from the first call's start to the last one's end; cpu_ms: milliseconds of CPU per
    call, by part (client, service with its children, broker).
    """

    calls: int
    wall_s: float
    p50_ms: float
    p99_ms: float
    cpu_ms: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.wall_s

    @property
    def wall_ms(self) -> float:
        """Milliseconds of wall time per call; with eight callers, not a call's latency."""
        return 1000 * self.wall_s / self.calls


def cpu(blocks: Sequence[Block], part: str | None = None) -> float | None:
    """Return the median CPU ms per call of a part, or of all parts together; None if unknown."""
    if part is None:
        return statistics.median(sum(block.cpu_ms.values()) for block in blocks)
    found = [block.cpu_ms[part] for block in blocks if part in block.cpu_ms]
    return statistics.median(found) if found else None


def ratios(over: Sequence[Block], *under: Sequence[Block], of: str = "wall_ms") -> Spread:
    """Return over ÷ the sum of under, round by round: noise of a round hits both sides of it."""
    rounds = zip(over, *under, strict=True)
    return Spread.of(
        [getattr(top, of) / sum(getattr(block, of) for block in rest) for top, *rest in rounds]
    )


def rounds(count: int, limit_s: float) -> Iterator[int]:
    """Yield 0, 1, … count - 1, ending early when one more round would pass the time limit."""
    started = time.monotonic()
    for number in range(count):
        yield number
        spent = time.monotonic() - started
        if number + 1 < count and spent * (number + 2) / (number + 1) > limit_s:
            print(
                f"Stopping after {number + 1} of {count} rounds: the time limit is {limit_s:.0f} s"
            )
            return

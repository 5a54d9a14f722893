"""Mutants of whole pictures, for hypothesis: bits flipped, parts moved, lengths changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from image_service.domain.formats import Format, sniff

from .damage import SEEDS, seed

_SIZE = (32, 24)
_MAX_PART_BYTES = 400
_MAX_REPEATS = 20
_MAX_BYTES = 64 * 1024
_ODD = (0, 1, 2, 127, 128, 255, 256, 32_767, 65_535, 65_536, 2**24, 2**31 - 1, 2**31, 2**32 - 1)

Mutation = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Mutant:
    """A picture that was tampered with. format: what its first bytes, or its seed's, say it is."""

    format: Format
    data: bytes


def _place(data: bytes, at: int) -> int:
    return at % max(1, len(data))


def flip(at: int, bits: int) -> Mutation:
    """Turn over bits of a byte."""

    def mutate(data: bytes) -> bytes:
        place = _place(data, at)
        return (
            data[:place]
            + bytes(byte ^ bits for byte in data[place : place + 1])
            + data[place + 1 :]
        )

    return mutate


def overwrite(at: int, new: bytes) -> Mutation:
    """Write new over what is there."""
    return lambda data: data[: _place(data, at)] + new + data[_place(data, at) + len(new) :]


def insert(at: int, new: bytes) -> Mutation:
    """Put new between what is there."""
    return lambda data: data[: _place(data, at)] + new + data[_place(data, at) :]


def cut(at: int) -> Mutation:
    """Leave away what comes behind a place."""
    return lambda data: data[: _place(data, at)]


def remove(at: int, count: int) -> Mutation:
    """Take a part out."""
    return lambda data: data[: _place(data, at)] + data[_place(data, at) + count :]


def repeat(at: int, count: int, times: int) -> Mutation:
    """Write a part several times."""

    def mutate(data: bytes) -> bytes:
        place = _place(data, at)
        part = data[place : place + count]
        return data[:place] + part * times + data[place + count :]

    return mutate


def splice(name: str, start: int, count: int, at: int) -> Mutation:
    """Write a part of another picture over what is there."""

    def mutate(data: bytes) -> bytes:
        other = seed(name, _SIZE)
        part = other[_place(other, start) :][:count]
        return overwrite(at, part)(data)

    return mutate


def _lengths() -> st.SearchStrategy[bytes]:
    orders = st.sampled_from(("big", "little"))
    return st.builds(
        lambda value, size, order: (value % 256**size).to_bytes(size, order),
        st.sampled_from(_ODD),
        st.sampled_from((1, 2, 4)),
        orders,
    )


def mutations() -> st.SearchStrategy[Mutation]:
    """Return a strategy for one thing done to a picture."""
    # Half of them hit the first bytes, where headers are.
    places = st.one_of(st.integers(0, 128), st.integers(0, _MAX_BYTES))
    parts = st.integers(1, _MAX_PART_BYTES)
    return st.one_of(
        st.builds(flip, places, st.integers(1, 255)),
        st.builds(overwrite, places, _lengths()),
        st.builds(overwrite, places, st.binary(min_size=1, max_size=16)),
        st.builds(insert, places, st.binary(min_size=1, max_size=64)),
        st.builds(cut, places),
        st.builds(remove, places, parts),
        st.builds(repeat, places, parts, st.integers(0, _MAX_REPEATS)),
        st.builds(splice, st.sampled_from(sorted(SEEDS)), places, parts, places),
    )


@st.composite
def mutated_pictures(draw: st.DrawFn) -> Mutant:
    """Return a strategy for pictures of every format with one to eight things done to them."""
    data = seed(draw(st.sampled_from(sorted(SEEDS))), _SIZE)
    format_ = sniff(data)
    for mutate in draw(st.lists(mutations(), min_size=1, max_size=8)):
        data = mutate(data)[:_MAX_BYTES]
    seen = sniff(data) or format_
    assert seen is not None
    return Mutant(seen, data)

"""What is kept beside an original's bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.label import MAX_LABEL_BYTES, Label

FULL = Label("Ünï.png", ("a", "ß"), {"k": "v", "e": ""}, "ada")


def test_it_comes_back_as_it_was() -> None:
    assert Label.from_bytes(FULL.to_bytes()) == FULL
    assert Label.from_bytes(Label().to_bytes()) == Label()
    assert Label.from_bytes(b"") == Label()


def test_what_does_not_fit_is_left_out_attributes_first() -> None:
    large = {"k": "v" * 2040}
    assert Label.from_bytes(Label("a.png", ("t",), large, "ada").to_bytes()) == Label(
        "a.png", ("t",), {}, "ada"
    )
    tags = tuple(f"{n} {'x' * 100}" for n in range(60))
    assert Label.from_bytes(Label("a.png", tags, large, "ada").to_bytes()) == Label(
        "a.png", (), {}, "ada"
    )
    assert len(Label("ß" * 255, tags, large, "ö" * 255).to_bytes()) <= MAX_LABEL_BYTES


@pytest.mark.parametrize(
    "packed",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"5",
        b'{"f":1}',
        b'{"f":"a\\u0000"}',
        b'{"t":"x"}',
        b'{"a":[1]}',
    ],
)
def test_one_that_cannot_be_read_is_empty(packed: bytes) -> None:
    assert Label.from_bytes(packed) == Label()


@given(st.binary(max_size=200))
def test_no_label_does_harm(packed: bytes) -> None:
    Label.from_bytes(packed)

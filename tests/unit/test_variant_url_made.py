"""Paths of variants: how they are made, and options spelled."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from image_service.domain.image import ImageRef
from image_service.domain.signing import Signer, SigningKey
from image_service.domain.transform import Transform
from image_service.domain.transform_options import Asked, parse_options
from image_service.domain.variant_url import (
    MAX_PATH_CHARACTERS,
    make_path,
    read_path,
    spell_options,
)
from image_service.errors import InvalidArgument, InvalidImageId

ID = "img_1700000000000_abcdefghij0123456789"
ENCODED = base64.urlsafe_b64encode(ID.encode()).decode().rstrip("=")
SIGNER = Signer([SigningKey(b"secret", b"hello")], allow_unsigned=False)
OPEN = Signer([], allow_unsigned=True)


def test_a_path_is_made_and_signed() -> None:
    path = make_path(ID, "rs:fill:300:400/q:80", SIGNER)
    rest = f"/rs:fill:300:400/q:80/plain/{ID}"
    assert path == f"/{SIGNER.sign(rest)}{rest}"
    assert make_path(ID, "", OPEN) == f"/insecure/plain/{ID}"
    assert make_path(ID, "/w:5//h:6/", OPEN, expires_s=0) == f"/insecure/w:5/h:6/exp:0/plain/{ID}"
    # The original's extension is not the variant's.
    assert make_path(f"{ID}.jpg", "", OPEN) == f"/insecure/plain/{ID}"


@pytest.mark.parametrize(
    ("options", "spelled"),
    [
        ("fn:a b.jpg", "fn:a%20b.jpg"),
        ("fn:a%20b.jpg", "fn:a%20b.jpg"),
        ("fn:50%25.jpg", "fn:50%25.jpg"),
        ("fn:a%2541", "fn:a%2541"),
        ("fn:a%2Fb@c", "fn:a%2Fb%40c"),
        ('cb:é?#[]\\"<>', "cb:%C3%A9%3F%23%5B%5D%5C%22%3C%3E"),
        ("w%3A5", "w:5"),
        ("cb:!$&'()*+,;=-._~", "cb:!$&'()*+,;=-._~"),
    ],
)
def test_options_are_spelled_so_that_a_url_can_hold_them(options: str, spelled: str) -> None:
    path = make_path(ID, options, SIGNER)
    assert path.split("/")[2] == spelled
    assert read_path(path[1:], SIGNER).asked == read_path(f"_/{spelled}/plain/{ID}", OPEN).asked


@pytest.mark.parametrize(
    "options",
    ["plain", f"plain/{ID}", "w:5/x", ENCODED, "a", "cb:%FF", "cb:\ud800", "cb:\n", "%2F"],
)
def test_what_would_be_read_as_a_source_is_no_option(options: str) -> None:
    with pytest.raises(InvalidArgument):
        make_path(ID, options, SIGNER)


@pytest.mark.parametrize("image_id", ["", "x", f"local:///{ID}", f"{ID}@png", f"../{ID}", None])
def test_a_path_is_made_of_image_ids_only(image_id: Any) -> None:
    with pytest.raises(InvalidImageId):
        make_path(image_id, "w:5", SIGNER)


def test_a_path_that_would_be_too_long_to_read_is_not_made() -> None:
    most = MAX_PATH_CHARACTERS - len(f"insecure/cb:/plain/{ID}")
    path = make_path(ID, "cb:" + "x" * most, OPEN)
    assert read_path(path[1:], OPEN).source.id == ID
    with pytest.raises(InvalidArgument, match="longer than 4096"):
        make_path(ID, "cb:" + "x" * (most + 1), OPEN)
    with pytest.raises(InvalidArgument, match="longer than 4096"):
        make_path(ID, "cb:" + "é" * 700, OPEN)


CLEAN = st.text(
    st.characters(exclude_categories=["Cc", "Cs"], exclude_characters=":/"), max_size=20
)


@given(st.integers(0, 16384), CLEAN, CLEAN, st.none() | st.integers(0, 2**53))
def test_what_is_made_is_read_back(
    width: int, filename: str, buster: str, expires_s: int | None
) -> None:
    wanted = {"size": [width, None, True], "filename": filename, "cb": buster}
    path = make_path(ID, spell_options(wanted), SIGNER, expires_s=expires_s)
    assert path.isascii()
    request = read_path(path[1:], SIGNER)
    assert request.source == ImageRef(ID, None)
    assert request.asked == Asked(
        Transform(width=width, enlarge=True), filename=filename, expires_s=expires_s
    )


@pytest.mark.parametrize(
    ("transform", "options"),
    [
        (None, ""),
        ("", ""),
        ("rs:fill:300:400/q:80", "rs:fill:300:400/q:80"),
        ({}, ""),
        ({"resize": ["fill", 300, 400], "quality": 80}, "resize:fill:300:400/quality:80"),
        ({"rs": ("fit", None, 5, True), "el": False, "dpr": 1.5}, "rs:fit::5:1/el:0/dpr:1.5"),
        ({"g": "fp:0.5:1"}, "g:fp:0.5:1"),
        ({"fq": [["jpg", 70], ["avif", 50]], "bg": None}, "fq:jpg:70:avif:50/bg:"),
        ({"fn": "100%41.jpg"}, "fn:100%2541.jpg"),
        ({"dpr": 4 / 3, "bl": 0.1 + 0.2}, "dpr:1.3333333333333333/bl:0.30000000000000004"),
    ],
)
def test_options_are_spelled_out(transform: Any, options: str) -> None:
    assert spell_options(transform) == options
    parse_options([part for part in options.split("/") if part])


@pytest.mark.parametrize(
    "transform",
    [5, True, b"w:5", ["w:5"], {1: 2}, {None: 1}, {"w": {}}, {"w": b"5"}, {"cb": "a/plain/b"},
     {"cb": ["a", ["b/c"]]}, {"w": object()}, {"w": {5}}, {"plain/x": 1}, {"w:5": 6}, {"w%3A": 1}],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_spelled_is_refused(transform: Any) -> None:
    with pytest.raises(InvalidArgument) as raised:
        spell_options(transform)
    assert raised.value.argument == "transform"

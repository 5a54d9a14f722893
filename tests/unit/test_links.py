"""Addresses of variants, and when they end."""

from __future__ import annotations

import pytest

from image_service.domain.signing import Signer
from image_service.errors import InvalidArgument
from image_service.rpc.downloads import Links

ID = "img_1700000000000_0123456789abcdef"
NOW_S = 1_800_000_000
LINKS = Links(Signer([], allow_unsigned=True), {"soon": f"w:5/exp:{NOW_S + 9}"}, lambda: NOW_S)


@pytest.mark.parametrize(
    ("options", "expires_in_s", "expected"),
    [
        ("w:5", None, None),
        ("w:5", 60, NOW_S + 60),
        (f"w:5/exp:{NOW_S + 7}", None, NOW_S + 7),
        ("pr:soon", None, NOW_S + 9),
        (f"w:5/exp:{NOW_S + 7}", 60, NOW_S + 60),
        ("w:5/exp:0", None, None),
        (f"w:5/exp:{2**53}", None, None),  # so late that no date tells it
        (None, 60, NOW_S + 60),
    ],
)
def test_the_end_is_told_wherever_it_was_asked_for(
    options: str | None, expires_in_s: int | None, expected: int | None
) -> None:
    path, expires_s = LINKS.variant(ID, options, expires_in_s)
    assert expires_s == expected
    if expires_in_s:
        assert f"exp:{expected}" in path


def test_an_address_that_answers_an_error_is_refused() -> None:
    with pytest.raises(InvalidArgument, match="width"):
        LINKS.variant(ID, "w:nonsense", None)

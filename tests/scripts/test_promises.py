"""Every promise has suites that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.promises import SUITES, marks_of

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_a_promise_has_suites(number: int) -> None:
    assert SUITES[number]
    for path in SUITES[number]:
        assert (TESTS / path).is_file(), path
        assert f"promise{number}" in marks_of(path)


def test_a_module_of_two_promises_has_both_marks(request: pytest.FixtureRequest) -> None:
    assert marks_of("e2e/test_crash.py") == ["promise1", "promise2"]
    assert marks_of("scripts/test_promises.py") == []
    assert not [mark for mark in request.node.iter_markers() if "promise" in mark.name]

"""What is said of engines is said of tests that are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engines import (
    ABOUT_FILES,
    BUCKET,
    DEFAULT,
    IN_SOAK,
    RUN_ON,
    SHARED,
    VARIABLE,
    Engines,
    environment,
    in_soak,
    reason_to_skip,
    run_on,
)

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("test", sorted({*RUN_ON, *IN_SOAK, *ABOUT_FILES}))
def test_a_test_that_is_named_is_there(test: str) -> None:
    module, _, name = test.partition("::")
    assert f"def {name}" in (TESTS / module).read_text()


@pytest.mark.parametrize("engines", [DEFAULT, BUCKET, SHARED, Engines(catalogue="postgresql")])
def test_engines_are_read_as_they_are_written(engines: Engines) -> None:
    assert Engines.parse(str(engines)) == engines


@pytest.mark.parametrize("text", ["s3", "sqlite", "s3+mysql", "disk+sqlite", "s3+postgresql+x"])
def test_what_names_no_engines_is_told_with_those_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"local or s3, \+, sqlite or postgresql"):
        Engines.parse(text)


def test_what_the_environment_chooses_is_what_all_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert run_on("component/test_lanes.py::test_x") == (DEFAULT,)
    assert run_on("component/test_quotas_over_rpc.py::test_x") == (DEFAULT, SHARED)
    lasting = "e2e/test_killed_before_the_reply.py::test_x"
    assert in_soak(lasting) == (SHARED,)
    monkeypatch.setenv(VARIABLE, "s3+sqlite")
    assert in_soak(lasting) == ()
    for module in ("component/test_lanes.py", "component/test_quotas_over_rpc.py"):
        assert run_on(f"{module}::test_x") == (BUCKET,)


def test_what_is_about_files_is_skipped_where_there_are_none() -> None:
    about, why = next(iter(ABOUT_FILES.items()))
    assert reason_to_skip(about, SHARED) == why
    assert reason_to_skip(about, Engines(catalogue="postgresql")) == ""
    assert reason_to_skip("component/test_lanes.py::test_x", SHARED) == ""


def test_settings_become_environment_variables() -> None:
    assert environment({"s3_timeout_s": 4}) == {"IMAGE_SERVICE_S3_TIMEOUT_S": "4"}

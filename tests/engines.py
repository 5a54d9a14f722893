"""What keeps originals and the catalogue while tests run: `TEST_ENGINES=s3+postgresql`.

Fixtures ask here, tests do not: they are the same on all engines.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = "TEST_ENGINES"
LOCAL, S3 = "local", "s3"
SQLITE, POSTGRESQL = "sqlite", "postgresql"


@dataclass(frozen=True)
class Engines:
    """Where originals are, and where the catalogue is."""

    store: str = LOCAL
    catalogue: str = SQLITE

    def __str__(self) -> str:
        return f"{self.store}+{self.catalogue}"

    @classmethod
    def parse(cls, text: str) -> Engines:
        """Return what `s3+postgresql` and its like name. Raises: ValueError."""
        store, _, catalogue = text.partition("+")
        if store not in (LOCAL, S3) or catalogue not in (SQLITE, POSTGRESQL):
            raise ValueError(f"{VARIABLE}={text}: {LOCAL} or {S3}, +, {SQLITE} or {POSTGRESQL}")
        return cls(store, catalogue)


DEFAULT = Engines()
BUCKET = Engines(store=S3)
SHARED = Engines(S3, POSTGRESQL)
"""What several machines can share."""

RUN_ON: Mapping[str, tuple[Engines, ...]] = {
    "component/test_contract_over_rpc.py": (DEFAULT, SHARED),
    "component/test_originals_over_http.py": (DEFAULT, SHARED),
    "component/test_quotas_over_rpc.py": (DEFAULT, SHARED),
    "component/test_uploads_over_http.py": (DEFAULT, SHARED),
    "component/test_uploads_over_rpc.py": (DEFAULT, SHARED),
    "e2e/test_crash.py": (DEFAULT, BUCKET, SHARED),
    "e2e/test_crash.py::test_a_thousand_kills": (DEFAULT,),
    "e2e/test_killed_at_each_call.py": (DEFAULT, SHARED),
    "e2e/test_killed_before_the_reply.py": (DEFAULT, SHARED),
}
"""What is run on others than DEFAULT, too, or is not; with TEST_ENGINES all is run on those."""
IN_SOAK: Mapping[str, tuple[Engines, ...]] = {
    "component/test_originals_over_http.py": (SHARED,),
    "component/test_uploads_over_http.py": (SHARED,),
    "component/test_uploads_over_rpc.py": (SHARED,),
    "e2e/test_crash.py::test_a_living_process_keeps_its_uploads": (BUCKET, SHARED),
    "e2e/test_crash.py::test_acknowledged_uploads_survive_kills": (BUCKET, SHARED),
    "e2e/test_killed_before_the_reply.py": (SHARED,),
}
"""What of that is run by `make soak` alone."""

_ARCHIVE_DIR = "about archive_dir, a folder; test_object_storage has s3_archive"
ABOUT_FILES: Mapping[str, str] = {
    "component/test_archive_over_http.py::"
    "test_clients_see_no_difference_and_bring_it_back": _ARCHIVE_DIR,
    "component/test_archive_over_http.py::"
    "test_while_the_disk_is_not_there_it_is_told_and_comes_back": _ARCHIVE_DIR,
    "component/test_quotas_over_rpc.py::test_room_on_the_disk_is_left": (
        "about min_free_bytes of a disk; a bucket has no end that could be near"
    ),
    "component/test_variant_settings.py::test_files_are_left_to_the_server_in_front": (
        "about accel_prefix, which has a web server send files of upload_dir"
    ),
}
"""Tests of the files of the local store themselves, and why a bucket has no such."""


def chosen() -> Engines | None:
    """Return what the environment chooses for all tests, None for nothing."""
    text = os.environ.get(VARIABLE)
    return Engines.parse(text) if text else None


def run_on(test: str) -> tuple[Engines, ...]:
    """Return what a test, as `path below tests/::name`, is run on."""
    one = chosen()
    return (one,) if one else _said_of(test, RUN_ON) or (DEFAULT,)


def in_soak(test: str) -> tuple[Engines, ...]:
    """Return what a test is run on by `make soak` alone."""
    return () if chosen() else _said_of(test, IN_SOAK)


def _said_of(test: str, said: Mapping[str, tuple[Engines, ...]]) -> tuple[Engines, ...]:
    return said.get(test) or said.get(test.partition("::")[0], ())


def reason_to_skip(test: str, engines: Engines) -> str:
    """Return why a test, as `path::name`, is not for these engines, "" if it is."""
    return "" if engines.store == LOCAL else ABOUT_FILES.get(test, "")


def environment(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return settings as a service's environment variables."""
    return {f"IMAGE_SERVICE_{key.upper()}": str(value) for key, value in settings.items()}

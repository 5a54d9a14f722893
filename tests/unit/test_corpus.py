"""The corpus of hostile files itself: reproducible, complete, and as it says."""

from __future__ import annotations

import collections
import zlib

import pytest

from image_service.domain.formats import EXTENSIONS, Format, sniff
from tests.corpus.containers import zeros
from tests.corpus.files import BY_KIND, hostile_files
from tests.corpus.hostile import REFUSED, UNKNOWN
from tests.corpus.known import KNOWN_DEFECTS
from tests.corpus.polyglots import renamed

CODES = REFUSED | UNKNOWN | {"empty_file"}


def test_every_hostile_file_has_a_name_of_its_own_and_an_end_it_may_come_to() -> None:
    files = list(hostile_files())
    names = collections.Counter(file.name for file in files)
    assert [name for name, count in names.items() if count > 1] == []
    assert [file.name for file in files if not file.codes and not file.may_pass] == []
    assert [file.name for file in files if not file.codes <= CODES] == []
    assert [file.name for file in files if not file.note] == []


def test_known_defects_are_shown_by_files_that_exist() -> None:
    assert KNOWN_DEFECTS.keys() <= {file.name for file in hostile_files()}


@pytest.mark.parametrize("kind", ["damage", "lie", "polyglot"])
def test_hostile_files_have_the_same_bytes_every_time(kind: str) -> None:
    for one, other in zip(BY_KIND[kind](), BY_KIND[kind](), strict=True):
        if not one.soak:
            assert (one.name, one.data) == (other.name, other.data)


@pytest.mark.parametrize("count", [0, 1, 1000, 1 << 20, (1 << 20) + 1, 10_000_000])
def test_a_stream_of_zeros_unpacks_to_as_many(count: int) -> None:
    assert zlib.decompress(zeros(count)) == bytes(count)


def test_a_renamed_picture_is_of_the_format_of_its_bytes() -> None:
    for filename, data in renamed():
        named, _, extension = filename.partition(".")
        assert sniff(data) is Format(named) is not EXTENSIONS[extension]

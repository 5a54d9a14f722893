"""Files whose blocks are checked before they are handed out."""

from __future__ import annotations

import io
import os
import random

import pytest

from image_service.domain.blocks import BLOCK_BYTES, CheckedFile, digests_of
from image_service.errors import ImageDamaged

DATA = random.Random(1).randbytes(3 * BLOCK_BYTES + 1000)


def checked(stored: bytes = DATA, sent: bytes = DATA) -> CheckedFile:
    return CheckedFile(io.BytesIO(stored), digests_of(sent), size_bytes=len(sent), image_id="img_1")


def flipped(at: int, data: bytes = DATA) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@pytest.mark.parametrize("size_bytes", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1])
def test_there_is_a_digest_for_each_block(size_bytes: int) -> None:
    assert len(digests_of(bytes(size_bytes))) == 16 * -(-size_bytes // BLOCK_BYTES)


PARTS = [
    (0, len(DATA)), (0, 1), (5, 10), (BLOCK_BYTES - 1, BLOCK_BYTES + 1),
    (BLOCK_BYTES, 2 * BLOCK_BYTES), (len(DATA) - 1, len(DATA)), (7, len(DATA) - 7),
]  # fmt: skip


@pytest.mark.parametrize(("start", "stop"), PARTS)
def test_any_part_is_read_as_of_the_file_itself(start: int, stop: int) -> None:
    with checked() as file:
        assert file.seek(start) == start
        assert file.read(stop - start) == DATA[start:stop]
        assert file.read(1) == DATA[stop : stop + 1]


def test_all_of_it_is_read_at_once_or_in_pieces() -> None:
    assert checked().read() == DATA
    file, pieces = checked(), []
    while piece := file.read(100_000):
        pieces.append(piece)
    assert b"".join(pieces) == DATA
    assert file.read() == b""
    assert file.seek(-10, os.SEEK_END) == len(DATA) - 10
    assert file.read() == DATA[-10:]
    file.seek(10**9)
    assert file.read() == b""


@pytest.mark.parametrize("at", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, len(DATA) - 1])
def test_no_byte_of_a_damaged_block_is_handed_out(at: int) -> None:
    file = checked(flipped(at))
    with pytest.raises(ImageDamaged):
        file.read()
    first = at // BLOCK_BYTES
    for block in range(4):
        file.seek(block * BLOCK_BYTES + 10)
        if block == first:
            with pytest.raises(ImageDamaged):
                file.read(1)
        else:
            assert file.read(5) == DATA[block * BLOCK_BYTES + 10 :][:5]


@pytest.mark.parametrize(
    "stored",
    [DATA[:-1], DATA + b"x", DATA[: 2 * BLOCK_BYTES], b"", DATA[BLOCK_BYTES:]],
    ids=["cut", "longer", "blocks", "empty", "moved"],
)
def test_a_file_of_another_length_is_damaged(stored: bytes) -> None:
    with pytest.raises(ImageDamaged):
        checked(stored).seek(0, os.SEEK_END)
    if stored != DATA + b"x":
        with pytest.raises(ImageDamaged):
            checked(stored).read()


def test_blocks_that_changed_places_are_damaged() -> None:
    first, second = DATA[:BLOCK_BYTES], DATA[BLOCK_BYTES : 2 * BLOCK_BYTES]
    with pytest.raises(ImageDamaged):
        checked(second + first + DATA[2 * BLOCK_BYTES :]).read(10)

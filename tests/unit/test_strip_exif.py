"""EXIF blocks and TIFF structures: what is taken out of them in place, and what damage does.

Also builds the blocks that the other tests of stripping put into pictures.
"""

from __future__ import annotations

import struct

import pytest
from PIL import Image

from image_service.imaging.strip import CannotStrip, exif, tags
from image_service.imaging.strip.parts import refuse_overlaps

MAKER_NOTE = b"Needle maker note with a serial number"
COORDINATES = struct.pack(">6I", 48, 1, 8, 1, 30_250, 1000)
LONGITUDE = struct.pack(">6I", 11, 1, 34, 1, 58_125, 1000)
Entry = tuple[int, int, int, bytes]  # tag, type, count, value


def directory(order: str, at: int, entries: list[Entry], following: int = 0) -> bytes:
    """Return a directory that stands at an offset, with its long values right behind it."""
    table, values = b"", b""
    values_at = at + 2 + 12 * len(entries) + 4
    for tag, kind, count, value in entries:
        if len(value) > 4:
            place = struct.pack(order + "I", values_at + len(values))
            values += value + b"\0" * (len(value) % 2)
        else:
            place = value.ljust(4, b"\0")
        table += struct.pack(order + "HHI", tag, kind, count) + place
    return (
        struct.pack(order + "H", len(entries))
        + table
        + struct.pack(order + "I", following)
        + (values)
    )


def block(
    *, order: str = ">", orientation: int = 6, gps: bool = True, note: bool = True,
    thumbnail: bytes = b"",
) -> bytes:  # fmt: skip
    """Return an EXIF block with a camera's name, and as asked for coordinates and the rest."""

    def number(value: int) -> bytes:
        return struct.pack(order + "I", value)

    exif_at, gps_at, thumbnail_at, jpeg_at = 200, 400, 600, 800
    first: list[Entry] = [
        (271, 2, 12, b"NeedleMaker\0"),
        (274, 3, 1, struct.pack(order + "H", orientation)),
        (34665, 4, 1, number(exif_at)),
    ]
    first += [(34853, 4, 1, number(gps_at))] if gps else []
    taken: list[Entry] = [(36867, 2, 20, b"2024:05:06 07:08:09\0")]
    taken += [(37500, 7, len(MAKER_NOTE), MAKER_NOTE)] if note else []
    place: list[Entry] = [
        (1, 2, 2, b"N\0"),
        (2, 5, 3, COORDINATES),
        (3, 2, 2, b"E\0"),
        (4, 5, 3, LONGITUDE),
    ]
    header = {">": b"MM\0*", "<": b"II*\0"}[order] + number(8)
    following = thumbnail_at if thumbnail else 0
    data = (header + directory(order, 8, first, following)).ljust(exif_at, b"\0")
    data = (data + directory(order, exif_at, taken)).ljust(gps_at, b"\0")
    data = (data + (directory(order, gps_at, place) if gps else b"")).ljust(thumbnail_at, b"\0")
    if not thumbnail:
        return data
    small: list[Entry] = [(513, 4, 1, number(jpeg_at)), (514, 4, 1, number(len(thumbnail)))]
    return (data + directory(order, thumbnail_at, small)).ljust(jpeg_at, b"\0") + thumbnail


def read(data: bytes) -> Image.Exif:
    found = Image.Exif()
    found.load(b"Exif\0\0" + data)
    return found


@pytest.mark.parametrize("order", ["<", ">"])
def test_coordinates_and_maker_note_go_and_the_rest_is_read_as_before(order: str) -> None:
    data = bytearray(block(order=order))
    assert exif.blank_location(data) == {"gps", "makernote"}
    assert len(data) == len(block(order=order))
    for needle in (COORDINATES, LONGITUDE, MAKER_NOTE):
        assert needle not in data
    assert not any(data[400:600])  # where the directory of the coordinates stood
    found = read(bytes(data))
    assert 34853 not in found
    assert (found[271], found[274]) == ("NeedleMaker", 6)
    assert found.get_ifd(34665)[36867] == "2024:05:06 07:08:09"


def test_a_block_without_a_place_stays_as_it_is() -> None:
    plain = block(gps=False, note=False)
    data = bytearray(plain)
    assert exif.blank_location(data) == set()
    assert data == plain


def test_what_was_blanked_has_nothing_left_to_blank() -> None:
    data = bytearray(block())
    exif.blank_location(data)
    assert exif.blank_location(data) == set()


def test_a_block_that_goes_as_a_whole_is_told_with_what_it_held() -> None:
    assert exif.words(block(thumbnail=b"\xff\xd8small")) == {
        "exif", "gps", "makernote", "thumbnail",
    }  # fmt: skip
    assert exif.words(block(gps=False, note=False)) == {"exif"}


def test_the_smallest_block_tells_the_orientation_and_nothing_else() -> None:
    for orientation in range(1, 9):
        data = exif.minimal(orientation)
        assert dict(read(data)) == {274: orientation}
        assert exif.orientation(data) == orientation


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_orientation_that_does_not_exist_is_upright(value: int) -> None:
    assert exif.orientation(block(orientation=value)) == 1


DAMAGED = {
    "no header": b"garbage" * 10,
    "an empty one": b"",
    "a directory behind the end": b"MM\0*\0\0\xff\xff" + b"secret" * 10,
    "a directory that is cut off": b"MM\0*\0\0\0\x08\xff\xff" + b"secret" * 10,
    "coordinates in the first directory itself": block().replace(
        struct.pack(">HHII", 34853, 4, 1, 400), struct.pack(">HHII", 34853, 4, 1, 8)
    ),
    "coordinates that cover the camera's name": block().replace(
        struct.pack(">HHI", 2, 5, 3) + struct.pack(">I", 454), struct.pack(">HHII", 2, 5, 3, 50)
    ),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_block_keeps_its_length_and_orientation_and_nothing_else(damage: str) -> None:
    given = DAMAGED[damage]
    data = bytearray(given)
    orientation = exif.orientation(data)
    assert exif.blank_location(data) == ({"exif"} if given else set())
    assert len(data) == len(given)
    assert exif.orientation(data) == orientation
    assert not data.rstrip(b"\0")[26:]


def test_offsets_past_the_end_lead_nowhere() -> None:
    data = block(note=False)
    for tag in (34853, 34665):
        at = data.index(struct.pack(">HHI", tag, 4, 1)) + 8
        broken = bytearray(data[:at] + b"\xff\xff\xff\xf0" + data[at + 4 :])
        assert exif.blank_location(broken) == {"gps"}
        assert exif.orientation(broken) == 6


def test_a_maker_note_that_reaches_past_the_end_is_blanked_up_to_it() -> None:
    data = block(gps=False)
    at = data.index(struct.pack(">HHI", 37500, 7, len(MAKER_NOTE))) + 4
    cut = bytearray(data[:at] + struct.pack(">I", 1_000_000) + data[at + 4 :])
    assert exif.blank_location(cut) == {"makernote"}
    assert MAKER_NOTE not in cut
    assert exif.orientation(cut) == 6


@pytest.mark.parametrize("tag", [34665, 330, 40965, 34853])
def test_directories_that_point_at_themselves_end(tag: int) -> None:
    entries: list[Entry] = [(274, 3, 1, b"\0\6"), (tag, 4, 1, struct.pack(">I", 8))]
    data = bytearray(b"MM\0*\0\0\0\x08" + directory(">", 8, entries, following=8))
    exif.blank_location(data)
    assert exif.orientation(data) == 6


def test_more_directories_than_any_photo_has_are_refused() -> None:
    rules = tags.Rules(tags.ALL, blanking=False, strict=True)
    chain = b"".join(struct.pack("<HI", 0, 8 + 6 * (i + 1)) for i in range(20_000))
    with pytest.raises(CannotStrip, match="too many"):
        tags.remove(bytearray(b"II*\0\x08\0\0\0" + chain), rules)


def test_ranges_overlap_when_they_share_a_byte_and_not_when_they_touch() -> None:
    refuse_overlaps([(0, 4), (10, 20)], [(4, 10), (20, 30), (15, 15)])
    for kept in [(3, 4), (0, 100), (19, 21), (9, 11), (12, 13)]:
        with pytest.raises(CannotStrip):
            refuse_overlaps([(0, 4), (10, 20)], [kept])

"""How a picture is stored: bits of a channel, resolution, colour profile, plays of an animation."""

from __future__ import annotations

import io
import time
from typing import Any

import pytest
from PIL import Image, ImageCms

from image_service.imaging.metadata.gif import read_gif, survey
from image_service.testing import avif, bmp, gif, jpeg, png, tiff, webp
from image_service.testing.pictures import draw
from tests.corpus.gif_files import gif_frame, gif_head
from tests.unit.test_metadata_makers import (
    BYTE,
    RATIONAL,
    SHORT,
    chunk,
    exif,
    jpeg_with_exif,
    png_with,
    told,
)


def saved(mode: str, format_: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.new(mode, (8, 8)).save(buffer, format_, **options)
    return buffer.getvalue()


def palette_png(bits: int) -> bytes:
    buffer = io.BytesIO()
    draw((8, 8)).quantize(1 << bits).save(buffer, "PNG", bits=bits)
    return buffer.getvalue()


def bmp16(masks: tuple[int, int, int] | None) -> bytes:
    """Return a BMP of 16-bit pixels, with masks of the channels or without."""
    extra = b"".join(mask.to_bytes(4, "little") for mask in masks or ())
    head = (40).to_bytes(4, "little") + (2).to_bytes(4, "little") * 2 + b"\1\0\x10\0"
    head += (3 if masks else 0).to_bytes(4, "little") + bytes(20)
    start = (14 + 40 + len(extra)).to_bytes(4, "little")
    return b"BM" + bytes(8) + start + head + extra + bytes(8)


@pytest.mark.parametrize(
    ("data", "depth"),
    [
        (jpeg(), 8),
        (jpeg(mode="L"), 8),
        (jpeg(mode="CMYK"), 8),
        (png(), 8),
        (png(alpha=True), 8),
        (saved("I;16", "PNG"), 16),
        (saved("1", "PNG"), 1),
        (palette_png(2), 2),
        (palette_png(4), 4),
        (palette_png(8), 8),
        (gif(), 8),
        (webp(), 8),
        (avif(), 8),
        (tiff(), 8),
        (saved("1", "TIFF"), 1),
        (saved("I;16", "TIFF"), 16),
        (saved("F", "TIFF"), 32),
        (saved("CMYK", "TIFF"), 8),
        (bmp(), 8),
        (saved("RGBA", "BMP"), 8),
        (saved("L", "BMP"), 8),
        (saved("1", "BMP"), 1),
        (bmp16(None), 5),
        (bmp16((0xF800, 0x7E0, 0x1F)), 6),
        (bmp16((0x7C00, 0x3E0, 0x1F)), 5),
    ],
)
def test_bit_depth_is_that_of_a_channel_as_stored(data: bytes, depth: int) -> None:
    assert told(data).bit_depth == depth


@pytest.mark.parametrize(("flags", "depth"), [(0x00, 8), (0x40, 10), (0x60, 12), (0x20, 8)])
def test_an_avifs_bit_depth_is_that_of_its_codec_configuration(flags: int, depth: int) -> None:
    data = avif((8, 8))
    at = data.index(b"av1C") + 4
    changed = data[: at + 2] + bytes((data[at + 2] & 0x9F | flags,)) + data[at + 3 :]
    assert bit_depth(changed) == depth


def test_an_avifs_bit_depth_is_that_of_pixi_without_a_configuration() -> None:
    data = avif((8, 8)).replace(b"av1C", b"xxxx")
    at = data.index(b"pixi") + 4
    assert bit_depth(data[: at + 5] + b"\x0a" + data[at + 6 :]) == 10
    assert bit_depth(data.replace(b"pixi", b"xxxx")) == 8


def bit_depth(data: bytes) -> int:
    from image_service.imaging.metadata import boxes

    return boxes.bit_depth(data)


@pytest.mark.parametrize(
    ("data", "dpi"),
    [
        (jpeg(dpi=(300, 150)), [300, 150]),
        (png(dpi=(72, 72)), [72, 72]),
        (png(dpi=(300, 150)), [300, 150]),
        (bmp(dpi=(96, 96)), [96, 96]),
        (tiff(dpi=(300, 150)), [300, 150]),
        (tiff(resolution_unit=3, x_resolution=100, y_resolution=50), [254, 127]),
        (tiff(resolution_unit=1, x_resolution=300, y_resolution=300), None),
        (tiff(), None),
        (jpeg(), None),
        (png(), None),
        (webp(), None),
        (gif(), None),
        (png_with(chunk(b"pHYs", b"\0\0\x0b\x13\0\0\x0b\x13\0")), None),
        (png_with(chunk(b"pHYs", b"\xff\xff\xff\xff\0\0\x0b\x13\1")), None),
        (png_with(chunk(b"pHYs", b"\0\0\0\0\0\0\0\0\1")), None),
        (png_with(chunk(b"pHYs", (39370).to_bytes(4, "big") * 2 + b"\1")), [1000, 1000]),
    ],
)
def test_dpi_is_what_the_file_tells_and_nothing_else(data: bytes, dpi: list[float] | None) -> None:
    found = told(data).dpi
    assert found == dpi
    assert all(type(number) is int for number in found or ())


@pytest.mark.parametrize(
    ("x", "y", "unit", "dpi"),
    [
        ((300, 1), (150, 1), 2, [300, 150]),
        ((725, 10), (725, 10), 2, [72.5, 72.5]),
        ((100, 1), (100, 1), 3, [254, 254]),
        ((300, 1), (300, 1), None, [300, 300]),
        ((300, 1), (300, 1), 1, None),
        ((300, 0), (300, 1), 2, None),
        ((0, 1), (0, 1), 2, None),
        ((100000, 1), (100000, 1), 2, [100000, 100000]),
        ((100001, 1), (100001, 1), 2, None),
        (None, (300, 1), 2, None),
    ],
)
def test_exif_tells_dpi_where_jfif_does_not(x: Any, y: Any, unit: Any, dpi: Any) -> None:
    tags = [(0x011A, RATIONAL, x), (0x011B, RATIONAL, y), (0x0128, SHORT, unit)]
    block = exif(tag for tag in tags if tag[2] is not None)
    assert told(jpeg_with_exif(block)).dpi == dpi


@pytest.mark.parametrize(
    ("data", "loops"),
    [
        (gif(frames=2, loop=0), 0),
        (gif(frames=2), 1),
        (gif(frames=2, loop=1), 2),
        (gif(frames=2, loop=65535), 65536),
        (gif(loop=0), None),
        (gif(), None),
        (webp(frames=2, loop=0), 0),
        (webp(frames=2, loop=3), 3),
        (webp(), None),
        (png(frames=2), 0),
        (png(frames=2, loop=4), 4),
        (png(frames=2, loop=1, default_image=True), 1),
        (png(), None),
        (jpeg(), None),
        (tiff(pages=2), None),
        (avif(), None),
        (avif(frames=2), 0),
        (gif(frames=2, loop=2).replace(b"NETSCAPE2.0", b"ANIMEXTS1.0"), 3),
        (gif(frames=2, loop=2).replace(b"NETSCAPE2.0", b"SOMEBODY2.0"), 1),
    ],
)
def test_loop_count_is_how_often_an_animation_plays(data: bytes, loops: int | None) -> None:
    assert told(data).loop_count == loops


def test_a_text_called_loop_does_not_change_a_pngs_plays() -> None:
    data = png((8, 8), frames=2, loop=4)
    at = data.index(b"acTL") + 8 + 4 + 4
    data = data[:at] + chunk(b"tEXt", b"loop\0never") + data[at:]
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.info["loop"] == "never"
    assert told(data).loop_count == 4


def test_an_avif_sequence_plays_as_often_as_its_edit_list_says() -> None:
    from image_service.imaging.metadata import boxes

    def box(kind: bytes, body: bytes) -> bytes:
        return (8 + len(body)).to_bytes(4, "big") + kind + body

    def sequence(repeated: int, once: int, total: int, wide: bool = False) -> bytes:
        size, version = (8, b"\1") if wide else (4, b"\0")
        edits = version + bytes((0, 0, repeated, 0, 0, 0, 1)) + once.to_bytes(size, "big")
        header = version + bytes(3) + bytes(4 * size) if wide else version + bytes(3 + 16)
        header = header[:28] if wide else header
        track = box(b"tkhd", header + total.to_bytes(size, "big")) + box(
            b"edts", box(b"elst", edits + bytes(12))
        )
        return box(b"ftyp", b"avis") + box(b"moov", box(b"trak", track))

    assert boxes.loop_count(sequence(0, 100, 300)) == 1
    assert boxes.loop_count(sequence(1, 100, 300)) == 3
    assert boxes.loop_count(sequence(1, 100, 2**32 - 1)) == 0
    assert boxes.loop_count(sequence(1, 100, 500, wide=True)) == 5
    assert boxes.loop_count(sequence(1, 0, 500)) == 0
    assert boxes.loop_count(sequence(1, 1, 2**63, wide=True)) == 2**31


def test_a_profile_is_told_by_its_description() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for maker in (jpeg, png, webp, avif, tiff):
        assert told(maker((8, 8), icc_profile=profile)).icc_profile == "sRGB built-in"


@pytest.mark.parametrize("profile", [b"x", b"\0" * 200, b"acsp" * 100])
def test_a_profile_that_is_none_is_not_told(profile: bytes) -> None:
    assert told(jpeg((8, 8), icc_profile=profile)).icc_profile is None


def test_a_profile_cut_anywhere_does_no_harm() -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for size in range(1, len(profile), 7):
        found = told(png((8, 8), icc_profile=profile[:size])).icc_profile
        assert found in (None, "sRGB built-in")


def test_orientation_as_a_byte_counts() -> None:
    assert told(jpeg_with_exif(exif([(0x0112, BYTE, 3)]))).orientation == 3


@pytest.mark.parametrize(("pieces", "is_refused"), [(900_000, False), (1_000_001, True)])
def test_a_gif_in_countless_pieces_is_known_before_it_is_opened(
    pieces: int, is_refused: bool
) -> None:
    picture = gif(frames=2)
    comment = b"!\xfe" + b"\x01c" * pieces + b"\0"
    for at in (picture.index(b"!\xf9"), picture.rindex(b"!\xf9")):  # before all, and between frames
        assert survey(picture[:at] + comment + picture[at:]).is_complete is not is_refused
    assert survey(picture) == survey(picture[:20]) == (64, 48, True)
    assert survey(b"GIF89a").is_complete


def test_a_gif_tells_the_room_that_its_frames_will_take() -> None:
    grown = gif_head(1, 1) + gif_frame(40_000, 10, 30_000, 20) + b"what?" + gif_frame(5, 99, 1, 2)
    assert survey(grown + b";") == (70_000, 101, True)
    assert survey(grown + b";" + gif_frame(0, 0, 1, 65_535)) == (70_000, 101, True)


VAST = gif_frame(0, 0, 3000, 2000)
AS_PILLOW_READS = {
    "an empty block, then what looks like the end": b"!\x01\x00" + b"\x01;\x00" + VAST,
    "an empty control": b"!\xf9\x00" + b"\x01;\x00" + VAST,
    "loops without a number": b"!\xff\x0bNETSCAPE2.0\x00" + b"\x01;\x00" + VAST,
    "rubbish": b"rubbish" + VAST,
}


@pytest.mark.parametrize("name", AS_PILLOW_READS)
def test_a_gif_is_walked_as_pillow_walks_it(name: str) -> None:
    data = gif_head(1, 1) + AS_PILLOW_READS[name] + b";"
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.size == (3000, 2000)
    assert survey(data)[:2] == (3000, 2000)


def test_only_the_first_xmp_of_a_gif_is_looked_for() -> None:
    data = gif_head(1, 1) + b"!\xff\x0bXMP DataXMP\0" * 30_000 + gif_frame(0, 0, 1, 1)
    started = time.thread_time()
    survey(data + bytes(1 << 20))
    read_gif(data + bytes(1 << 20))
    assert time.thread_time() - started < 0.5
    assert survey(gif_head(1, 1) + gif_frame(0, 0, 1, 1) + bytes(2_000_000)).is_complete

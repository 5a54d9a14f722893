"""PNG, WebP, GIF, AVIF, TIFF and BMP: which chunks, blocks, items and tags go, and which stay."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from image_service.domain.formats import Format
from image_service.domain.strip import Strip
from image_service.imaging.strip import CannotStrip, Stripped, strip
from image_service.testing import avif, bmp, gif, png, tiff, webp
from tests.unit.test_strip_exif import COORDINATES, Entry, block, directory
from tests.unit.test_strip_xmp import dataset, packet

PNG, WEBP, GIF, AVIF = png(), webp(), gif(), avif()
PLACE = bytes(packet('p:City="Needle"'))
MODES = pytest.mark.parametrize("mode", [Strip.LOCATION, Strip.ALL])


def chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + check


def png_with(*chunks: bytes, data: bytes = PNG) -> bytes:
    return data[:33] + b"".join(chunks) + data[33:]


def raw_profile(kind: bytes, body: bytes) -> bytes:
    text = b"\n%s\n%8d\n%s\n" % (kind, len(body), body.hex().encode())
    return chunk(b"zTXt", b"Raw profile type " + kind + b"\0\0" + zlib.compress(text))


@pytest.mark.parametrize(
    ("added", "word"),
    [
        (chunk(b"tEXt", b"Author\0needle"), "text"),
        (chunk(b"zTXt", b"Author\0\0" + zlib.compress(b"needle")), "text"),
        (chunk(b"iTXt", b"Author\0\0\0\0\0needle"), "text"),
        (chunk(b"tIME", bytes(7)), "other"),
        (chunk(b"caBX", b"needle"), "other"),
        (raw_profile(b"exif", b"Exif\0\0" + block(gps=False, note=False)), "exif"),
        (raw_profile(b"iptc", dataset(80, b"needle")), "iptc"),
    ],
)
def test_a_png_loses_every_chunk_that_does_not_show(added: bytes, word: str) -> None:
    assert strip(png_with(added), Format.PNG, Strip.ALL) == Stripped(PNG, (word,))


def test_a_png_keeps_every_chunk_that_shows() -> None:
    kinds = b"tRNS gAMA cHRM sRGB iCCP cICP mDCV cLLI sBIT bKGD hIST pHYs sPLT acTL fcTL fdAT"
    data = png_with(*(chunk(kind, b"some") for kind in kinds.split()))
    assert strip(data, Format.PNG, Strip.ALL).data is data


def test_a_png_loses_what_follows_it_only_when_all_is_to_go() -> None:
    assert strip(PNG + b"needle", Format.PNG, Strip.ALL) == Stripped(PNG, ("trailing",))
    assert strip(PNG + b"needle", Format.PNG, Strip.LOCATION).data == PNG + b"needle"


@pytest.mark.parametrize(
    ("added", "words"),
    [
        (raw_profile(b"exif", b"Exif\0\0" + block(note=False)), ("gps",)),
        (raw_profile(b"iptc", dataset(90, b"Needle")), ("place",)),
        (raw_profile(b"xmp", PLACE), ("place",)),
        (chunk(b"tEXt", b"exif:GPSLatitude\x0048/1"), ("gps",)),
        (chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PLACE)), ("place",)),
        (chunk(b"zTXt", b"Author\0\0" + zlib.compress(bytes(5_000_000))), ("text",)),
        (chunk(b"zTXt", b"Author\0\0damaged"), ("text",)),
        (chunk(b"caBX", b"exif:GPSLatitude"), ("other",)),
    ],
)
def test_png_chunks_that_cannot_be_blanked_go_when_they_tell_a_place(
    added: bytes, words: tuple[str, ...]
) -> None:
    assert strip(png_with(added), Format.PNG, Strip.LOCATION) == Stripped(PNG, words)


def test_png_chunks_that_are_blanked_have_good_checksums() -> None:
    text = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PLACE)
    data = png_with(chunk(b"eXIf", block()), text)
    stripped = strip(data, Format.PNG, Strip.LOCATION)
    assert len(stripped.data) == len(data)
    position = 8
    while position < len(stripped.data):
        size = int.from_bytes(stripped.data[position : position + 4], "big")
        end = position + 12 + size
        body = stripped.data[position + 8 : end - 4]
        assert (
            chunk(stripped.data[position + 4 : position + 8], body) == (stripped.data[position:end])
        )
        position = end


def test_png_texts_without_a_place_stay() -> None:
    data = png_with(
        chunk(b"tEXt", b"Author\0Ann"),
        raw_profile(b"exif", b"Exif\0\0" + block(gps=False, note=False)),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(bytes(packet()))),
    )
    assert strip(data, Format.PNG, Strip.LOCATION).data is data


@MODES
@pytest.mark.parametrize(
    "data",
    [PNG[:-5], png_with(chunk(b"CgBI", b"some")), png_with(chunk(b"tEXt", b"") * 60_000)],
    ids=["cut", "unknown critical chunk", "too many chunks"],
)
def test_a_png_that_cannot_be_followed_is_refused(data: bytes, mode: Strip) -> None:
    with pytest.raises(CannotStrip):
        strip(data, Format.PNG, mode)


def riff(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + b"\0" * (len(body) % 2)


def webp_of(*chunks: bytes) -> bytes:
    body = b"".join(chunks)
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body


def vp8x(flags: int) -> bytes:
    return riff(b"VP8X", bytes([flags, 0, 0, 0, 63, 0, 0, 47, 0, 0]))


def test_a_webp_without_metadata_says_so_in_its_header() -> None:
    data = webp_of(vp8x(0x0C), WEBP[12:], riff(b"EXIF", b"short"), riff(b"XMP ", PLACE))
    stripped = strip(data, Format.WEBP, Strip.ALL)
    assert stripped == Stripped(webp_of(vp8x(0), WEBP[12:]), ("exif", "place", "xmp"))


def test_a_webp_that_is_turned_keeps_exif_and_says_so_in_its_header() -> None:
    data = webp_of(vp8x(0x0C), WEBP[12:], riff(b"EXIF", block()), riff(b"XMP ", PLACE))
    kept = strip(data, Format.WEBP, Strip.ALL).data
    assert kept[:30] == webp_of(vp8x(8), WEBP[12:], riff(b"EXIF", bytes(26)))[:30]


def test_a_webp_loses_unknown_chunks_those_in_frames_and_what_follows() -> None:
    animated = webp(frames=2)
    at = animated.index(b"ANMF")
    end = at + 8 + int.from_bytes(animated[at + 4 : at + 8], "little")
    frame = riff(b"ANMF", animated[at + 8 : end] + riff(b"ABCD", b"needle"))
    data = webp_of(animated[12:at], frame, animated[end:], riff(b"EFGH", b"needle")) + b"needle"
    stripped = strip(data, Format.WEBP, Strip.ALL)
    assert stripped == Stripped(animated, ("other", "trailing"))


@MODES
def test_a_webp_that_is_cut_off_is_refused(mode: Strip) -> None:
    for data in (WEBP[:-4], webp_of(vp8x(0), b"EXIF\xff\xff\xff\x7f"), webp_of(b"VP8X\2\0\0\0ab")):
        with pytest.raises(CannotStrip):
            strip(data, Format.WEBP, mode)


def extension(label: int, *blocks: bytes) -> bytes:
    return b"!" + bytes([label]) + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0"


def gif_with(*added: bytes) -> bytes:
    return GIF[:-1] + b"".join(added) + b";"


@pytest.mark.parametrize(
    ("added", "word"),
    [
        (extension(0xFE, b"needle", b"needle"), "comment"),
        (extension(0x01, bytes(12), b"needle"), "text"),
        (extension(0xFF, b"ABCDEFGH1.0", b"needle"), "other"),
        (extension(0x42, b"needle"), "other"),
    ],
)
def test_a_gif_loses_every_extension_that_does_not_show(added: bytes, word: str) -> None:
    assert strip(gif_with(added), Format.GIF, Strip.ALL) == Stripped(GIF, (word,))


def test_a_gif_keeps_loops_profiles_and_timing() -> None:
    data = gif_with(
        extension(0xFF, b"NETSCAPE2.0", b"\1\0\0"),
        extension(0xFF, b"ANIMEXTS1.0", b"\1\0\0"),
        extension(0xFF, b"ICCRGBG1012", b"profile"),
        extension(0xF9, b"\0\0\0\0"),
    )
    assert strip(data, Format.GIF, Strip.ALL).data is data


@MODES
def test_a_gif_that_cannot_be_followed_is_refused(mode: Strip) -> None:
    for data in (GIF[:-20], GIF[:-1] + b"junk;", gif_with(b"!\xfe\0" * 120_000)):
        with pytest.raises(CannotStrip):
            strip(data, Format.GIF, mode)


def box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4, "big") + kind + body


@pytest.mark.parametrize(
    ("kind", "body", "word"),
    [(b"uuid", bytes(16) + PLACE, "xmp"), (b"free", b"needle", "other"), (b"abcd", b"a", "other")],
)
def test_an_avif_keeps_its_length_but_not_its_needless_boxes(
    kind: bytes, body: bytes, word: str
) -> None:
    stripped = strip(AVIF + box(kind, body), Format.AVIF, Strip.ALL)
    assert stripped == Stripped(AVIF + box(b"free", bytes(len(body))), (word,))


def items_of(*, method: int, exif_at: int | None = None) -> bytes:
    """Return an AVIF of a picture's item in mdat and an Exif item, there or in idat."""
    exif = bytes(4) + block()
    infe = [
        box(b"infe", b"\2\0\0\0\0\1\0\0av01\0"),
        box(b"infe", b"\2\0\0\0\0\2\0\0Exif\0"),
    ]
    iinf = box(b"iinf", bytes(4) + b"\0\2" + b"".join(infe))
    head = box(b"ftyp", b"avif\0\0\0\0avif")
    idat = box(b"idat", exif if method else b"")
    iloc_bytes = 8 + 8 + 2 * (2 + 2 + 2 + 2 + 8)
    mdat_at = len(head) + 8 + 4 + len(iinf) + len(idat) + iloc_bytes + 8
    exif_at = exif_at if exif_at is not None else 0 if method else mdat_at + 40
    places = [(1, 0, mdat_at, 40), (2, method, exif_at, len(exif))]
    rows = b"".join(struct.pack(">HHHHII", i, m, 0, 1, at, size) for i, m, at, size in places)
    iloc = box(b"iloc", b"\1\0\0\0\x44\0\0\2" + rows)
    meta = box(b"meta", bytes(4) + iinf + idat + iloc)
    return head + meta + box(b"mdat", b"p" * 40 + (b"" if method else exif) + b"p" * 40)


@MODES
@pytest.mark.parametrize("method", [0, 1])
def test_exif_items_of_an_avif_are_found_in_mdat_and_in_idat(method: int, mode: Strip) -> None:
    data = items_of(method=method)
    stripped = strip(data, Format.AVIF, mode)
    assert {"gps", "makernote"} <= set(stripped.removed)
    assert len(stripped.data) == len(data)
    assert COORDINATES not in stripped.data
    assert stripped.data.count(b"p" * 40) == 2
    assert (b"NeedleMaker" in stripped.data) == (mode is Strip.LOCATION)


@MODES
def test_items_of_an_avif_that_lie_elsewhere_are_refused(mode: Strip) -> None:
    good = items_of(method=0)
    mdat_at = good.index(b"mdat") + 4
    two_items_in_one_place = items_of(method=0, exif_at=mdat_at + 20).replace(b"av01", b"Exif")
    for data in (
        items_of(method=0, exif_at=mdat_at + 39),
        items_of(method=0, exif_at=20),
        items_of(method=0, exif_at=mdat_at + 200),
        items_of(method=2),
        two_items_in_one_place,
        good[:-1],
    ):
        with pytest.raises(CannotStrip):
            strip(data, Format.AVIF, mode)


def tiff_of(*entries: Entry, tail: bytes = b"") -> bytes:
    """Return a TIFF of one grey pixel, which lies at 8, and of further tags."""
    base: list[Entry] = [
        (256, 3, 1, b"\1\0"), (257, 3, 1, b"\1\0"), (258, 3, 1, b"\x08\0"), (259, 3, 1, b"\1\0"),
        (262, 3, 1, b"\1\0"), (273, 4, 1, b"\x08\0\0\0"), (277, 3, 1, b"\1\0"),
        (278, 3, 1, b"\1\0"), (279, 4, 1, b"\1\0\0\0"),
    ]  # fmt: skip
    return b"II*\0\x0a\0\0\0\x7f\0" + directory("<", 10, sorted([*base, *entries])) + tail


@pytest.mark.parametrize(
    ("tag", "word"),
    [(305, "text"), (315, "text"), (40093, "text"), (700, "xmp"), (33723, "iptc"), (37724, "other"),
     (34735, "gps"), (42112, "other"), (42033, "exif"), (37500, "makernote")],
)  # fmt: skip
def test_tags_that_only_describe_go_with_their_values(tag: int, word: str) -> None:
    data = tiff_of((tag, 7, 10, b"needletext"))
    stripped = strip(data, Format.TIFF, Strip.ALL)
    assert stripped.removed == (word,)
    assert stripped.data == tiff_of().ljust(len(data), b"\0")


def test_tags_that_show_stay() -> None:
    data = tiff_of((34675, 7, 10, b"iccprofile"), (37439, 5, 1, bytes(8)), (274, 3, 1, b"\6\0"))
    assert strip(data, Format.TIFF, Strip.ALL).data is data


@MODES
def test_a_tiff_whose_values_cover_its_pixels_or_tags_is_refused(mode: Strip) -> None:
    for place in (b"\x08\0\0\0", b"\x0c\0\0\0", b"\0\0\0\0", b"\xff\xff\0\0"):
        data = tiff_of((34735, 7, 10, b"needletext"))
        at = data.index(struct.pack("<HHI", 34735, 7, 10)) + 8
        with pytest.raises(CannotStrip):
            strip(data[:at] + place + data[at + 4 :], Format.TIFF, mode)


@MODES
def test_a_tiff_whose_values_cover_only_its_pixels_is_refused(mode: Strip) -> None:
    data = tiff_of((34735, 7, 10, b"needletext"), tail=bytes(range(32)))
    pixels = len(data) - 20
    data = data.replace(struct.pack("<HHII", 273, 4, 1, 8), struct.pack("<HHII", 273, 4, 1, pixels))
    at = data.index(struct.pack("<HHI", 34735, 7, 10)) + 8
    overlapping = data[:at] + struct.pack("<I", pixels - 5) + data[at + 4 :]
    with pytest.raises(CannotStrip, match="overlaps"):
        strip(overlapping, Format.TIFF, mode)


def test_a_tiff_with_a_profile_inside_a_table_that_changes_is_refused() -> None:
    data = tiff_of((34675, 7, 10, b"iccprofile"), (305, 7, 10, b"needletext"))
    at = data.index(struct.pack("<HHI", 34675, 7, 10)) + 8
    with pytest.raises(CannotStrip, match="overlaps"):
        strip(data[:at] + struct.pack("<I", 14) + data[at + 4 :], Format.TIFF, Strip.ALL)


def test_pages_of_a_tiff_that_run_in_a_circle_are_each_read_once() -> None:
    data = bytearray(tiff(pages=2, software="needle"))
    first = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[first : first + 2], "little")
    second = int.from_bytes(data[first + 2 + 12 * count :][:4], "little")
    count = int.from_bytes(data[second : second + 2], "little")
    data[second + 2 + 12 * count : second + 6 + 12 * count] = data[4:8]
    stripped = strip(bytes(data), Format.TIFF, Strip.ALL)
    assert stripped.removed == ("text",)
    assert b"needle" not in stripped.data


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_a_bmp_loses_what_follows_its_pixels(mode: str) -> None:
    buffer = io.BytesIO()
    Image.new(mode, (13, 7)).save(buffer, "BMP")
    data = buffer.getvalue()
    assert strip(data, Format.BMP, Strip.ALL).data is data
    assert strip(data + b"needle", Format.BMP, Strip.ALL) == Stripped(data, ("trailing",))


def test_a_bmp_whose_pixels_end_nobody_knows_where_is_refused() -> None:
    data = bytearray(bmp())
    with pytest.raises(CannotStrip):
        strip(bytes(data[:10] + b"\x0e" + data[11:]), Format.BMP, Strip.ALL)
    data[30:34] = b"\1\0\0\0"  # run lengths
    with pytest.raises(CannotStrip):
        strip(bytes(data) + b"needle", Format.BMP, Strip.ALL)
    data[-2:] = b"\0\1"
    data[34:38] = (len(data) - 54).to_bytes(4, "little")
    stripped = strip(bytes(data) + b"needle", Format.BMP, Strip.ALL)
    assert stripped == Stripped(bytes(data), ("trailing",))

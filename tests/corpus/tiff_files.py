"""Hostile TIFF files."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial

from image_service.testing import tiff

from .bombs import tiff_with_pages
from .containers import BYTE, LONG, SHORT, Entry, ifd, tiff_file, tiff_tags, zeros
from .hostile import DAMAGED, OVERLONG, OVERSIZED, REFUSED, HostileFile

_DEFLATE, _PACKBITS, _LZW, _JPEG, _OLD_JPEG, _GROUP4 = 8, 32773, 5, 7, 6, 4


def deflated(width: int, height: int, count: int) -> bytes:
    """Return a TIFF whose one strip unpacks to count zeros."""
    packed = zeros(count)
    counts = (279, LONG, 1, len(packed))
    tags = tiff_tags(width, height, compression=_DEFLATE, samples=1, counts=counts)
    return tiff_file(tags, packed)


def in_parts(width: int, height: int, count: int, *, rows: int = 1) -> bytes:
    """Return a TIFF of count strips of so many rows, all of them the same data bytes."""
    pixels = bytes(width * rows)
    offsets = struct.pack("<I", 8) * count
    tags = tiff_tags(
        width,
        height,
        offsets=(273, LONG, count, 8 + len(pixels)),
        rows=(278, LONG, 1, rows),
        counts=(279, LONG, 1, len(pixels)),
    )
    return tiff_file(tags, pixels + offsets)


def tiled(width: int, height: int, tile: int, count: int, *, compression: int = 1) -> bytes:
    """Return a TIFF of count tiles of tile² px, all of them the same few bytes."""
    pixels = zlib.compress(bytes(1000)) if compression == _DEFLATE else bytes(tile * tile % 65_536)
    at = 8 + len(pixels)
    sizes = struct.pack("<I", len(pixels)) * count
    tags = tiff_tags(width, height, compression=compression)
    tags = [tag for tag in tags if tag[0] not in (273, 278, 279)]
    tags += [(322, LONG, 1, tile), (323, LONG, 1, tile), (324, LONG, count, at)]
    tags.append((325, LONG, count, at + 4 * count))
    return tiff_file(tags, pixels + struct.pack("<I", 8) * count + sizes)


def pages_in_parts(pages: int, count: int) -> bytes:
    """Return a TIFF of pages that share a list of so many strips."""
    first, offsets = 8, (273, LONG, count, 8 + 256)
    tags = tiff_tags(16, 16, offsets=offsets, rows=(278, LONG, 1, 1))
    first += 256 + 4 * count
    length = len(ifd(tags))
    body = b"".join(ifd(tags, first + length * (page + 1)) for page in range(pages - 1))
    head = b"II*\0" + struct.pack("<I", first) + bytes(256) + struct.pack("<I", 8) * count
    return head + body + ifd(tags)


def with_tag(entry: Entry, *, compression: int = 1) -> bytes:
    """Return a small TIFF with a tag more, or in place of its own."""
    tags = [tag for tag in tiff_tags(16, 16, compression=compression) if tag[0] != entry[0]]
    return tiff_file([*tags, entry], bytes(range(256)))


def compressed(compression: int, width: int, height: int, data: bytes) -> bytes:
    """Return a TIFF of one bit a pixel, or of bytes, whose strip is this data."""
    counts = (279, LONG, 1, len(data))
    tags = tiff_tags(width, height, compression=compression, counts=counts)
    if compression == _GROUP4:
        tags = [tag if tag[0] != 258 else (258, SHORT, 1, 1) for tag in tags]
    return tiff_file(tags, data)


def looping(back_to: int) -> bytes:
    """Return a TIFF whose second and last page says that the next is the first or itself."""
    data = bytearray(tiff(pages=2))
    second = int.from_bytes(data[4:8], "little")
    places = [second]
    while second:
        count = int.from_bytes(data[second : second + 2], "little")
        end = second + 2 + 12 * count
        second = int.from_bytes(data[end : end + 4], "little")
        places.append(second)
    data[end : end + 4] = struct.pack("<I", places[back_to])
    return bytes(data)


def big_tiff(count: int) -> bytes:
    """Return a BigTIFF whose directory claims so many entries."""
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, count) + bytes(20 * 1000)


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _bombs()
    yield from _parts()
    yield from _structures()


def _bombs() -> Iterator[HostileFile]:
    kind = "tiff bomb"
    yield HostileFile(f"{kind}/100,000 pages", partial(tiff_with_pages, 80_000), "time", OVERLONG)
    yield HostileFile(f"{kind}/500 pages", partial(tiff_with_pages, 500), "time", may_pass=True)
    yield HostileFile(f"{kind}/12000² of zeros", partial(deflated, 12_000, 12_000, 144_000_000),
                      "memory", OVERSIZED)  # fmt: skip
    yield HostileFile(f"{kind}/49 MP of zeros", partial(deflated, 7000, 7000, 49_000_000), "time",
                      may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/a strip of 2 GB", partial(deflated, 7000, 7000, 2 << 30),
                      "memory", may_pass=True)  # fmt: skip
    runs = {
        "PackBits": (_PACKBITS, b"\x81\0" * 400_000),
        "LZW": (_LZW, b"\x80\x00" * 4_000_000),
        "fax": (_GROUP4, b"\x26\xa0" * 200_000),
        "JPEG": (_JPEG, b"\xff\xd8\xff\xda" * 1_000_000),
        "old JPEG": (_OLD_JPEG, b"\xff\xd8\xff\xda" * 1_000_000),
    }
    for name, (compression, data) in runs.items():
        make = partial(compressed, compression, 7000, 7000, data)
        yield HostileFile(f"{kind}/49 MP of {name}", make, "time", may_pass=True)


def _parts() -> Iterator[HostileFile]:
    kind = "tiff parts"
    for count, width, height in (
        (2_400_000, 16, 16), (16_384, 3000, 16_384), (1_000_000, 4, 1_000_000)
    ):  # fmt: skip
        make = partial(in_parts, width, height, count)
        yield HostileFile(f"{kind}/{count:,} strips of {width} × {height}", make, "time",
                          DAMAGED | OVERSIZED, may_pass=True, soak=count > 100_000)  # fmt: skip
    yield HostileFile(f"{kind}/1,000,000 strips of 2 MB over one another",
                      partial(in_parts, 2000, 2000, 1_000_000, rows=1000), "time",
                      may_pass=True, soak=True)  # fmt: skip
    yield HostileFile(f"{kind}/400 pages of 100,000 strips", partial(pages_in_parts, 400, 100_000),
                      "time", may_pass=True, soak=True)  # fmt: skip
    for tile in (1, 16):
        make = partial(tiled, 1024 * tile, 1024 * tile, tile, 1_000_000)
        what = f"1,000,000 tiles of {tile}²"
        yield HostileFile(f"{kind}/{what}", make, "time", REFUSED, may_pass=True, soak=tile > 1)
    for tile in (0, 65_536, 2**31 - 16, 2**32 - 16):
        for compression in (1, _DEFLATE):
            make = partial(tiled, 100, 100, tile, 1, compression=compression)
            what = f"a tile of {tile:,} px a side, compression {compression}"
            yield HostileFile(f"{kind}/{what}", make, "memory", may_pass=True)
    for count in (2**28, 2**32 - 1):
        make = partial(with_tag, (273, LONG, count, 8))
        yield HostileFile(f"{kind}/{count:,} strips promised", make, "memory", may_pass=True)
        make = partial(with_tag, (279, LONG, 1, count), compression=_DEFLATE)
        yield HostileFile(f"{kind}/a strip of {count:,} B", make, "memory", may_pass=True)


def _structures() -> Iterator[HostileFile]:
    kind = "tiff structure"
    for back_to in (0, 1):
        make = partial(looping, back_to)
        yield HostileFile(f"{kind}/a loop to page {back_to}", make, "an endless walk",
                          DAMAGED | OVERLONG, may_pass=True)  # fmt: skip
    odd: dict[str, Entry] = {
        "65,535 samples a pixel": (277, SHORT, 1, 65_535),
        "2³² samples a pixel": (277, LONG, 1, 2**32 - 1),
        "64 bits a sample": (258, SHORT, 1, 64),
        "0 bits a sample": (258, SHORT, 1, 0),
        "a palette of 2³²": (320, SHORT, 2**32 - 1, 8),
        "a profile of 2³²": (34675, BYTE, 2**32 - 1, 8),
        "a width in pieces": (256, LONG, 3, 8),
        "no rows a strip": (278, LONG, 1, 0),
        "planes apart": (284, SHORT, 1, 2),
        "compression 65,535": (259, SHORT, 1, 65_535),
        "photometric 65,535": (262, SHORT, 1, 65_535),
        "directories within itself": (330, LONG, 2, 8),
        "orientation 65,535": (274, SHORT, 1, 65_535),
        "orientation of three": (274, SHORT, 3, 8),
    }
    for name, entry in odd.items():
        yield HostileFile(f"{kind}/{name}", partial(with_tag, entry), "memory", REFUSED, True)
    tags = [(tag, BYTE, 65_000, 8) for tag in range(300, 60_000) if tag not in (320, 322, 323, 324)]
    heaped = tiff_file([*tiff_tags(16, 16), *tags], bytes(65_000))
    yield HostileFile(f"{kind}/60,000 values over one another", lambda: heaped, "memory",
                      may_pass=True)  # fmt: skip
    for count in (0, 1000, 2**63):
        yield HostileFile(f"{kind}/BigTIFF of {count:,} entries", partial(big_tiff, count), "time")
    yield HostileFile(f"{kind}/header alone", lambda: b"II*\0\x08\0\0\0", "nothing there")

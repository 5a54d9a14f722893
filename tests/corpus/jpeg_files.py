"""Hostile JPEG files."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from functools import cache, partial

from PIL import Image

from image_service.testing import jpeg

from .bombs import jpeg_with_scans
from .containers import after_soi, exif, ifd, jpeg_segment
from .hostile import DAMAGED, OVERDESCRIBED, OVERSCANNED, OVERSIZED, HostileFile


@cache
def flat(width: int, height: int, mode: str = "RGB", *, progressive: bool = False) -> bytes:
    """Return a JPEG of one colour."""
    buffer = io.BytesIO()
    picture = Image.new(mode, (width, height), 0)
    picture.save(buffer, "JPEG", progressive=progressive, subsampling=0, quality=100)
    return buffer.getvalue()


def claiming(width: int, height: int, data: bytes | None = None) -> bytes:
    """Return a JPEG whose frame header claims a size."""
    data = data or jpeg()
    at = max(data.find(bytes((0xFF, marker))) for marker in (0xC0, 0xC2)) + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def of_process(marker: int, precision: int = 8) -> bytes:
    """Return a JPEG that claims another coding process, as arithmetic or lossless."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 1], data[at + 4] = marker, precision
    return bytes(data)


def scans(count: int, width: int, height: int) -> bytes:
    """Return a progressive JPEG that goes over a large picture so many times more."""
    data = flat(width, height, progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * count + data[-2:]


def with_restarts(count: int) -> bytes:
    """Return a JPEG with so many restart markers in its pixels."""
    data = after_soi(jpeg(), jpeg_segment(0xDD, b"\0\1"))
    at = data.rindex(b"\xff\xda") + 14
    return data[:at] + b"".join(bytes((0xFF, 0xD0 + i % 8)) for i in range(8)) * (count // 8)


def with_exif(block: bytes, *, repeat: int = 1) -> bytes:
    """Return a JPEG with an EXIF block, as often as told."""
    return after_soi(jpeg(), *[jpeg_segment(0xE1, b"Exif\0\0" + block)] * repeat)


def with_profile(parts: int, *, claimed: int, part_bytes: int) -> bytes:
    """Return a JPEG with a colour profile in parts that claims to have so many bytes."""
    body = struct.pack(">I", claimed) + bytes(part_bytes - 4)
    segments = (
        jpeg_segment(0xE2, b"ICC_PROFILE\0" + bytes((1 + part % 255, parts % 256)) + body)
        for part in range(parts)
    )
    return after_soi(jpeg(), *segments)


def with_previews(count: int) -> bytes:
    """Return a JPEG whose multi-picture index (CIPA DC-007) tells of so many more."""
    entries = [(0xB000, 7, 4, 0x30303130), (0xB001, 4, 1, count), (0xB002, 7, 16 * count, 50)]
    index = b"II*\0\x08\0\0\0" + ifd(entries) + bytes(16 * min(count, 3000))
    return after_soi(jpeg(), jpeg_segment(0xE2, b"MPF\0" + index))


def entities() -> bytes:
    """Return an XMP packet of entities within entities."""
    lines = [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 30)]
    return f"<!DOCTYPE x [<!ENTITY a0 'ha'>{''.join(lines)}]><x:xmpmeta>&a29;</x:xmpmeta>".encode()


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _bombs()
    yield from _floods()
    yield from _metadata()


def _bombs() -> Iterator[HostileFile]:
    kind = "jpeg bomb"
    nothing = claiming(65_535, 65_535)
    nothing = nothing[: nothing.rindex(b"\xff\xda") + 14]
    yield HostileFile(f"{kind}/65535² and no data", lambda: nothing, "memory", OVERSIZED)
    yield HostileFile(f"{kind}/49 MP and no data", partial(claiming, 7000, 7000), "time",
                      may_pass=True)  # fmt: skip
    yield HostileFile(f"{kind}/height 0", partial(claiming, 64, 0), "a height told later")
    yield HostileFile(f"{kind}/882 scans", partial(jpeg_with_scans, 882), "time",
                      OVERSCANNED)  # fmt: skip
    yield HostileFile(f"{kind}/882 scans of 16 MP", partial(scans, 882, 4000, 4000), "time",
                      OVERSCANNED)  # fmt: skip
    for count, side in ((10, 7000), (4, 7000), (40, 3400)):
        make = partial(scans, count, side, side)
        yield HostileFile(f"{kind}/{count} more scans of {side}²", make, "time and memory",
                          DAMAGED | OVERSCANNED,
                          may_pass=True, soak=True)  # fmt: skip
    for mode in ("RGB", "CMYK", "L"):
        for progressive in (False, True):
            make = partial(flat, 7000, 7000, mode, progressive=progressive)
            what = f"49 MP of {mode}" + ", progressive" * progressive
            yield HostileFile(f"{kind}/{what}", make, "time and memory", frozenset(), True,
                              soak=(mode, progressive) != ("CMYK", True))  # fmt: skip
    for name, marker, precision in (
        ("arithmetic", 0xC9, 8), ("arithmetic progressive", 0xCA, 8), ("lossless", 0xC3, 8),
        ("differential", 0xC5, 8), ("12 bits", 0xC1, 12), ("16 bits", 0xC3, 16), ("0 bits", 0xC0, 0)
    ):  # fmt: skip
        make = partial(of_process, marker, precision)
        yield HostileFile(f"{kind}/{name}", make, "rare decoders", may_pass=True)


def _floods() -> Iterator[HostileFile]:
    kind = "jpeg flood"
    data = jpeg()
    tables = data[data.index(b"\xff\xc4") :]
    huffman = tables[: 2 + int.from_bytes(tables[2:4], "big")]
    segments = {
        "DHT": huffman * 5000,
        "DQT": jpeg_segment(0xDB, bytes(1) + bytes(range(1, 65))) * 100_000,
        "COM": jpeg_segment(0xFE, b"") * 2_000_000,
        "COM of 64 KB": jpeg_segment(0xFE, bytes(65_533)) * 130,
        "APP0": jpeg_segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0") * 400_000,
        "APP13": jpeg_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 1000) * 800,
        "APP14": jpeg_segment(0xEE, b"Adobe\0d\0\0\0\0\1") * 500_000,
        "DRI": jpeg_segment(0xDD, b"\0\1") * 1_500_000,
        "SOI": b"\xff\xd8" * 1_000_000,
        "fill bytes": b"\xff" * 8_000_000,
    }
    for name, flood in segments.items():
        make = partial(after_soi, data, flood)
        yield HostileFile(f"{kind}/{name}", make, "time and memory", may_pass=True,
                          soak=name in ("DQT", "APP0", "APP13", "APP14", "SOI"))  # fmt: skip
    yield HostileFile(f"{kind}/restart markers", partial(with_restarts, 4_000_000), "time",
                      may_pass=True)  # fmt: skip
    frames = jpeg_segment(0xC0, b"\x08\x00\x30\x00\x40\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01")
    yield HostileFile(f"{kind}/frame headers", partial(after_soi, data, frames * 1000),
                      "a size that changes", may_pass=True)  # fmt: skip


def _metadata() -> Iterator[HostileFile]:
    kind = "jpeg metadata"
    looped = exif([(0x0201, 4, 1, 8), (0x0202, 4, 1, 60_000)], 8)
    blocks = {
        "65,535 entries promised": struct.pack("<4sIH", b"II*\0", 8, 65_535) + bytes(60_000),
        "values over one another": exif([(tag, 1, 60_000, 8) for tag in range(5000)]),
        "a directory that is its own next": exif([(0x0112, 3, 1, 6)], 8),
        "a thumbnail that is the directory": looped,
        "an EXIF directory within itself": exif([(0x8769, 4, 1, 8), (0xA005, 4, 1, 8)]),
        "a value of 4 GB": exif([(0x010F, 2, 2**32 - 1, 8)]),
        "an orientation of 4 GB": exif([(0x0112, 3, 2**31, 8)]),
        "rationals over nothing": exif([(0x011A, 5, 1, 8), (0x0128, 3, 1, 2)]),
        "every type": exif([(100 + kind_, kind_, 5, 8) for kind_ in range(256)]),
    }
    for name, block in blocks.items():
        make = partial(with_exif, block)
        yield HostileFile(f"{kind}/{name}", make, "memory", frozenset(), may_pass=True)
    many = exif([(tag, 1, 60_000, 8) for tag in range(5000)])
    yield HostileFile(f"{kind}/150 EXIF blocks", partial(with_exif, many, repeat=150), "memory",
                      frozenset(), may_pass=True)  # fmt: skip
    for name, parts, part in (
        ("9 MB", 150, 60_000),
        ("a few bytes", 1, 200),
        ("255 parts", 255, 9),
    ):
        make = partial(with_profile, parts, claimed=20_000_000, part_bytes=part)
        yield HostileFile(f"{kind}/a profile of 20 MB in {name}", make, "memory", OVERDESCRIBED,
                          may_pass=part < 60_000)  # fmt: skip
    for count in (65_535, 2**27):
        make = partial(with_previews, count)
        yield HostileFile(f"{kind}/{count:,} previews", make, "a walk to nowhere", may_pass=True)
    packet = jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + entities())
    yield HostileFile(f"{kind}/XMP entities", partial(after_soi, jpeg(), packet), "memory",
                      frozenset(), may_pass=True)  # fmt: skip

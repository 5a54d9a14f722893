"""Files whose headers contradict their pixels."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from PIL import Image

from image_service.domain.formats import Format
from image_service.testing import jpeg, make, png, tiff, webp

from .containers import ASCII, SHORT, exif, ihdr
from .hostile import DAMAGED, OVERSIZED, REFUSED, UNKNOWN, HostileFile

_MAGIC = {
    Format.JPEG: b"\xff\xd8\xff",
    Format.PNG: b"\x89PNG\r\n\x1a\n",
    Format.GIF: b"GIF89a",
    Format.WEBP: b"RIFF\x24\x00\x00\x00WEBP",
    Format.AVIF: b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B",
    Format.TIFF: b"II*\0\x08\0\0\0",
    Format.HEIC: b"\0\0\0\x18ftypheic\0\0\0\0heicmif1",
    Format.BMP: b"BM\x36\x00\x00\x00\0\0\0\0\x36\0\0\0\x28\0\0\0",
}


def png_sized(width: int, height: int) -> bytes:
    """Return a PNG of 64 × 48 px whose header says another size, with the checksum to it."""
    return png()[:8] + ihdr(width, height) + png()[33:]


def exif_sized(width: int, height: int) -> bytes:
    """Return a JPEG of 64 × 48 px whose EXIF says another size."""
    block = Image.Exif()
    block[0x0100], block[0x0101] = width, height
    block.get_ifd(0x8769).update({0xA002: width, 0xA003: height})
    return jpeg(exif=block.tobytes())


def wrong_magic(magic_of: Format, body_of: Format) -> bytes:
    """Return a picture behind the first bytes of another format."""
    magic = _MAGIC[magic_of]
    return magic + make(body_of)[len(magic) :]


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _sizes()
    yield from _orientations()
    for magic_of in Format:
        for body_of in Format:
            if magic_of is not body_of:
                name = f"lie/{body_of.value} that begins as {magic_of.value}"
                lie = partial(wrong_magic, magic_of, body_of)
                yield HostileFile(name, lie, "a wrong decoder", REFUSED | UNKNOWN)


def _sizes() -> Iterator[HostileFile]:
    sizes = (
        (65, 48),
        (64, 49),
        (64, 4000),
        (48, 64),
        (16_384, 1),
        (1, 16_384),
        (7000, 7000),
        (0, 0),
    )
    for width, height in sizes:
        lie = partial(png_sized, width, height)
        fits = width == 64 and height < 48
        name = f"lie/PNG header of {width} × {height}"
        yield HostileFile(name, lie, "a wrong size", DAMAGED | OVERSIZED, may_pass=fits)
    smaller = partial(png_sized, 64, 40)
    yield HostileFile("lie/PNG header of fewer rows", smaller, "pixels left over", may_pass=True)
    for size in ((1, 1), (16, 16), (100_000, 100_000), (2**31, 2**31)):
        lie = partial(exif_sized, *size)
        name = f"lie/EXIF size of {size[0]} × {size[1]}"
        yield HostileFile(name, lie, "a wrong size", frozenset(), may_pass=True)


def _orientations() -> Iterator[HostileFile]:
    makers = {"JPEG": jpeg, "PNG": png, "WebP": webp, "TIFF": tiff}
    for name, maker in makers.items():
        for value in (0, 9, 255, 65_535):
            lie = partial(maker, orientation=value)
            yield HostileFile(f"lie/{name} of orientation {value}", lie, "a turn that is none",
                              frozenset(), may_pass=True)  # fmt: skip
    text = b"Exif\0\0" + exif([(0x0112, ASCII, 2, ord("6"))])
    yield HostileFile("lie/orientation as text", partial(jpeg, exif=text),
                      "a type that is none", frozenset(), may_pass=True)  # fmt: skip
    several = b"Exif\0\0" + exif([(0x0112, SHORT, 1, 6), (0x0112, SHORT, 1, 3)])
    yield HostileFile("lie/two orientations", partial(jpeg, exif=several), "readers that disagree",
                      frozenset(), may_pass=True)  # fmt: skip

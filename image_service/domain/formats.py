"""The picture formats the service accepts, and how bytes and names are recognised."""

from __future__ import annotations

import enum


class Format(enum.Enum):
    """An accepted picture format; the value is the word used in replies."""

    JPEG = "jpeg"
    PNG = "png"
    GIF = "gif"
    WEBP = "webp"
    AVIF = "avif"
    TIFF = "tiff"
    BMP = "bmp"
    HEIC = "heic"

    @property
    def extension(self) -> str:
        """Extension of the stored file, lower case, without a dot."""
        return "jpg" if self is Format.JPEG else self.value

    @property
    def content_type(self) -> str:
        """Media type, as sent in Content-Type."""
        return f"image/{self.value}"


EXTENSIONS: dict[str, Format] = {
    **dict.fromkeys(("jpg", "jpeg", "jpe", "jfif"), Format.JPEG),
    **dict.fromkeys(("png", "apng"), Format.PNG),
    "gif": Format.GIF,
    "webp": Format.WEBP,
    "avif": Format.AVIF,
    **dict.fromkeys(("tif", "tiff"), Format.TIFF),
    **dict.fromkeys(("bmp", "dib"), Format.BMP),
    **dict.fromkeys(("heic", "heif", "hif"), Format.HEIC),
}
"""Filename extensions that name an accepted format."""

OPTIONAL = frozenset((Format.HEIC,))
"""Formats that are accepted only where their decoder is installed."""

TURNED_BY_DECODER = frozenset((Format.TIFF, Format.HEIC))
"""Formats whose pixels are upright once they are decoded; of their size Pillow tells so before."""

OTHER_PICTURE_EXTENSIONS = frozenset(
    (
        "ai", "arw", "cdr", "cr2", "cr3", "cur", "dds", "dng", "emf", "eps", "exr", "hdr",
        "icns", "ico", "j2k", "jp2", "jpf", "jpx", "jxl", "jxr", "nef", "orf", "pbm",
        "pcx", "pgm", "pnm", "ppm", "ps", "psb", "psd", "qoi", "raf", "raw", "rw2", "sgi", "svg",
        "svgz", "tga", "wbmp", "wmf", "xbm", "xcf", "xpm",
    )
)  # fmt: skip
"""Extensions of picture formats that are not accepted: such a name claims what the file is not."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "PDF"),
    (b"%!PS", "EPS or PostScript"),
    (b"\xc5\xd0\xd3\xc6", "EPS or PostScript"),
    (b"PK\x03\x04", "ZIP (or a document made of it)"),
    (b"PK\x05\x06", "ZIP (or a document made of it)"),
    (b"\x1f\x8b", "gzip"),
    (b"8BPS", "a Photoshop document (PSD)"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\x00\x00\x01\x00", "a Windows icon"),
    (b"\x00\x00\x02\x00", "a Windows cursor"),
    (b"qoif", "QOI"),
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program (ELF)"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (b"RIFF", "an AVI video or WAV sound"),
    (b"#!", "a script"),
)
_MARKUP: tuple[tuple[bytes, str], ...] = (
    (b"<svg", "SVG"),
    (b"<!doctype svg", "SVG"),
    (b"<!doctype html", "HTML"),
    (b"<html", "HTML"),
    (b"<head", "HTML"),
    (b"<body", "HTML"),
    (b"<script", "HTML"),
)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis"}
_HEVC_SEQUENCE_BRANDS = {b"hevc", b"hevx", b"hevm", b"hevs", b"msf1"}
_DIB_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}
_SNIFFED_BYTES = 4096


def sniff(data: bytes) -> Format | None:
    """Return the accepted format that data's first bytes are of, or None.

    Looks at content alone; a name never decides.
    """
    head = data[:_SNIFFED_BYTES]
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Format.PNG
    if head.startswith((b"GIF87a", b"GIF89a")):
        return Format.GIF
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Format.WEBP
    if head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        return Format.TIFF
    brands = _brands(head)
    if brands & _AVIF_BRANDS:
        return Format.AVIF
    if brands & _HEIC_BRANDS:
        return Format.HEIC
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _DIB_HEADER_SIZES:
        return Format.BMP
    return None


def describe_unsupported(data: bytes) -> str:
    """Name what data is when sniff() does not know it, for the error message."""
    head = data[:_SNIFFED_BYTES]
    brands = _brands(head)
    if brands:
        if brands & _HEIC_BRANDS:
            return "HEIC"
        if brands & _HEVC_SEQUENCE_BRANDS:
            return "a HEIC sequence"
        return "HEIF of an unknown codec" if b"mif1" in brands else "an MP4 or QuickTime video"
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    return _describe_text(head)


def _describe_text(head: bytes) -> str:
    markup = _without_prolog(head).lower()
    for start, name in _MARKUP:
        if markup.startswith(start):
            return name
    if head.lstrip().startswith(b"<?xml"):
        return "XML"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as exc:
        # The cut at 4 KB may go through a character.
        if len(head) < _SNIFFED_BYTES or exc.start < len(head) - 4:
            return "of an unknown type"
    return "of an unknown type" if b"\0" in head else "text"


def _without_prolog(head: bytes) -> bytes:
    """Return head from its first element on, behind byte order mark, comments and <?xml?>.

    By hand: a regular expression for it takes exponential time on hostile comments.
    """
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for opening, closing in ((b"<?", b"?>"), (b"<!--", b"-->")) * 4:
        while text.startswith(opening) and closing in text:
            text = text.partition(closing)[2].lstrip()
    return text


def _brands(head: bytes) -> set[bytes]:
    """Return the brands of an ISO media file's `ftyp` box (ISO 14496-12, 4.3), or nothing."""
    if head[4:8] != b"ftyp":
        return set()
    box = head[8 : max(16, min(int.from_bytes(head[:4], "big"), 512))]
    return {box[:4]} | {box[i : i + 4] for i in range(8, len(box) - 3, 4)}

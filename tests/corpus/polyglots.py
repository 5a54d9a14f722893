"""Files that are two things at once, and files that are not what they seem."""

from __future__ import annotations

import base64
import io
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import partial

from image_service.testing import bmp, gif, jpeg, make, png

from .containers import after_soi, jpeg_segment, png_chunk
from .hostile import UNKNOWN, HostileFile

_SCRIPT = b"<script>alert(1)</script>"


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(zipfile.ZipInfo("META-INF/MANIFEST.MF"), "Main-Class: Evil\n")
    return buffer.getvalue()


def _gif_and_script() -> bytes:
    data = gif((0x2A2F, 2))  # its width spells /*
    return data + b"*/=1;alert(1)//"


def _pdf_in_front() -> bytes:
    return b"%PDF-1.4\n" + jpeg() + b"\n%%EOF"


def _svg() -> bytes:
    picture = base64.b64encode(jpeg()).decode()
    href = f'<image href="data:image/jpeg;base64,{picture}"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg">{href}</svg>'.encode()


def _bmp_and_script() -> bytes:
    return bmp((8, 8)) + b"*/=1;alert(1)"


def files() -> Iterator[HostileFile]:
    """Yield all of them."""
    yield from _two_at_once()
    yield from _something_else()


def _two_at_once() -> Iterator[HostileFile]:
    comment = jpeg_segment(0xFE, _SCRIPT)
    text = png_chunk(b"tEXt", b"k\0" + _SCRIPT)
    makers: dict[str, Callable[[], bytes]] = {
        "JPEG and ZIP": lambda: jpeg() + _archive(),
        "PNG and ZIP": lambda: png() + _archive(),
        "GIF and Java archive": lambda: gif() + _archive(),
        "JPEG and HTML": partial(after_soi, jpeg(), comment),
        "PNG and HTML": lambda: png()[:33] + text + png()[33:],
        "PNG and HTML behind its end": lambda: png() + b"<html>" + _SCRIPT,
        "GIF and JavaScript": _gif_and_script,
        "BMP and JavaScript": _bmp_and_script,
        "JPEG and PHP": lambda: jpeg() + b"<?php system($_GET[0]); ?>",
        "JPEG and PDF": partial(after_soi, jpeg(), jpeg_segment(0xFE, b"%PDF-1.4\n")),
        "JPEG and JPEG": lambda: jpeg() + jpeg((8000, 1)),
    }
    for name, maker in makers.items():
        yield HostileFile(f"polyglot/{name}", maker, "readers that disagree", frozenset(), True)
    spoiled = gif((16, 16)).replace(struct.pack("<HH", 16, 16), b"/*\x10\0", 1)
    yield HostileFile("polyglot/GIF whose width is a comment", lambda: spoiled, "readers",
                      may_pass=True)  # fmt: skip


def _something_else() -> Iterator[HostileFile]:
    others = {
        "PDF that holds a JPEG": _pdf_in_front,
        "SVG that holds a JPEG": _svg,
        "SVG behind a comment": lambda: b"<!-- GIF89a -->" + _svg(),
        "HTML": lambda: b"<html>" + _SCRIPT,
        "ZIP": _archive,
        "script": lambda: b"#!/bin/sh\nGIF89a",
        "space before a PNG": lambda: b" " + png(),
        "byte order mark before a GIF": lambda: b"\xef\xbb\xbf" + gif(),
        "JPEG without its first byte": lambda: jpeg()[1:],
        "PNG sent as text": lambda: png().replace(b"\r\n", b"\n"),
    }
    for name, maker in others.items():
        yield HostileFile(f"polyglot/{name}", maker, "a wrong type", UNKNOWN)


def renamed() -> Iterator[tuple[str, bytes]]:
    """Yield filenames whose extension contradicts the bytes beside them."""
    from image_service.domain.formats import Format

    for format_ in Format:
        for other in Format:
            if other is not format_:
                yield f"{format_.value}.{other.extension}", make(format_, (8, 8))

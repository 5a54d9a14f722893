"""BMP: bytes behind the pixels. Source: Microsoft's BITMAPFILEHEADER and BITMAPV5HEADER."""

from __future__ import annotations

import struct

from .parts import CannotStrip

_FILE_HEADER_BYTES = 14
_UNCOMPRESSED = (0, 3, 6)
_END_OF_BITMAP = b"\0\1"
_V5_BYTES = 124
_PROFILES = frozenset((b"LINK", b"MBED"))


def strip_all(data: bytes) -> tuple[bytes, set[str]]:
    """Return the BMP without what follows its pixels and profile, and {"trailing"} or nothing.

    Raises: CannotStrip.
    """
    if data[:2] != b"BM" or len(data) < _FILE_HEADER_BYTES + 12:
        raise CannotStrip("it does not start as a BMP")
    end = max(_pixels_end(data), _profile_end(data))
    if end >= len(data):
        return data, set()
    told = int.from_bytes(data[2:6], "little")
    return data[:2] + min(told, end).to_bytes(4, "little") + data[6:end], {"trailing"}


def strip_location(data: bytes) -> tuple[bytes, set[str]]:
    """Return the BMP as it is: the format has no place for one."""
    return data, set()


def _pixels_end(data: bytes) -> int:
    """Return where the pixels end. Raises: CannotStrip."""
    start: int
    header_bytes: int
    start, header_bytes = struct.unpack_from("<II", data, 10)
    if start < _FILE_HEADER_BYTES + header_bytes:
        raise CannotStrip("it is unclear where its pixels start")
    if header_bytes == 12:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        return start + int(_stride(width, bits) * height)
    if len(data) < _FILE_HEADER_BYTES + 40:
        raise CannotStrip("its header is cut off")
    size: int
    width, height, _, bits, compression, size = struct.unpack_from("<iiHHII", data, 18)
    if header_bytes == 16:  # OS/2's short header ends behind the bits
        compression = 0
    if compression in _UNCOMPRESSED:
        return start + int(_stride(abs(width), bits) * abs(height))
    end = start + size
    if end < len(data) and (size < 2 or data[end - 2 : end] != _END_OF_BITMAP):
        raise CannotStrip("it is unclear where its pixels end")
    return end


def _stride(width: int, bits: int) -> int:
    return (width * bits + 31) // 32 * 4


def _profile_end(data: bytes) -> int:
    """Return where the colour profile of a V5 header ends, or 0."""
    header_bytes = int.from_bytes(data[14:18], "little")
    kind = data[_FILE_HEADER_BYTES + 56 : _FILE_HEADER_BYTES + 60][::-1]
    if (
        len(data) < _FILE_HEADER_BYTES + _V5_BYTES
        or header_bytes < _V5_BYTES
        or kind not in _PROFILES
    ):
        return 0
    offset, size = struct.unpack_from("<II", data, _FILE_HEADER_BYTES + 112)
    return _FILE_HEADER_BYTES + int(offset) + int(size)

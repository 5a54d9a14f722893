"""Where a picture was taken, from the GPS directory of EXIF or from XMP."""

from __future__ import annotations

import re

from .guard import guarded
from .ifd import Block, Entry
from .tags import GPS_IFD
from .values import decode_text, to_ratio

Location = dict[str, float]

_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_ALTITUDE_REF, _ALTITUDE = 5, 6
_BELOW_SEA = (1, 3)  # 3: below the ellipsoid's surface (EXIF 3.0)
_MAX_LATITUDE, _MAX_LONGITUDE = 90, 180
_DECIMALS = 7
_ALTITUDE_DECIMALS = 3
_MAX_REF_BYTES = 16
_XMP_DEGREES = re.compile(
    r"([0-9]{1,3}),([0-9]{1,2}(?:\.[0-9]{1,12})?)(?:,([0-9]{1,2}(?:\.[0-9]{1,12})?))?([NSEWnsew])"
)
_XMP_ALTITUDE = re.compile(r"(-?[0-9]{1,12})/([0-9]{1,12})")


def location_from_exif(block: Block) -> Location | None:
    """Return the place that block's GPS directory tells; None without a good one."""
    entries = block.sub_directory(GPS_IFD)
    if _LATITUDE not in entries or _LONGITUDE not in entries:
        return None
    latitude = _degrees(block, entries, _LATITUDE, _LATITUDE_REF, "NS")
    longitude = _degrees(block, entries, _LONGITUDE, _LONGITUDE_REF, "EW")
    return _place(latitude, longitude, guarded(None, _altitude, block, entries))


def location_from_xmp(
    latitude: str | None, longitude: str | None, altitude: str | None, below: str | None
) -> Location | None:
    """Return the place that XMP's exif:GPS properties tell ("52,30.5N"); None without a good one.

    Args: altitude: metres as a fraction, "1234/10". below: "1" if that is below the sea.
    """
    if not latitude or not longitude:
        return None
    match = _XMP_ALTITUDE.fullmatch(altitude.strip()) if altitude else None
    metres = to_ratio(int(match[1]), int(match[2])) if match else None
    if metres is not None and below and below.strip() == "1":
        metres = -abs(metres)
    return _place(_xmp_degrees(latitude, "NS"), _xmp_degrees(longitude, "EW"), metres)


def _place(
    latitude: float | None, longitude: float | None, altitude: float | None
) -> Location | None:
    if latitude is None or longitude is None:
        return None
    if abs(latitude) > _MAX_LATITUDE or abs(longitude) > _MAX_LONGITUDE:
        return None
    # + 0.0 turns -0.0, which is no place of its own, into 0.0
    place = {
        "latitude": round(latitude, _DECIMALS) + 0.0,
        "longitude": round(longitude, _DECIMALS) + 0.0,
    }
    if altitude is not None:
        place["altitude"] = round(float(altitude), _ALTITUDE_DECIMALS) + 0.0
    return place


def _degrees(
    block: Block, entries: dict[int, Entry], tag: int, ref_tag: int, signs: str
) -> float | None:
    parts = block.numbers(entries[tag])
    ref = entries.get(ref_tag)
    side = decode_text(block.raw(ref, _MAX_REF_BYTES)) if ref else None
    if not parts or not side:
        return None
    return _signed([float(part) for part in parts], side[0], signs)


def _xmp_degrees(text: str, signs: str) -> float | None:
    match = _XMP_DEGREES.fullmatch(text.strip())
    if not match:
        return None
    return _signed([float(part or 0) for part in match.groups()[:3]], match[4], signs)


def _signed(parts: list[float], side: str, signs: str) -> float | None:
    """Return degrees, minutes and seconds as degrees. signs: the sides that are + and -."""
    side = side.upper()
    if len(parts) > 3 or side not in signs or any(not 0 <= part <= 60 for part in parts[1:]):
        return None
    if parts[0] < 0:
        return None
    degrees = sum(part / divisor for part, divisor in zip(parts, (1, 60, 3600), strict=False))
    return degrees if side == signs[0] else -degrees


def _altitude(block: Block, entries: dict[int, Entry]) -> float | None:
    entry, ref = entries.get(_ALTITUDE), entries.get(_ALTITUDE_REF)
    metres = block.number(entry) if entry else None
    if metres is None:
        return None
    below = ref is not None and block.number(ref) in _BELOW_SEA
    return -abs(metres) if below else metres

"""The one guard of decoding: what a picture is, and whether all of it can be decoded.

Sizes are checked before anything is decoded. Runs in worker processes only.
"""

from __future__ import annotations

import contextlib
import functools
import struct
import warnings
from collections.abc import Iterator

from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from ..domain.description import Description
from ..domain.formats import TURNED_BY_DECODER, Format
from ..domain.image import PictureFacts
from ..errors import (
    CorruptImage,
    LimitExceeded,
    MetadataTooLarge,
    TooManyFrames,
    TooManyPixels,
    TooManyScans,
    TruncatedImage,
)
from . import decoders
from .limits import Limits
from .metadata import boxes, describe
from .metadata.gif import MAX_BLOCKS_IN_ALL, survey
from .metadata.ifd import read_block

_TEXTS_PER_CHUNK = 16  # all texts of a PNG together may be so many times as large as one
_FREE_JPEG_SCANS = 20
_MAX_PARTS = 65_536
_PART_TAGS = (273, 324)  # StripOffsets, TileOffsets
_RIFF_HEAD_BYTES = 8
_DRAFT_SIDE_PX = 32
_MAX_FRAME_MS = 1e9
_OF_BOXES = frozenset((Format.AVIF, Format.HEIC))
_PAGED = frozenset((Format.TIFF, Format.HEIC))
_SIDES_SWAPPED = frozenset((5, 6, 7, 8))
_COLOR_SPACES = {
    "1": "Gray", "L": "Gray", "LA": "Gray", "La": "Gray", "I": "Gray", "F": "Gray",
    "CMYK": "CMYK", "YCbCr": "YCbCr", "LAB": "Lab", "HSV": "HSV",
}  # fmt: skip
_PNG_COLOR_TYPE_AT = 25
_PNG_GREYS = (0, 4)
_ALPHA_MODES = frozenset(("LA", "La", "PA", "RGBA", "RGBa"))


def set_up(limits: Limits) -> None:
    """Load the decoders and set Pillow's own limits. Once per process."""
    decoders.load()
    Image.MAX_IMAGE_PIXELS = None  # ours is checked in _check_size, for every frame
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    # Pillow holds a PNG's inflated colour profile to the limit of texts, too.
    PngImagePlugin.MAX_TEXT_CHUNK = max(limits.max_text_bytes, limits.max_icc_bytes)
    PngImagePlugin.MAX_TEXT_MEMORY = limits.max_text_bytes * _TEXTS_PER_CHUNK
    warnings.simplefilter("ignore")


class Look:
    """What else is done with a picture while it is open; subclass for more than nothing."""

    def described(self, description: Description) -> None:
        """Take what the picture says of itself."""

    def decoded(self, picture: Image.Image, orientation: int) -> None:
        """Look at the pixels of the first frame, of a JPEG perhaps at a smaller scale.

        orientation: EXIF 1..8, how the pixels must be turned to be upright.
        """


def probe(data: bytes, expected: Format, limits: Limits, look: Look | None = None) -> PictureFacts:
    """Return what the picture is, after decoding as much as shows that all of it is there.

    Args:
        data: the whole file. expected: the format that its first bytes are of.
    Raises: CorruptImage, TruncatedImage, TooManyPixels, TooManyFrames, TooManyScans,
        MetadataTooLarge; MemoryError.
    """
    try:
        return _probe(data, expected, limits, look or Look())
    except CorruptImage as exc:
        if _ends_early(data, expected):
            raise TruncatedImage("the data ends too early") from exc
        raise


def _ends_early(data: bytes, expected: Format) -> bool:
    """Tell whether a file says itself that it was longer; its decoder only says it is damaged."""
    if expected is Format.WEBP:
        return _RIFF_HEAD_BYTES + int.from_bytes(data[4:8], "little") > len(data)
    return expected in _OF_BOXES and boxes.ends_early(data)


def _probe(data: bytes, expected: Format, limits: Limits, look: Look) -> PictureFacts:
    if expected is Format.WEBP:
        _check_size(*_webp_canvas(data), limits)
    if expected is Format.TIFF:
        _check_parts(_tiff_parts(data))
    canvas = None
    if expected is Format.GIF:
        # Pillow makes room for a frame, and once more for what is behind it, before it tells.
        width, height, is_complete = survey(data)
        if not is_complete:
            raise CorruptImage(f"it is cut into more than {MAX_BLOCKS_IN_ALL:,} blocks")
        _check_size(width, height, limits)
        canvas = (width, height)
    # Should Pillow still find a larger frame than we did; of a whole picture we tell it better.
    Image.MAX_IMAGE_PIXELS = limits.max_pixels if expected is Format.GIF else None
    with translated(limits), decoders.opened(data, expected) as picture:
        width, height = picture.size
        _check_size(width, height, limits)
        if expected is Format.JPEG and not _is_one_scan(picture, data):
            _check_scans(data, width * height, limits)
        _check_metadata(picture, limits)
        frames = _count_frames(picture, canvas or picture.size, expected, limits)
        _check_parts(len(getattr(picture, "tile", ())))
        description = describe(picture, expected, data)
        look.described(description)
        orientation = description.orientation
        mode, has_alpha = picture.mode, _has_alpha(picture)
        _decode_first(picture, expected, len(data))
        turn = 1 if expected in TURNED_BY_DECODER else orientation
        look.decoded(picture, turn)
        duration_ms = _decode_others(picture, expected, frames, limits)
    if turn in _SIDES_SWAPPED:
        width, height = height, width
    return PictureFacts(
        format=expected,
        width=width,
        height=height,
        frames=frames,
        animated=frames > 1 and expected not in _PAGED,
        orientation=orientation,
        has_alpha=has_alpha,
        color_space=_color_space(mode, expected, data),
        duration_ms=duration_ms,
    )


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width < 1 or height < 1:
        raise CorruptImage("it has no width or no height")
    if max(width, height) > limits.max_side_px:
        raise TooManyPixels("max_side_px", limits.max_side_px, max(width, height))
    if width * height > limits.max_pixels:
        raise TooManyPixels("max_pixels", limits.max_pixels, width * height)


def _webp_canvas(data: bytes) -> tuple[int, int]:
    """Return the width and height that a WebP's header tells (RFC 9649, 2.5 to 2.7).

    Opening one takes 8 bytes of memory for each of its pixels before Pillow tells how many.
    """
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = data[26:28], data[28:30]
    return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF


def _is_one_scan(picture: Image.Image, data: bytes) -> bool:
    """Tell whether a sequential JPEG's first scan has all its components: decoders end there.

    Nearly all photos are so, and counting scans costs 1 ms a megabyte.
    """
    components = len(getattr(picture, "layer", ()))
    header = b"\xff\xda" + (6 + 2 * components).to_bytes(2, "big") + bytes([components])
    # Opening reads up to the end of the first scan's header (ITU T.81, B.2.3).
    end = getattr(picture, "fp").tell()  # noqa: B009 - not in the types
    start = end - (8 + 2 * components)
    return "progressive" not in picture.info and data[start : start + 5] == header


def _check_scans(data: bytes, pixels: int, limits: Limits) -> None:
    # Every scan of a progressive JPEG goes over the whole picture: 882 legal ones take 32 s.
    scans = data.count(b"\xff\xda")
    if scans > limits.max_jpeg_scans:
        raise TooManyScans("max_jpeg_scans", limits.max_jpeg_scans, scans)
    if scans > _FREE_JPEG_SCANS and scans * pixels > limits.max_jpeg_scans_pixels:
        limit = limits.max_jpeg_scans_pixels
        raise TooManyScans("max_jpeg_scans_pixels", limit, scans * pixels)


def _tiff_parts(data: bytes) -> int:
    """Return how many strips or tiles a TIFF tells of; opening one lists them all."""
    with contextlib.suppress(struct.error):
        block = read_block(data)
        if block:
            return max(
                (block.ifd0[tag].number for tag in _PART_TAGS if tag in block.ifd0), default=0
            )
    return 0


def _check_parts(parts: int) -> None:
    if parts > _MAX_PARTS:
        raise CorruptImage(f"it is cut into {parts:,} strips or tiles, more than {_MAX_PARTS:,}")


def _check_metadata(picture: Image.Image, limits: Limits) -> None:
    profile = picture.info.get("icc_profile") or b""
    if len(profile) > limits.max_icc_bytes:
        raise MetadataTooLarge("max_icc_bytes", limits.max_icc_bytes, len(profile))
    for value in picture.info.values():
        if isinstance(value, str) and len(value) > limits.max_text_bytes:
            raise MetadataTooLarge("max_text_bytes", limits.max_text_bytes, len(value))


def _count_frames(
    picture: Image.Image, canvas: tuple[int, int], expected: Format, limits: Limits
) -> int:
    """Return the number of frames or pages, walking no further than the limit allows.

    Args: canvas: the width and height that each of them takes, in px.
    """
    if expected in (Format.JPEG, Format.BMP):
        return 1  # a JPEG's further pictures (MPO) are previews and depth maps
    if expected in (Format.PNG, Format.WEBP, Format.AVIF, Format.HEIC):
        frames = int(getattr(picture, "n_frames", 1))  # told by the header
    else:
        frames = _walk_frames(picture, canvas, limits)
    _check_frames(frames, canvas, limits)
    return frames


def _walk_frames(picture: Image.Image, canvas: tuple[int, int], limits: Limits) -> int:
    # n_frames walks to the end of the file however long it is; this only one frame further. A
    # GIF's seek() would decode every frame, which is done soon enough.
    step = picture.seek
    if picture.format == "GIF":
        step = functools.partial(getattr(picture, "_seek"), update_image=False)  # noqa: B009
    frames = 1
    with contextlib.suppress(EOFError):
        while frames <= limits.max_frames:
            step(frames)
            frames += 1
            _check_frames(frames, canvas, limits)
    picture.seek(0)
    return frames


def _check_frames(frames: int, size: tuple[int, int], limits: Limits) -> None:
    if frames > limits.max_frames:
        raise TooManyFrames("max_frames", limits.max_frames, frames)
    pixels = frames * size[0] * size[1]
    if frames > 1 and pixels > limits.max_frames_pixels:
        raise TooManyFrames("max_frames_pixels", limits.max_frames_pixels, pixels)


def _color_space(mode: str, expected: Format, data: bytes) -> str:
    if expected is Format.PNG and data[_PNG_COLOR_TYPE_AT] in _PNG_GREYS:
        return "Gray"  # Pillow opens 16-bit grey with alpha as RGBA
    return _COLOR_SPACES.get(mode.partition(";")[0], "RGB")


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in _ALPHA_MODES or "transparency" in picture.info


def _decode_first(picture: Image.Image, expected: Format, size_bytes: int) -> None:
    if expected is Format.JPEG:
        # An eighth of the size runs over every byte of the file at a third of the work. Small
        # pictures stay large enough to take a fingerprint of.
        width, height = picture.size
        picture.draft(None, (max(_DRAFT_SIDE_PX, width // 8), max(_DRAFT_SIDE_PX, height // 8)))
        # All at once rather than 64 KB at a time, with what each left copied before the next.
        setattr(picture, "decodermaxblock", size_bytes)  # noqa: B010 - not in the types
    picture.load()


def _decode_others(
    picture: Image.Image, expected: Format, frames: int, limits: Limits
) -> int | None:
    """Decode the other frames; return how long all of them last, in ms, None for a still."""
    if frames == 1 or expected in _PAGED:
        return None  # further pages are kept as they are
    total = frame_duration_ms(picture)
    for index in range(1, frames):
        picture.seek(index)
        _check_size(*picture.size, limits)
        picture.load()
        total += frame_duration_ms(picture)
    return round(total)


def frame_duration_ms(picture: Image.Image) -> float:
    """Return how long the frame that is open is shown, 0 where it is not said."""
    value = picture.info.get("duration", 0)
    is_time = isinstance(value, (int, float)) and 0 <= value < _MAX_FRAME_MS
    return value if is_time else 0


@contextlib.contextmanager
def translated(limits: Limits) -> Iterator[None]:
    """Turn whatever a decoder raises about a bad file into CorruptImage or TruncatedImage."""
    try:
        yield
    except (CorruptImage, LimitExceeded, MemoryError):
        raise
    except Image.DecompressionBombError as exc:
        actual = int(str(exc).partition("(")[2].partition(" ")[0])
        raise TooManyPixels("max_pixels", limits.max_pixels, actual) from None
    except UnidentifiedImageError:
        raise CorruptImage("its header is damaged") from None
    except EOFError:
        raise TruncatedImage("the data ends too early") from None
    except (OSError, ValueError, SyntaxError, TypeError, struct.error, KeyError, IndexError,
            OverflowError, ZeroDivisionError, AttributeError, AssertionError, RecursionError,
            RuntimeError, NotImplementedError) as exc:  # fmt: skip
        text = str(exc).lower()
        if "max_text_chunk" in text or "too much memory used in text" in text:
            actual = PngImagePlugin.MAX_TEXT_CHUNK + 1
            raise MetadataTooLarge("max_text_bytes", limits.max_text_bytes, actual) from None
        if "truncated" in text or "not enough" in text or "unexpected end" in text:
            raise TruncatedImage("the data ends too early") from None
        raise CorruptImage("its data is damaged") from None

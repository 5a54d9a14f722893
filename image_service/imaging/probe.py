"""The one guard of decoding: what a picture is, and whether all of it can be decoded.

Sizes are checked before anything is decoded. Runs in worker processes only.
"""

from __future__ import annotations

import contextlib
import io
import struct
import warnings
from collections.abc import Iterator

from PIL import ExifTags, Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from ..domain.formats import Format
from ..domain.image import PictureFacts
from ..errors import CorruptImage, TooManyFrames, TooManyPixels, TruncatedImage
from .limits import Limits

_MAX_TEXT_CHUNK_BYTES = 256 * 1024
_MAX_TEXT_BYTES = 4 * 1024 * 1024
_MAX_JPEG_SCANS = 64
_FREE_JPEG_SCANS = 20
_MAX_JPEG_SCANS_PIXELS = 500_000_000
_JPEG_DRAFT_SCALE = 8
_SIDES_SWAPPED = frozenset((5, 6, 7, 8))
_COLOR_SPACES = {
    "1": "Gray", "L": "Gray", "LA": "Gray", "La": "Gray", "I": "Gray", "F": "Gray",
    "CMYK": "CMYK", "YCbCr": "YCbCr", "LAB": "Lab", "HSV": "HSV",
}  # fmt: skip
_ALPHA_MODES = frozenset(("LA", "La", "PA", "RGBA", "RGBa"))


def set_up() -> None:
    """Load the decoders and set Pillow's own limits. Once per process."""
    Image.init()
    Image.MAX_IMAGE_PIXELS = None  # ours is checked in _check_size, for every frame
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    PngImagePlugin.MAX_TEXT_CHUNK = _MAX_TEXT_CHUNK_BYTES
    PngImagePlugin.MAX_TEXT_MEMORY = _MAX_TEXT_BYTES
    warnings.simplefilter("ignore")


def probe(data: bytes, expected: Format, limits: Limits) -> PictureFacts:
    """Return what the picture is, after decoding as much as shows that all of it is there.

    Args:
        data: the whole file. expected: the format that its first bytes are of.
    Raises: CorruptImage, TruncatedImage, TooManyPixels, TooManyFrames.
    """
    if expected is Format.WEBP:
        _check_size(*_webp_canvas(data), limits)
    with _translated(), Image.open(io.BytesIO(data), formats=[expected.name]) as picture:
        width, height = picture.size
        _check_size(width, height, limits)
        if expected is Format.JPEG and not _is_one_scan(picture, data):
            _check_scans(data, width * height)
        frames = _count_frames(picture, expected, limits)
        orientation = _orientation(picture)
        mode, has_alpha = picture.mode, _has_alpha(picture)
        _decode(picture, expected, frames)
    # Of a TIFF Pillow tells the size as it is shown already.
    if orientation in _SIDES_SWAPPED and expected is not Format.TIFF:
        width, height = height, width
    return PictureFacts(
        format=expected,
        width=width,
        height=height,
        frames=frames,
        animated=frames > 1 and expected is not Format.TIFF,
        orientation=orientation,
        has_alpha=has_alpha,
        color_space=_COLOR_SPACES.get(mode.partition(";")[0], "RGB"),
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


def _check_scans(data: bytes, pixels: int) -> None:
    # Every scan of a progressive JPEG goes over the whole picture: 882 legal ones take 32 s.
    scans = data.count(b"\xff\xda")
    too_much_work = scans > _FREE_JPEG_SCANS and scans * pixels > _MAX_JPEG_SCANS_PIXELS
    if scans > _MAX_JPEG_SCANS or too_much_work:
        raise CorruptImage(f"its {scans} scans over {pixels:,} pixels are more than a photo needs")


def _count_frames(picture: Image.Image, expected: Format, limits: Limits) -> int:
    """Return the number of frames or pages, walking no further than the limit allows."""
    if expected in (Format.JPEG, Format.BMP):
        return 1  # a JPEG's further pictures (MPO) are previews and depth maps
    if expected in (Format.PNG, Format.WEBP, Format.AVIF):
        frames = int(getattr(picture, "n_frames", 1))  # told by the header
    else:
        frames = _walk_frames(picture, limits)
    _check_frames(frames, picture.size, limits)
    return frames


def _walk_frames(picture: Image.Image, limits: Limits) -> int:
    # n_frames walks to the end of the file however long it is; seek() only one frame further.
    frames = 1
    with contextlib.suppress(EOFError):
        while frames <= limits.max_frames:
            picture.seek(frames)
            frames += 1
            _check_frames(frames, picture.size, limits)
    picture.seek(0)
    return frames


def _check_frames(frames: int, size: tuple[int, int], limits: Limits) -> None:
    if frames > limits.max_frames:
        raise TooManyFrames("max_frames", limits.max_frames, frames)
    pixels = frames * size[0] * size[1]
    if frames > 1 and pixels > limits.max_frames_pixels:
        raise TooManyFrames("max_frames_pixels", limits.max_frames_pixels, pixels)


def _orientation(picture: Image.Image) -> int:
    # getexif() on a PNG without EXIF would decode the whole picture to look behind it.
    has_exif = "exif" in picture.info or picture.format == "TIFF"
    try:
        value = picture.getexif().get(ExifTags.Base.Orientation, 1) if has_exif else 1
    except Exception:  # noqa: BLE001 - whatever is wrong with the EXIF, the picture still counts
        return 1
    return value if value in range(1, 9) else 1


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in _ALPHA_MODES or "transparency" in picture.info


def _decode(picture: Image.Image, expected: Format, frames: int) -> None:
    if expected is Format.JPEG:
        # An eighth of the size runs over every byte of the file at a third of the work.
        width, height = picture.size
        eighth = max(1, width // _JPEG_DRAFT_SCALE), max(1, height // _JPEG_DRAFT_SCALE)
        picture.draft(None, eighth)
    picture.load()
    if expected is Format.TIFF:
        return  # further pages are kept as they are
    for index in range(1, frames):
        picture.seek(index)
        picture.load()


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Turn whatever a decoder raises about a bad file into CorruptImage or TruncatedImage."""
    try:
        yield
    except (CorruptImage, TooManyFrames, TooManyPixels):
        raise
    except MemoryError:
        raise CorruptImage("decoding it takes more memory than allowed") from None
    except UnidentifiedImageError:
        raise CorruptImage("its header is damaged") from None
    except EOFError:
        raise TruncatedImage("the data ends too early") from None
    except (OSError, ValueError, SyntaxError, TypeError, struct.error, KeyError, IndexError,
            OverflowError, ZeroDivisionError, AttributeError, AssertionError, RecursionError,
            RuntimeError, NotImplementedError) as exc:  # fmt: skip
        text = str(exc).lower()
        if "truncated" in text or "not enough" in text or "unexpected end" in text:
            raise TruncatedImage("the data ends too early") from None
        raise CorruptImage("its data is damaged") from None

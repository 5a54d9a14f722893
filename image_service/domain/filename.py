"""The one guard of filenames: what a caller calls a picture, kept as text, never used as a path."""

from __future__ import annotations

import unicodedata

from ..errors import InvalidFilename, TypeMismatch
from .arguments import is_clean
from .formats import EXTENSIONS, OTHER_PICTURE_EXTENSIONS, Format

MAX_FILENAME_CHARACTERS = 255


def check_filename(filename: object) -> str:
    """Return filename unchanged when it may be kept.

    Any text of 1..255 characters is kept as it is, unicode and path separators included: it only
    ever lives in the catalogue.

    Raises: InvalidFilename if it is no text, empty, blank, too long, or holds control
        characters or halves of surrogate pairs (they break headers and terminals).
    """
    if not isinstance(filename, str):
        raise InvalidFilename(f"it must be text, not {type(filename).__name__}")
    if not filename.strip():
        raise InvalidFilename("it is empty; give the picture's original name")
    if len(filename) > MAX_FILENAME_CHARACTERS:
        raise InvalidFilename(
            f"it has {len(filename)} characters; the limit is {MAX_FILENAME_CHARACTERS}"
        )
    if not is_clean(filename):
        raise InvalidFilename("it contains control characters or broken unicode")
    return filename


def check_extension(filename: str, detected: Format) -> None:
    """Accept a filename whose extension agrees with the content, or claims nothing.

    Raises: TypeMismatch if the extension names another format, accepted or not.
    """
    extension = extension_of(filename)
    claimed = EXTENSIONS.get(extension)
    if claimed is not detected and (claimed or extension in OTHER_PICTURE_EXTENSIONS):
        raise TypeMismatch(extension, detected.value)


def extension_of(filename: str) -> str:
    """Return what follows the last dot of the name's last part, lower case; "" if nothing."""
    name = base_name(filename).strip()
    stem, dot, extension = name.rpartition(".")
    return extension.lower() if dot and stem else ""


def base_name(filename: str) -> str:
    """Return the name's last part, whichever system's separators it was written with."""
    return filename.replace("\\", "/").rstrip("/").rpartition("/")[2]


def fold(text: str) -> str:
    """Return text as searches compare it: compatibility-normalised, case ignored."""
    return unicodedata.normalize("NFKC", text).casefold()

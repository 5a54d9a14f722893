"""The words people gave a picture, wherever they stand in its file, brought together.

XMP counts before IPTC, IPTC before EXIF, EXIF before a PNG's text chunks: what editors keep up to
date comes first (MWG, Guidelines for Handling Image Metadata 2.0, 3.1, reads XMP first too).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ...domain.description import ExifValue
from .values import any_text, unique_texts

_BETWEEN = ";"


class Words(NamedTuple):
    """What one source tells; None and [] for what it does not."""

    title: str | None = None
    description: str | None = None
    creator: list[str] = []  # noqa: RUF012 - never changed
    keywords: list[str] = []  # noqa: RUF012
    rights: str | None = None
    comment: str | None = None


def words_of_exif(exif: Mapping[str, ExifValue]) -> Words:
    """Return the words among EXIF tags as read_exif() names them."""
    return Words(
        title=_first(exif, "ImageTitle", "XPTitle"),
        description=_first(exif, "ImageDescription", "XPSubject"),
        creator=_split(_first(exif, "Artist", "Photographer", "XPAuthor")),
        keywords=_split(_first(exif, "XPKeywords")),
        rights=_first(exif, "Copyright"),
        comment=_first(exif, "UserComment", "XPComment"),
    )


def words_of_png(info: Mapping[object, object]) -> Words:
    """Return the words in a PNG's texts, by the keywords that the standard registers."""

    def text(keyword: str) -> str | None:
        return any_text(info.get(keyword)) or any_text(info.get(keyword.lower()))

    return Words(
        title=text("Title"),
        description=text("Description"),
        creator=unique_texts([text("Author")]),
        rights=text("Copyright"),
        comment=text("Comment"),
    )


def merge(sources: list[Words]) -> Words:
    """Return of each kind of words what the first source has that has any."""
    if len(sources) == 1:
        return sources[0]
    # zip turns the sources' rows into one column for each kind of words
    columns = zip(*sources, strict=True)
    return Words(*(next(filter(None, column), column[-1]) for column in columns))


def _first(exif: Mapping[str, ExifValue], *names: str) -> str | None:
    values = (exif.get(name) for name in names)
    return next((value for value in values if isinstance(value, str)), None)


def _split(text: str | None) -> list[str]:
    return unique_texts(part.strip() or None for part in text.split(_BETWEEN)) if text else []

"""A form with one file in it (multipart/form-data, RFC 7578), read part by part as it comes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from multipart import MultipartSegment, ParserLimitReached, PushMultipartParser
from werkzeug.exceptions import BadRequest

from ..errors import ImageTooLarge, InvalidArgument

FILE_FIELD = "file"
_MAX_PARTS = 128
_MAX_BOUNDARY_CHARACTERS = 200


@dataclass
class Form:
    """What a form holds. fields: the texts of each name, in the order they came."""

    file: bytearray = field(default_factory=bytearray)
    filename: str | None = None
    fields: dict[str, list[str]] = field(default_factory=dict)


class FormReader:
    """Reads one form, and no more of it than may be stored."""

    def __init__(self, *, max_file_bytes: int, max_fields_bytes: int) -> None:
        """Args: max_fields_bytes: of all texts together, their names included."""
        self._max_file_bytes = max_file_bytes
        self._max_fields_bytes = max_fields_bytes
        self._fields_bytes = 0
        self._form = Form()

    def read(self, chunks: Iterable[bytes], boundary: str | None) -> Form:
        """Return the form that the chunks of a body are.

        Args: boundary: as Content-Type names it.
        Raises: BadRequest for what is no form; InvalidArgument where it has not exactly one file,
            named FILE_FIELD; ImageTooLarge as soon as there is too much of anything.
        """
        if not boundary or len(boundary) > _MAX_BOUNDARY_CHARACTERS or not boundary.isascii():
            raise BadRequest("Content-Type names no boundary between the form's parts.")
        try:
            self._take(_events(chunks, boundary))
        except ParserLimitReached:
            raise BadRequest(
                f"The form has more than {_MAX_PARTS} parts, or one with an endless head."
            ) from None
        except ValueError:  # MultipartError, or a text that is no UTF-8
            raise BadRequest("The form cannot be read: it ends too early, or is none.") from None
        if self._form.filename is None:
            raise InvalidArgument(FILE_FIELD, "the form has no file in a field of this name")
        return self._form

    def _take(self, events: Iterator[MultipartSegment | bytes | None]) -> None:
        part, data = None, bytearray()
        for event in events:
            if isinstance(event, MultipartSegment):
                part, data = event, self._begin(event)
            elif event is not None:
                data += event
                if data is self._form.file:
                    self._check_file()
                else:
                    self._count(len(event))
            elif part and data is not self._form.file:
                self._form.fields.setdefault(part.name or "", []).append(data.decode())

    def _begin(self, part: MultipartSegment) -> bytearray:
        """Return what a part's content goes to."""
        self._count(len(part.name or "") + len(part.filename or ""))
        if part.filename is None:
            if part.name == FILE_FIELD:
                raise InvalidArgument(FILE_FIELD, "it has no filename; send it as a file")
            return bytearray()
        if part.name != FILE_FIELD:
            raise InvalidArgument((part.name or "")[:40], f"only {FILE_FIELD!r} may be a file")
        if self._form.filename is not None:
            raise InvalidArgument(FILE_FIELD, "there is more than one; send one a request")
        self._form.filename = part.filename
        return self._form.file

    def _check_file(self) -> None:
        size_bytes = len(self._form.file)
        if size_bytes > self._max_file_bytes:
            raise ImageTooLarge("max_upload_bytes", self._max_file_bytes, size_bytes)

    def _count(self, size_bytes: int) -> None:
        self._fields_bytes += size_bytes
        if self._fields_bytes > self._max_fields_bytes:
            raise ImageTooLarge("max_call_bytes", self._max_fields_bytes, self._fields_bytes)


def _events(chunks: Iterable[bytes], boundary: str) -> Iterator[MultipartSegment | bytes | None]:
    # Not strict: that refuses line breaks after the last part where they come by themselves.
    parser = PushMultipartParser(boundary, max_segment_count=_MAX_PARTS)
    for chunk in chunks:
        yield from parser.parse(chunk)
    parser.close()

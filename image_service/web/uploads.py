"""POST /images: one picture in a form, stored as upload_image does."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import Any

from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from ..domain.image import Image
from ..domain.outcomes import Delivery
from ..errors import Busy, InvalidArgument
from ..manager import StorageManager
from ..rpc.replies import Replies
from .access import Access
from .api import json_response
from .balance import NEEDED_WORKER
from .bodies import Bodies
from .forms import Form, FormReader

_TYPE = "multipart/form-data"
_FIELDS = ("tags", "attributes", "checksum", "idempotency_key")
_KEY_HEADER = "Idempotency-Key"
# Beside the picture and the texts: boundaries and heads of parts.
_FRAMING_BYTES = 64 * 1024


class Room:
    """Memory for what comes in, of all uploads together."""

    def __init__(self, max_bytes: int) -> None:
        self._left_bytes = max_bytes

    @contextlib.contextmanager
    def holding(self, chunks: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
        """Yield chunks for as long as there is room, which is taken meanwhile. Raises: Busy."""
        taken = 0

        def counted() -> Iterator[bytes]:
            nonlocal taken
            for chunk in chunks:
                if len(chunk) > self._left_bytes:
                    raise Busy("too many uploads come in at once")
                self._left_bytes -= len(chunk)
                taken += len(chunk)
                yield chunk

        try:
            yield counted()
        finally:
            self._left_bytes += taken


class Uploads:
    """Takes pictures from forms."""

    def __init__(
        self,
        manager: StorageManager,
        replies: Replies,
        access: Access,
        bodies: Bodies,
        *,
        begin: Callable[[Image], None],
        turns: AbstractContextManager[Any],
        max_file_bytes: int,
        max_fields_bytes: int,
        room: Room,
    ) -> None:
        """Args:
        begin: is told of each picture that was stored.
        turns: entered by an upload that has come in, for as long as it is worked on.
        """
        self._manager = manager
        self._replies = replies
        self._access = access
        self._bodies = bodies
        self._begin = begin
        self._turns = turns
        self._max_file_bytes = max_file_bytes
        self._max_fields_bytes = max_fields_bytes
        self._room = room

    def upload(self, request: Request) -> Response:
        """Store the picture and return the answer.

        Raises: ImageServiceError; BadRequest, UnsupportedMediaType, RequestTimeout,
            ClientDisconnected.
        """
        caller = self._access.admit(request, "upload", kind="uploads")
        if request.mimetype != _TYPE:
            raise UnsupportedMediaType(f"Send a form, as Content-Type: {_TYPE}.")
        with (
            contextlib.closing(self._chunks(request)) as chunks,
            self._room.holding(chunks) as held,
        ):
            request.environ[NEEDED_WORKER] = True
            form = self._reader().read(held, request.mimetype_params.get("boundary"))
            image = self._store(form, request.headers.get(_KEY_HEADER), caller.owner)
        self._begin(image)
        response = json_response(reply := self._replies.uploaded(image), status=201)
        response.headers["Location"] = reply["url"]
        return response

    def _chunks(self, request: Request) -> Generator[bytes]:
        spare_bytes = self._max_fields_bytes + _FRAMING_BYTES
        return self._bodies.chunks(
            request, "max_upload_bytes", self._max_file_bytes, spare_bytes=spare_bytes
        )

    def _reader(self) -> FormReader:
        return FormReader(
            max_file_bytes=self._max_file_bytes, max_fields_bytes=self._max_fields_bytes
        )

    def _store(self, form: Form, key: str | None, owner: str | None) -> Image:
        more = _arguments(form)
        if key is not None:
            more.setdefault("idempotency_key", key)
        data = bytes(form.file)
        form.file.clear()  # the picture is in memory once
        with self._turns:
            return self._manager.add(data, form.filename, delivery=Delivery(owner=owner), **more)


def _arguments(form: Form) -> dict[str, Any]:
    """Return what the texts of a form say, as upload_image's arguments; empty ones say nothing."""
    found: dict[str, Any] = {}
    for name, values in form.fields.items():
        if name not in _FIELDS:
            why = f"there is no such field here, only: file, {', '.join(_FIELDS)}"
            raise InvalidArgument(name[:40], why)
        given = [value for value in values if value]
        if name == "tags":
            found[name] = given
        elif len(given) > 1:
            raise InvalidArgument(name, "it is given more than once")
        elif given:
            found[name] = _mapping(given[0]) if name == "attributes" else given[0]
    return found


def _mapping(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidArgument("attributes", "it is not JSON") from None

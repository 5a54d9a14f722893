"""The service's methods, typed: the same for scripts, for Nameko workers and for the fake."""

from __future__ import annotations

import contextlib
import hashlib
import uuid
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import Any, TypeVar

from ..errors import ImageNotFound, ImageServiceError, InvalidArgument
from .caller import Caller
from .downloads import Reader, Target, write_down
from .errors import error_from
from .fields import read
from .results import (
    Address,
    Deletion,
    Download,
    Health,
    Image,
    ImageDetails,
    ImagePage,
    SimilarImage,
    StorageInfo,
    UploadedImage,
    image_from,
)
from .retries import with_retries
from .sources import OnProgress, Picture, read_source

Transform = str | Mapping[str, Any]
"""Options as a url has them, "rs:fill:300:400/q:80", or a mapping of them."""

I = TypeVar("I", bound=Image)  # noqa: E741
Api = TypeVar("Api", bound="ImageApi")

TIMEOUT_S = 30.0
ATTEMPTS = 5
PAGE = 1000
CHECKSUMS_AT_ONCE = 1000


class ImageApi:
    """Calls image_service and answers dataclasses; what goes wrong is raised.

    Every method may raise what `image_service.errors` and `image_service.client.errors` have, by
    the reply's code. Errors that say they are retryable, and lost connections, are tried again
    before they are raised; nothing is thereby done twice.
    """

    def __init__(
        self, caller: Caller, *, timeout_s: float = TIMEOUT_S, attempts: int = ATTEMPTS
    ) -> None:
        """Args:
        caller: carries the calls.
        timeout_s: how long an attempt may take; attempts: how many there are, 1 for no repetition.
        """
        self._caller = caller
        self._timeout_s = timeout_s
        self._attempts = attempts

    def upload(
        self,
        picture: Picture,
        filename: str = "",
        *,
        tags: Collection[str] = (),
        attributes: Mapping[str, str] | None = None,
        checksum: str = "",
        idempotency_key: str = "",
        on_progress: OnProgress | None = None,
    ) -> UploadedImage:
        """Store a picture; return it once it is durable.

        Args:
            picture: a path, bytes, a file object, or an http(s) URL, which is fetched here.
            filename: its name; empty for that of the path, file or URL.
            checksum: "sha256:<hex>" that the service compares; empty for that of the bytes read.
            idempotency_key: uploads with the same key within a day make one image; empty for one
                of this call's own, which its repetitions share.
            on_progress: told the bytes sent and the bytes there are.
        """
        source = read_source(picture, self._timeout_s)
        name = filename or source.filename
        if not name:
            raise InvalidArgument("filename", "bytes have no name of their own: give one")
        size_bytes = len(source.data)
        tell = on_progress or _tell_nobody
        tell(0, size_bytes)
        reply = self.call(
            "upload_image",
            file=source.data,
            filename=name,
            tags=list(tags) or None,
            attributes=dict(attributes or {}) or None,
            checksum=checksum or "sha256:" + hashlib.sha256(source.data).hexdigest(),
            idempotency_key=idempotency_key or f"call-{uuid.uuid4()}",
        )
        tell(size_bytes, size_bytes)
        return _image(UploadedImage, reply)

    def get(self, image_id: str) -> ImageDetails:
        """Return all that is known of an image."""
        return _image(ImageDetails, self.call("get_image", image_id=image_id))

    def update(
        self,
        image_id: str,
        *,
        filename: str | None = None,
        tags: Collection[str] | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> ImageDetails:
        """Change an image's name, tags or attributes; None leaves what is there."""
        reply = self.call(
            "update_image",
            image_id=image_id,
            filename=filename,
            tags=None if tags is None else list(tags),
            attributes=None if attributes is None else dict(attributes),
        )
        return _image(ImageDetails, reply)

    def delete(self, image_id: str, *, permanent: bool = False) -> Deletion:
        """Delete an image, into the trash where there is one, unless it is to be permanent.

        Where an earlier attempt failed, an image that is gone counts as deleted: nobody knows how
        far that attempt came, and a host that hung may carry it out later.
        """
        is_uncertain = False
        arguments = {"image_id": image_id, "permanent": permanent or None}

        def attempt() -> Mapping[str, Any]:
            nonlocal is_uncertain
            try:
                return self._once("delete_image", arguments)
            except ImageNotFound:
                if not is_uncertain:
                    raise
                return {"imageId": image_id, "message": "Image deleted."}
            except ImageServiceError:
                is_uncertain = True
                raise

        return read(Deletion, with_retries(self._attempts, attempt))

    def restore(self, image_id: str) -> ImageDetails:
        """Take an image out of the trash."""
        return _image(ImageDetails, self.call("restore_image", image_id=image_id))

    def page(
        self, limit: int | None = None, cursor: str | None = None, **filters: Any
    ) -> ImagePage:
        """Return one page of the images, the newest first.

        Args:
            limit: 1..1000; cursor: next_cursor of the page before.
            filters: order, format, tag, filename, created_after, created_before, min_bytes,
                max_bytes, trashed; see list_images in docs/rpc.md. Moments may be datetimes.
        """
        told = {name: _spelt(value) for name, value in filters.items()}
        return read(ImagePage, self.call("list_images", limit=limit, cursor=cursor, **told))

    def iterate(self, *, page_size: int = PAGE, **filters: Any) -> Iterator[Image]:
        """Yield all images, page by page; none is skipped or repeated while others come and go.

        Args: filters: as page()'s.
        """
        cursor = None
        while True:
            page = self.page(page_size, cursor, **filters)
            yield from page.images
            cursor = page.next_cursor
            if not cursor:
                return

    def find(self, checksums: Collection[str]) -> dict[str, str]:
        """Return the ids of the images that have these bytes, by "sha256:<hex>" of them.

        Those sent count as those stored, which differ where metadata are stripped. Checksums of
        which there is no image are not in it; of several images the oldest is.
        """
        found: dict[str, str] = {}
        asked = list(checksums)
        for start in range(0, len(asked), CHECKSUMS_AT_ONCE):
            part = asked[start : start + CHECKSUMS_AT_ONCE]
            found.update(self.call("find_images", checksums=part)["imageIds"])
        return found

    def similar(
        self, image_id: str, *, max_distance: int | None = None, limit: int | None = None
    ) -> tuple[SimilarImage, ...]:
        """Return the images that look like this one, the nearest first; see find_similar."""
        reply = self.call("find_similar", image_id=image_id, max_distance=max_distance, limit=limit)
        return tuple(read(SimilarImage, each) for each in reply["images"])

    def address(
        self, image_id: str, transform: Transform | None = None, expires_in_s: int | None = None
    ) -> Address:
        """Return the url of an image, or of a variant of it, and until when it is good."""
        return read(
            Address,
            self.call(
                "get_image_url",
                image_id=image_id,
                transform=transform,
                expires_in_s=expires_in_s,
            ),
        )

    def url(
        self, image_id: str, transform: Transform | None = None, expires_in_s: int | None = None
    ) -> str:
        """Return the url alone."""
        return self.address(image_id, transform, expires_in_s).url

    def read(self, image_id: str, transform: Transform | None = None) -> bytes:
        """Return an image's bytes, or those of a variant of it."""
        return b"".join(part for part, _ in self._reader(image_id, transform).parts())

    def download(
        self,
        image_id: str,
        target: Target,
        *,
        transform: Transform | None = None,
        on_progress: OnProgress | None = None,
    ) -> Download:
        """Write an image's bytes, or a variant's, to a file, part by part.

        Args:
            target: a path, which appears when it is complete, or a file opened for bytes.
            on_progress: told the bytes written and the bytes there are.
        Raises: ChecksumMismatch if they are not those that were stored; OSError.
        """
        reader = self._reader(image_id, transform)
        return write_down(reader, target, on_progress or _tell_nobody)

    def storage_info(self) -> StorageInfo:
        """Return how much is stored."""
        return read(StorageInfo, self.call("get_storage_info"))

    def health(self) -> Health:
        """Return how the service is; one that is not well is no error."""
        return read(Health, self.call("health_check"))

    def call(self, method: str, **arguments: Any) -> Mapping[str, Any]:
        """Return the reply of any method, raising where it tells of an error.

        Args: arguments: None is not sent.
        """
        return with_retries(self._attempts, lambda: self._once(method, arguments))

    def close(self) -> None:
        """Close every connection."""
        self._caller.close()

    def __enter__(self: Api) -> Api:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _reader(self, image_id: str, transform: Transform | None) -> Reader:
        return Reader(self.call, image_id, transform)

    def _once(self, method: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        given = {name: value for name, value in arguments.items() if value is not None}
        reply = self._caller.call(method, given, self._timeout_s)
        if reply.get("error"):
            raise error_from(reply)
        return reply


def _image(cls: type[I], reply: Mapping[str, Any]) -> I:
    image: I = image_from(cls, reply)
    return image


def _spelt(value: Any) -> Any:
    """Return a datetime as the wire has it."""
    with contextlib.suppress(AttributeError):
        return value.isoformat()
    return value


def _tell_nobody(done_bytes: int, total_bytes: int) -> None:  # noqa: ARG001
    return None

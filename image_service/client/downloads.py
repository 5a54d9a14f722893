"""Pictures from the service, part by part, checked, and into files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Union

from ..errors import Busy, ChecksumMismatch
from .results import Download
from .sources import OnProgress

Target = Union[str, "os.PathLike[str]", IO[bytes]]
"""Where a picture is written: a path or a file object opened for bytes."""

PART_BYTES = 4 * 1024 * 1024


class Reader:
    """Reads the file of one image, or of a variant."""

    def __init__(
        self, call: Callable[..., Mapping[str, Any]], image_id: str, transform: object
    ) -> None:
        """Args: call: calls a method by keywords, raising what goes wrong."""
        self._call = call
        self.image_id = image_id
        self._transform = transform
        self.content_type = ""
        self.total_bytes = 0

    def parts(self) -> Iterator[tuple[bytes, int]]:
        """Yield the parts, each with where it begins.

        Raises:
            ChecksumMismatch: an original whose bytes are not those that were stored.
            Busy: a variant that was made anew meanwhile, and is not what the first parts are of.
        """
        digest, offset = hashlib.sha256(), 0
        while True:
            reply = self._part(offset)
            data: bytes = reply["file"]
            if offset and reply["totalBytes"] != self.total_bytes:
                raise Busy("the picture changed while it was being downloaded")
            self.content_type, self.total_bytes = reply["contentType"], reply["totalBytes"]
            digest.update(data)
            yield data, offset
            offset += len(data)
            if offset >= self.total_bytes:
                break
            if not data:
                raise Busy("the picture ended before its end")
        if self._transform is None:
            self._check(digest.hexdigest())

    def _part(self, offset: int) -> Mapping[str, Any]:
        return self._call(
            "download_image",
            image_id=self.image_id,
            transform=self._transform,
            offset=offset or None,
            length=PART_BYTES,
        )

    def _check(self, actual: str) -> None:
        expected = self._call("get_image", image_id=self.image_id)["metadata"]["checksum"]
        if expected != f"sha256:{actual}":
            raise ChecksumMismatch(expected, f"sha256:{actual}")


def write_down(reader: Reader, target: Target, on_progress: OnProgress) -> Download:
    """Write what is read to a path, where it appears when it is complete, or a file object."""
    if not isinstance(target, (str, os.PathLike)):
        return _write(reader, target, on_progress)
    path = Path(target)
    with _new_file(path) as file:
        done = _write(reader, file, on_progress)
    return Download(
        image_id=done.image_id,
        content_type=done.content_type,
        size_bytes=done.size_bytes,
        path=path,
    )


def _write(reader: Reader, file: IO[bytes], on_progress: OnProgress) -> Download:
    for data, offset in reader.parts():
        file.write(data)
        on_progress(offset + len(data), reader.total_bytes)
    return Download(
        image_id=reader.image_id,
        content_type=reader.content_type,
        size_bytes=reader.total_bytes,
    )


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the path's place once it is complete, and is gone if it never is."""
    descriptor, name = tempfile.mkstemp(
        prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent
    )
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        # As open() would have made it, where mkstemp keeps others out.
        umask = os.umask(0)
        os.umask(umask)
        part.chmod(0o666 & ~umask)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise

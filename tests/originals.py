"""The originals of a service as they are kept, for tests: looked at, and harmed, from outside."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from image_service.storage.s3 import Bucket

BESIDE = {".state", ".cache"}
"""Folders of upload_dir that hold no originals."""


class Originals(Protocol):
    """Names are those of blobs, `{imageId}.{ext}`; what is not one stands in a folder."""

    has_an_end: bool
    """Whether there is an end to the room for them."""

    def names(self) -> set[str]:
        """Return everything there is: originals, and what is provisional or in the trash."""

    def read(self, name: str) -> bytes:
        """Return the bytes of one."""

    def write(self, name: str, data: bytes) -> None:
        """Put other bytes in the place of one."""

    def cut(self, name: str, size_bytes: int) -> None:
        """Leave only the first bytes of one."""

    def remove(self, name: str) -> None:
        """Take one away."""


class Folder:
    """Originals in a directory."""

    has_an_end = True

    def __init__(self, upload_dir: Path) -> None:
        self._dir = upload_dir

    def names(self) -> set[str]:
        """See Originals."""
        found = (path.relative_to(self._dir) for path in self._dir.rglob("*") if path.is_file())
        return {str(path) for path in found if path.parts[0] not in BESIDE}

    def read(self, name: str) -> bytes:
        """See Originals."""
        return (self._dir / name).read_bytes()

    def write(self, name: str, data: bytes) -> None:
        """See Originals."""
        (self._dir / name).write_bytes(data)

    def cut(self, name: str, size_bytes: int) -> None:
        """See Originals."""
        os.truncate(self._dir / name, size_bytes)

    def remove(self, name: str) -> None:
        """See Originals."""
        (self._dir / name).unlink()


class Objects:
    """Originals in a bucket, and whatever else is there."""

    has_an_end = False

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def names(self) -> set[str]:
        """See Originals."""
        found = {each.key for each in self._bucket.listed()}
        # What is left of a probe goes an hour later.
        return {key for key in found if not key.startswith(".probe/")}

    def read(self, name: str) -> bytes:
        """See Originals."""
        return self._bucket.read(name)

    def write(self, name: str, data: bytes) -> None:
        """See Originals."""
        self._bucket.put(name, data)

    def cut(self, name: str, size_bytes: int) -> None:
        """See Originals."""
        self.write(name, self.read(name)[:size_bytes])

    def remove(self, name: str) -> None:
        """See Originals."""
        self._bucket.remove([name])


def left_of_images(upload_dir: Path) -> list[str]:
    """Return whatever is on disk because of an image: its bytes, variants, marks.

    But for what is remembered of removals from a bucket for an hour, so that nobody serves those.
    """
    removed = upload_dir / ".state" / "s3" / "gone"
    return [str(path) for path in upload_dir.rglob("*img_*") if path.parent != removed]

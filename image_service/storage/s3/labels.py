"""Labels of objects: among their metadata, and in objects of their own once they were changed.

Metadata cannot be changed without copying the object.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping

from .bucket import Bucket, Found

DAMAGED = ".damaged/"
_LABEL, _ARRIVED = "label", "arrived-ms"
# There is room for 2 KB of names and values, in ASCII.
_MOST_IN_METADATA = 1200


def note_of(label: bytes, content_type: str, arrived_ms: int) -> dict[str, str]:
    """Return the metadata of a new object."""
    notes = {"Content-Type": content_type, _ARRIVED: str(arrived_ms)}
    if label and len(label) <= _MOST_IN_METADATA:
        notes[_LABEL] = base64.urlsafe_b64encode(label).decode()
    return notes


def label_in(notes: Mapping[str, str]) -> bytes:
    """Return the label among an object's metadata."""
    try:
        return base64.urlsafe_b64decode(notes.get(_LABEL, ""))
    except (ValueError, binascii.Error):
        return b""


class Labels:
    """The labels of a bucket's objects."""

    FOLDER = ".labels/"

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put_if_long(self, name: str, label: bytes) -> None:
        """Store what is too long for metadata."""
        if len(label) > _MOST_IN_METADATA:
            self._bucket.put(self.FOLDER + name, label)

    def replace(self, name: str, label: bytes, is_there: Callable[[str], bool]) -> None:
        """Store another label, unless there is no such object."""
        self._bucket.put(self.FOLDER + name, label)
        # Afterwards: it may have been removed meanwhile, its labels first.
        if not is_there(name):
            self._bucket.remove([self.FOLDER + name])

    def read(self, name: str, elsewhere: Callable[[str], Mapping[str, str]]) -> bytes:
        """Return an object's label, b"" if there is none.

        Args: elsewhere: returns the metadata of one that is not here.
        """
        try:
            return self._bucket.read(self.FOLDER + name)
        except FileNotFoundError:
            found = self._found(name)
            return label_in(found.notes if found else elsewhere(name))

    def arrived_ms(self, name: str) -> int:
        """Return when an object was stored, Unix milliseconds; 0 for none."""
        found = self._found(name)
        if found is None:
            return 0
        told = found.notes.get(_ARRIVED, "")
        return int(told) if told.isdecimal() else int(found.modified.timestamp() * 1000)

    def _found(self, name: str) -> Found | None:
        try:
            return self._bucket.find(name)
        except FileNotFoundError:
            return None

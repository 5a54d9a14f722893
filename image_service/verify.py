"""Verification: is what the catalogue says in the store, bit by bit, and is nothing else there?"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from .domain.blocks import BLOCK_BYTES, digests_of
from .domain.image import Blob, image_id_of
from .domain.ports import BlobStore, Catalogue
from .errors import DAMAGE_ERRNOS, StorageFull, StorageUnavailable

Kind = Literal["missing", "damaged", "unreadable", "quarantined", "orphaned", "foreign"]
"""What can be wrong: an image without a file; one whose file has other bytes, or cannot be had;
one that was found to be damaged before; a file of an image that the catalogue does not know;
somebody else's file."""

_IMAGES_AT_ONCE = 200
_NAMES_AT_ONCE = 500
_CHUNK_BYTES = 4 * BLOCK_BYTES
_FINDINGS_KEPT = 10_000
# So that a disk that is not mounted does not empty the catalogue.
_MISSING_SHARE = 0.1


@dataclass(frozen=True)
class Finding:
    """Something that is wrong. name: the file's; image_id: "" where it is nobody's."""

    kind: Kind
    name: str
    image_id: str = ""


@dataclass
class Verification:
    """What was looked at and found so far. findings: the first ten thousand."""

    images: int = 0
    bytes: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    last_id: str = ""

    def add(self, finding: Finding) -> None:
        """Count something that is wrong."""
        self.counts[finding.kind] = self.counts.get(finding.kind, 0) + 1
        if len(self.findings) < _FINDINGS_KEPT:
            self.findings.append(finding)

    @property
    def is_clean(self) -> bool:
        """Whether nothing of ours is wrong; what is somebody else's does not count."""
        return not any(count for kind, count in self.counts.items() if kind != "foreign")


class Pace:
    """Keeps work from going faster than so many bytes a second.

    With a rate it waits as threads of a program of its own do, not inside the service.
    """

    def __init__(self, max_bytes_per_s: float = 0) -> None:
        """Args: max_bytes_per_s: 0 for as fast as can be."""
        self._rate = max_bytes_per_s
        self._began = time.monotonic()
        self._bytes = 0
        self._lock = threading.Lock()

    def take(self, size_bytes: int) -> None:
        """Wait until so many more bytes are due. Several threads may at once."""
        if self._rate:
            with self._lock:
                self._bytes += size_bytes
                due = self._began + self._bytes / self._rate
            time.sleep(max(0.0, due - time.monotonic()))


class Verifier:
    """Compares a store with its catalogue, also while both are in use."""

    def __init__(self, store: BlobStore, catalogue: Catalogue, pace: Pace | None = None) -> None:
        self._store = store
        self._catalogue = catalogue
        self._pace = pace or Pace()

    def images(self, done: Verification, *, quick: bool = False) -> Iterator[Blob]:
        """Look at every image that follows done.last_id; yield each that was looked at.

        Args: quick: at whether its file is there with its size, and not at the bytes.
        """
        while batch := self._catalogue.walk(done.last_id, _IMAGES_AT_ONCE):
            for image in batch:
                finding = self._look(image, quick=quick)
                done.images += 1
                done.bytes += image.size_bytes
                done.last_id = image.id
                if finding:
                    done.add(finding)
                yield image

    def files(self, done: Verification) -> None:
        """Look for files that no image has."""
        names: list[str] = []
        for name in self._store.names():
            names.append(name)
            if len(names) >= _NAMES_AT_ONCE:
                self._look_at_names(names, done)
                names = []
        self._look_at_names(names, done)

    def repair(self, done: Verification) -> list[Finding]:
        """Mend what was found and is still so; return what was mended.

        What is damaged is put into quarantine: its image answers image_damaged and never its
        bytes. Images without a file are dropped, unless so many are missing that the store is
        rather not the one that the catalogue is of. All else is left alone.
        Raises: StorageUnavailable then.
        """
        missing = done.counts.get("missing", 0)
        if missing > 1 and missing > _MISSING_SHARE * done.images:
            raise StorageUnavailable(
                f"{missing} of {done.images} images have no file: is this the right directory, "
                "and is it mounted? None was dropped"
            )
        mended = self.quarantine(done.findings)
        for finding in done.findings:
            if finding.kind == "missing" and self._is_still(finding):
                self._catalogue.remove(finding.image_id)
                mended.append(finding)
        return mended

    def quarantine(self, findings: Iterable[Finding]) -> list[Finding]:
        """Put files that were found damaged, and still are, where nothing opens them."""
        put_aside: list[Finding] = []
        for finding in (each for each in findings if each.kind == "damaged"):
            image = self._catalogue.get(finding.image_id, trashed=None)
            if image and self._look(Blob.of(image), quick=False) == finding:
                # What cannot be told or done now is found once more, and the others are not left.
                with contextlib.suppress(StorageUnavailable, StorageFull):
                    if self._store.quarantine(finding.name, image.sha256):
                        put_aside.append(finding)
                    if not self._catalogue.known([image.id]):  # deleted meanwhile
                        self._store.remove(finding.name)
        return put_aside

    def is_well(self, image_id: str) -> bool:
        """Tell whether an image is there, with its bytes as they were stored."""
        image = self._catalogue.get(image_id, trashed=None)
        return image is not None and self._look(Blob.of(image), quick=False) is None

    def _is_still(self, finding: Finding) -> bool:
        """Look again: somebody may have mended it."""
        image = self._catalogue.get(finding.image_id, trashed=None)
        return image is not None and self._look(Blob.of(image), quick=False) == finding

    def _look(self, image: Blob, *, quick: bool) -> Finding | None:
        name = image.blob_name
        for _ in range(2):  # it may be on its way from one place to another
            try:
                is_sound = self._is_sound(image, quick=quick)
            except FileNotFoundError:
                continue
            except StorageUnavailable:  # it may not be opened, or what it is on is away
                return Finding("unreadable", name, image.id)
            return None if is_sound else Finding("damaged", name, image.id)
        if not self._catalogue.known([image.id]):
            return None  # deleted meanwhile
        is_known = self._store.is_quarantined(name)
        return Finding("quarantined" if is_known else "missing", name, image.id)

    def _is_sound(self, image: Blob, *, quick: bool) -> bool:
        digest, size_bytes, blocks = hashlib.sha256(), 0, b""
        with self._store.open(image.blob_name) as file:
            if quick:
                return file.seek(0, 2) == image.size_bytes
            try:
                while chunk := file.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    size_bytes += len(chunk)
                    if not image.has_digests:
                        blocks += digests_of(chunk)
                    self._pace.take(len(chunk))
            except OSError as exc:
                self._see_whether_it_is_the_file(image.blob_name, exc)
                return False
        is_sound = size_bytes == image.size_bytes and digest.digest() == image.sha256
        if is_sound and blocks:
            self._catalogue.set_block_digests(image.id, blocks)
        return is_sound

    def _see_whether_it_is_the_file(self, name: str, exc: OSError) -> None:
        """Tell a file that cannot be read from a disk that is not there any more.

        Of a lost disk thousands of files are asked for, whose names may be known for a while. An
        archive cannot be tried out: what is there is taken for that.
        Raises: StorageUnavailable for a disk, and where it cannot be told.
        """
        if exc.errno not in DAMAGE_ERRNOS or self._store.is_archived(name):
            raise StorageUnavailable(exc.strerror or type(exc).__name__) from exc
        with contextlib.suppress(StorageFull):  # it is there
            self._store.check()

    def _look_at_names(self, names: list[str], done: Verification) -> None:
        ids = {name: image_id_of(name) for name in names}
        known = self._catalogue.known([image_id for image_id in ids.values() if image_id])
        for name, image_id in ids.items():
            if not image_id:
                done.add(Finding("foreign", name))
            # One that was deleted meanwhile is not there any more.
            elif image_id not in known and not self._has_gone(name):
                done.add(Finding("orphaned", name, image_id))

    def _has_gone(self, name: str) -> bool:
        try:
            self._store.open(name).close()
        except FileNotFoundError:
            return True
        except StorageUnavailable:  # in an archive that is away
            return False
        return False

"""A catalogue that was lost, made anew from the originals and what is kept beside them."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from .domain.blocks import digests_of
from .domain.formats import sniff
from .domain.image import Image, image_id_of
from .domain.label import Label
from .domain.ports import BlobStore, Catalogue, Clock, ImageEngine
from .errors import ImageServiceError

_AT_ONCE = 64
_MS_DIGITS = 13


@dataclass
class Rebuilt:
    """What was done. wrong: names of files that are no pictures any more, and why."""

    images: int = 0
    bytes: int = 0
    unnamed: int = 0
    wrong: list[tuple[str, str]] = field(default_factory=list)


class Rebuilder:
    """Adds to a catalogue every image whose file is there and which it does not know."""

    def __init__(
        self,
        store: BlobStore,
        catalogue: Catalogue,
        engine: ImageEngine,
        clock: Clock,
        *,
        workers: int,
    ) -> None:
        """Args: workers: how many files are looked at together."""
        self._store = store
        self._catalogue = catalogue
        self._engine = engine
        self._clock = clock
        self._workers = workers

    def unknown(self) -> list[str]:
        """Return the names of the files that the catalogue does not know, the oldest first."""
        names = sorted(name for name in self._store.names() if image_id_of(name))
        found: list[str] = []
        for start in range(0, len(names), _AT_ONCE):
            some = names[start : start + _AT_ONCE]
            known = self._catalogue.known([image_id_of(name) for name in some])
            found.extend(name for name in some if image_id_of(name) not in known)
        return found

    def images(self, names: list[str], done: Rebuilt) -> Iterator[str]:
        """Add the images of these files; yield the name of each that was looked at."""
        waiting = iter(names)
        with ThreadPoolExecutor(self._workers) as pool:
            while batch := list(itertools.islice(waiting, _AT_ONCE)):
                for name, found in zip(batch, pool.map(self._look, batch), strict=True):
                    if isinstance(found, Image):
                        # In the order of their ids: of equal ones the later are the duplicates.
                        self._catalogue.add(found)
                        done.images += 1
                        done.bytes += found.size_bytes
                        done.unnamed += found.filename == name
                    else:
                        done.wrong.append((name, found))
                    yield name

    def _look(self, name: str) -> Image | str:
        """Return the image of a file, or what is wrong with it."""
        try:
            with self._store.open(name) as file:
                data = file.read()
        except OSError as exc:
            return f"unreadable ({exc.strerror})"
        detected = sniff(data)
        if detected is None or not name.endswith(f".{detected.extension}"):
            return "not what its name says"
        try:
            findings = self._engine.analyse(data, detected).result()
        except ImageServiceError as exc:
            return str(exc)
        label = Label.from_bytes(self._store.label(name))
        image_id = image_id_of(name)
        return Image(
            id=image_id,
            filename=label.filename or name,
            size_bytes=len(data),
            sha256=hashlib.sha256(data).digest(),
            created_ms=int(image_id.split("_")[1][:_MS_DIGITS]),
            facts=findings.facts,
            tags=label.tags,
            attributes=label.attributes,
            description=findings.description,
            fingerprint=findings.fingerprint,
            owner=label.owner,
            deleted_ms=self._clock.now_ms() if self._store.is_shelved(name) else None,
            block_digests=digests_of(data),
        )

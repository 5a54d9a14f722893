"""Updates: other names, tags and attributes for images that are there."""

from __future__ import annotations

import functools

from .domain import arguments
from .domain.filename import check_extension, check_filename
from .domain.image import Changes, Image
from .domain.label import Label
from .domain.outcomes import Delivery
from .domain.ports import BlobStore, Catalogue, Clock, DuplicateRequest
from .errors import ImageNotFound
from .removals import Owed, found, request_key


class Updates:
    """Changes what callers call images, in the catalogue and beside their bytes."""

    def __init__(self, store: BlobStore, catalogue: Catalogue, clock: Clock, owed: Owed) -> None:
        self._store = store
        self._catalogue = catalogue
        self._clock = clock
        self._owed = owed

    def update(
        self,
        image_id: object,
        filename: object,
        tags: object,
        attributes: object,
        delivery: Delivery | None = None,
    ) -> Image:
        """Change what is not None and return the image, once that survives power loss.

        A redelivered update answers as the first one did: what was changed since then stays.
        Raises: InvalidArgument, InvalidFilename, TypeMismatch, InvalidImageId, ImageNotFound.
        """
        changes = Changes(
            None if filename is None else check_filename(filename),
            None if tags is None else arguments.tags(tags),
            None if attributes is None else arguments.attributes(attributes),
        )
        image = found(self._catalogue, image_id)
        if changes.filename is not None:
            check_extension(changes.filename, image.facts.format)
        if changes == Changes():
            return image
        content = f"update {image.id} {changes}".encode()
        once = request_key(delivery or Delivery(), content, self._clock.now_ms())
        try:
            changed = self._catalogue.change(image.id, changes, once)
        except DuplicateRequest as duplicate:
            changed = duplicate.image
        if changed is None:  # deleted a moment ago
            raise ImageNotFound(image.id)
        self._owed.attempt(functools.partial(self._relabel, changed))
        return changed

    def _relabel(self, image: Image) -> None:
        """Write beside the bytes what the catalogue says.

        Two updates may write their labels in another order than their changes: whoever finds that
        the catalogue has gone on meanwhile writes again.
        """
        told: Label | None = None
        while (label := self._label_now(image.id)) not in (None, told):
            self._store.relabel(image.blob_name, label.to_bytes())
            told = label

    def _label_now(self, image_id: str) -> Label | None:
        image = self._catalogue.get(image_id, trashed=None)
        if image is None:
            return None
        return Label(image.filename, image.tags, image.attributes, image.owner)

"""Changes of what callers call an image: its filename, its tags, its attributes."""

from __future__ import annotations

import sqlalchemy as sa

from ..domain.image import Changes, Image
from .counts import count_tags
from .records import to_row
from .tables import image_tags, images
from .timeline import note_change

_COLUMNS = ("filename", "filename_folded", "tags", "attributes")


def change(connection: sa.Connection, image: Image, changes: Changes) -> Image:
    """Change an image and return it as it is then."""
    changed = changes.applied_to(image)
    row = to_row(changed)
    values = {name: row[name] for name in _COLUMNS}
    connection.execute(sa.update(images).where(images.c.id == image.id).values(values))
    mine = image_tags.c.image_id == image.id
    gone = [tag for tag in image.tags if tag not in changed.tags]
    new = [{"tag": tag, "image_id": image.id} for tag in changed.tags if tag not in image.tags]
    count_tags(connection, gone, -1)
    count_tags(connection, [row["tag"] for row in new], +1)
    if gone:
        connection.execute(sa.delete(image_tags).where(mine, image_tags.c.tag.in_(gone)))
    if new:
        connection.execute(sa.insert(image_tags), new)
    note_change(connection, image)
    return changed

"""Look-alikes: images whose perceptual hashes differ in few bits, found by the bands they share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from ..domain.fingerprint import BANDS, alike_bands, bands, distance
from ..domain.image import Image
from .records import from_row, signed, unsigned
from .tables import images, listed

_BANDS = tuple(images.c[f"hash_band_{band}"] for band in range(BANDS))


def _candidates(band: int) -> sa.Select[Any]:
    wanted = sa.func.json_each(sa.bindparam(f"values_{band}")).table_valued("value")
    return sa.select(images.c.perceptual_hash).where(_BANDS[band].in_(sa.select(wanted.c.value)))


def _candidates_of_array(band: int) -> sa.Select[Any]:
    wanted = sa.bindparam(f"values_{band}", type_=postgresql.ARRAY(sa.Integer))
    return sa.select(images.c.perceptual_hash).where(_BANDS[band] == sa.any_(wanted))


# Distinct hashes, straight out of the indexes: ten thousand equal pictures are one candidate.
_CANDIDATES = sa.union(*map(_candidates, range(BANDS)))
_CANDIDATES_OF_ARRAYS = sa.union(*map(_candidates_of_array, range(BANDS)))
_WITH_HASH = (
    sa.select(*listed)
    .where(_BANDS[0] == sa.bindparam("band"))
    .where(images.c.perceptual_hash == sa.bindparam("hash"))
    .where(images.c.id != sa.bindparam("but"))
    .where(images.c.deleted_ms.is_(None))
    .order_by(
        images.c.sha256 != sa.bindparam("digest"), images.c.created_ms.desc(), images.c.id.desc()
    )
    .limit(sa.bindparam("at_most"))
)


def find_similar(
    connection: sa.Connection, image: Image, *, max_distance: int, limit: int
) -> list[Image]:
    """Return the images alike; see Catalogue.find_similar."""
    assert image.fingerprint is not None
    perceptual_hash = image.fingerprint.perceptual_hash
    found: list[Image] = []
    for near in _nearest_first(connection, perceptual_hash, max_distance):
        values = {
            "band": bands(near)[0],
            "hash": signed(near),
            "but": image.id,
            "digest": image.sha256,
            "at_most": limit - len(found),
        }
        rows = connection.execute(_WITH_HASH, values).mappings()
        found.extend(from_row(dict(row)) for row in rows)
        if len(found) >= limit:
            break
    return found


def _nearest_first(
    connection: sa.Connection, perceptual_hash: int, max_distance: int
) -> Iterator[int]:
    has_arrays = connection.dialect.name == "postgresql"
    values: dict[str, Any] = {
        f"values_{band}": list(numbers) if has_arrays else json.dumps(numbers)
        for band, numbers in enumerate(alike_bands(perceptual_hash, max_distance))
    }
    statement = _CANDIDATES_OF_ARRAYS if has_arrays else _CANDIDATES
    hashes = [unsigned(row[0]) for row in connection.execute(statement, values)]
    near = [(distance(perceptual_hash, each), each) for each in hashes]
    return (each for far, each in sorted(near) if far <= max_distance)

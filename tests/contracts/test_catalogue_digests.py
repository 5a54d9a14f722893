"""What every Catalogue finds by the digests of bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command

from image_service.catalogue.migrate import _config, upgrade
from image_service.catalogue.sqlite import create_sqlite_engine
from image_service.domain.ports import Catalogue
from image_service.testing import NOON_MS
from tests.contracts.adapters import new_image

STORED, SENT, NOBODYS = b"\1" * 32, b"\2" * 32, b"\3" * 32


@pytest.fixture
def catalogue(catalogues: Any) -> Catalogue:
    return catalogues.start().adapter


def test_images_are_found_by_what_is_stored_and_by_what_was_sent(catalogue: Catalogue) -> None:
    stripped = new_image(sha256=STORED, sent_sha256=SENT)
    catalogue.add(stripped)
    found = catalogue.find_digests([NOBODYS, SENT, STORED])
    assert found == {STORED: stripped.id, SENT: stripped.id}
    assert catalogue.find_digests([]) == {}


def test_of_several_with_the_same_bytes_the_oldest_is_told(catalogue: Catalogue) -> None:
    sent_like = new_image(sha256=SENT, created_ms=NOON_MS - 5)
    images = [new_image(sha256=STORED, created_ms=NOON_MS + n) for n in (2, 0, 1)]
    for image in (*images, sent_like):
        catalogue.add(image)
    catalogue.add(new_image(sha256=STORED, sent_sha256=SENT, created_ms=NOON_MS + 9))
    found = catalogue.find_digests([STORED, SENT])
    assert found == {STORED: images[1].id, SENT: sent_like.id}


def test_what_is_gone_or_in_the_trash_is_not_found(catalogue: Catalogue) -> None:
    trashed, removed = (
        new_image(sha256=bytes([n]) * 32, sent_sha256=bytes([n + 1]) * 32) for n in (10, 20)
    )
    digests = [image.sha256 for image in (trashed, removed)]
    digests += [image.sent_sha256 for image in (trashed, removed) if image.sent_sha256]
    for image in (trashed, removed):
        catalogue.add(image)
    assert len(catalogue.find_digests(digests)) == 4
    catalogue.trash(trashed.id, NOON_MS)
    catalogue.remove(removed.id)
    assert catalogue.find_digests(digests) == {}
    catalogue.restore(trashed.id)
    assert set(catalogue.find_digests(digests).values()) == {trashed.id}


def test_more_than_one_statement_can_ask_for(catalogue: Catalogue) -> None:
    images = [new_image() for _ in range(3)]
    for image in images:
        catalogue.add(image)
    many = [n.to_bytes(32, "big") for n in range(1200)]
    asked = [images[0].sha256, *many[:700], images[1].sha256, *many[700:], images[2].sha256]
    assert catalogue.find_digests(asked) == {image.sha256: image.id for image in images}


def test_what_was_sent_to_an_older_version_is_found_after_the_migration(tmp_path: Path) -> None:
    engine = create_sqlite_engine(tmp_path / "catalogue.sqlite3", timeout_s=5)
    config = _config()
    with engine.connect().execution_options(writes=True) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0006")
        image = new_image()
        details = json.dumps({"sent_sha256": SENT.hex()})
        facts = "1000, X'01', 'jpeg', 1, 1, 1, 0, 1, 0, 'RGB', '[]', '{}'"
        connection.exec_driver_sql(
            "INSERT INTO images (id, created_ms, filename, filename_folded, size_bytes, sha256, "
            "format, width, height, frames, animated, orientation, has_alpha, color_space, tags, "
            f"attributes, details) VALUES (?, 1, 'a', 'a', {facts}, ?)",
            (image.id, details),
        )
        connection.commit()
    upgrade(engine)
    with engine.connect() as connection:
        rows = connection.execute(sa.text("SELECT sha256, image_id FROM sent_digests")).all()
    assert rows == [(SENT, image.id)]
    engine.dispose()

"""A catalogue that was lost, made anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service.domain.listing import ListQuery
from image_service.testing import jpeg, png
from tests.e2e.shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop")
    yield made
    made.catalogues.stop()


def rebuilt(shop: Shop) -> tuple[int, str, str]:
    return shop.run("rebuild", "--config", str(shop.config))


def lose_catalogue(shop: Shop) -> None:
    shop.catalogues.stop()
    shutil.rmtree(shop.uploads / ".state")


def test_every_image_is_what_it_was_names_and_tags_included(shop: Shop, tmp_path: Path) -> None:
    first = shop.manager.add(
        jpeg(orientation=6), "Ünï ü.jpg", tags=["a", "ß"], attributes={"k": "v"}
    )
    again = shop.manager.add(jpeg(orientation=6), "again.jpg")
    plain = shop.manager.add(png((20, 10)), "plain.png")
    plain = shop.manager.update(plain.id, filename="plainer.png", tags=["t"], attributes={"a": ""})
    gone = shop.manager.remove(shop.manager.add(png((9, 9)), "gone.png").id)
    (shop.uploads / "notes.txt").write_text("mine")
    lose_catalogue(shop)
    code, out, _ = rebuilt(shop)
    assert (code, out.startswith("4 images, ")) == (0, True)
    assert "lost their names" not in out
    later = Shop(tmp_path / "shop")
    by_id = {image.id: later.catalogue.get(image.id) for image in (first, again, plain)}
    copies = [image for image in by_id.values() if image and image.duplicate_of]
    for image in (first, again, plain):
        found = by_id[image.id]
        assert found
        assert (found.filename, found.tags, found.attributes) == (
            image.filename, image.tags, image.attributes,
        )  # fmt: skip
        assert (found.facts, found.sha256, found.created_ms) == (
            image.facts, image.sha256, image.created_ms,
        )  # fmt: skip
        assert found.fingerprint == image.fingerprint
        assert found.block_digests
    assert len(copies) == 1
    (trashed,) = later.manager.page(ListQuery(trashed=True)).images
    assert (trashed.id, trashed.filename) == (gone.id, "gone.png")
    assert later.verify()[0] == 0
    assert rebuilt(later)[1].startswith("0 images, ")
    later.catalogues.stop()


def test_what_is_no_picture_any_more_is_named_and_left_alone(shop: Shop, tmp_path: Path) -> None:
    sound, cut, other = (shop.manager.add(png(seed=n), "a.png") for n in range(3))
    (shop.uploads / cut.blob_name).write_bytes(png(seed=1)[:200])
    (shop.uploads / other.blob_name).write_bytes(b"text")
    lose_catalogue(shop)
    code, out, _ = rebuilt(shop)
    assert code == 3
    assert f"  {other.blob_name}: not what its name says" in out
    assert f"  {cut.blob_name}: " in out
    later = Shop(tmp_path / "shop")
    assert [image.id for image in later.manager.page(ListQuery()).images] == [sound.id]
    assert (shop.uploads / cut.blob_name).exists()
    later.catalogues.stop()


def test_without_labels_the_images_are_still_there(shop: Shop, tmp_path: Path) -> None:
    image = shop.manager.add(png(), "a.png")
    path = shop.uploads / image.blob_name
    path.write_bytes(path.read_bytes())
    path.unlink()
    path.write_bytes(png())
    lose_catalogue(shop)
    code, out, _ = rebuilt(shop)
    assert (code, "1 have lost their names and tags." in out) == (0, True)
    later = Shop(tmp_path / "shop")
    assert later.manager.get(image.id).filename == image.blob_name
    later.catalogues.stop()

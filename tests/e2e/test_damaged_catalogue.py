"""A catalogue that a disk has spoilt: told clearly, and brought back as the manual says."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from image_service.domain.listing import ListQuery
from image_service.testing import png
from tests.e2e.shop import Shop

PAGE = 4096


def spoil_head(data: bytearray) -> None:
    data[:100] = random.randbytes(100)


def spoil_pages(data: bytearray) -> None:
    for page in range(1, len(data) // PAGE):
        data[page * PAGE : page * PAGE + 2000] = random.randbytes(2000)


def cut(data: bytearray) -> None:
    del data[len(data) // 2 :]


@pytest.mark.parametrize("spoil", [spoil_head, spoil_pages, cut])
def test_it_is_told_and_the_manuals_way_brings_everything_back(
    tmp_path: Path, spoil: Callable[[bytearray], None]
) -> None:
    shop, target = Shop(tmp_path / "shop"), str(tmp_path / "backups")
    shop.fill(30)
    config = ["--config", str(shop.config)]
    assert shop.run("backup", target, *config)[0] == 0
    late = shop.manager.add(png(seed=77), "late.png", tags=["t"])
    before = {image.id: image.filename for image in shop.manager.page(ListQuery()).images}
    shop.catalogues.stop()
    file = shop.catalogues.file
    data = bytearray(file.read_bytes())
    spoil(data)
    for left in file.parent.glob(f"{file.name}*"):
        left.unlink()
    file.write_bytes(data)
    for words in (["verify"], ["backup", target], ["rebuild"]):
        code, _, error = shop.run(*words, *config)
        assert code == 1
        assert "its catalogue is damaged: see A damaged catalogue in docs/operations.md" in error
    aside = tmp_path / "aside"
    aside.mkdir()
    for path in file.parent.glob("catalogue.sqlite3*"):
        path.rename(aside / path.name)
    assert shop.run("restore", target, *config)[0] == 0
    assert "1 images" in shop.run("rebuild", *config)[1]
    assert shop.verify()[0] == 0
    again = Shop(tmp_path / "shop")
    found = {image.id: image for image in again.manager.page(ListQuery()).images}
    assert {image_id: image.filename for image_id, image in found.items()} == before
    assert found[late.id].tags == ("t",)
    again.catalogues.stop()

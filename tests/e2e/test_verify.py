"""`image-service verify` as an operator runs it."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from image_service.testing import png
from scripts.paths import ROOT
from tests.contracts.adapters import LocalStores, SqliteCatalogues

IMAGES = 200


class Shop:
    """A folder with a store that was filled by the manager, and no service running on it."""

    def __init__(self, folder: Path) -> None:
        from image_service.manager import StorageManager
        from image_service.testing import FixedClock, InlineEngine, MemoryVariants

        self.uploads = folder / "uploads"
        stores, catalogues = LocalStores(folder), SqliteCatalogues(folder)
        catalogues.folder = self.uploads / ".state"
        catalogues.file = catalogues.folder / "catalogue.sqlite3"
        catalogues.folder.mkdir(parents=True)
        self.catalogues = catalogues
        self.manager = StorageManager(
            stores.start().adapter,
            catalogues.start().adapter,
            InlineEngine(),
            FixedClock(),
            MemoryVariants(),
            max_upload_bytes=10**6,
            idempotency_window_s=1,
        )
        self.config = folder / "config.yaml"
        self.config.write_text(f"upload_dir: {self.uploads}\n")

    def fill(self, count: int) -> list[str]:
        data = [png((8, 6), seed=n) for n in range(10)]
        return [self.manager.add(data[n % 10], f"{n}.png").blob_name for n in range(count)]

    def verify(self, *options: str) -> tuple[int, str, str]:
        program = Path(sys.executable).with_name("image-service")
        ended = subprocess.run(
            [program, "verify", "--config", self.config, *options],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        return ended.returncode, ended.stdout, ended.stderr

    def found(self, *options: str) -> tuple[int, dict[str, Any]]:
        code, out, _ = self.verify("--json", *options)
        return code, json.loads(out)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.catalogues.stop()


def flip_a_bit(file: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)


def test_a_flipped_bit_in_every_file_is_found_in_every_file(shop: Shop) -> None:
    names = shop.fill(IMAGES)
    assert shop.verify()[:2] == (
        0, f"{IMAGES} images, {_size(shop)}, looked at bit by bit.\nAll is well.\n",
    )  # fmt: skip
    chance = random.Random(3)
    for name in names:
        flip_a_bit(shop.uploads / name, chance)
    code, told = shop.found()
    assert (code, told["counts"], told["isClean"]) == (3, {"damaged": IMAGES}, False)
    assert {each["name"] for each in told["findings"]} == set(names)
    code, told = shop.found("--repair")
    assert (code, sorted(told["repaired"])) == (3, sorted(names))
    assert {path.name for path in (shop.uploads / ".damaged").iterdir()} == set(names)
    assert shop.found()[1]["counts"] == {"quarantined": IMAGES}


def test_what_is_missing_orphaned_or_foreign_is_named(shop: Shop) -> None:
    names = shop.fill(5)
    (shop.uploads / names[0]).unlink()
    (shop.uploads / "notes.txt").write_text("mine")
    orphan = names[1].replace("img_1", "img_2")
    (shop.uploads / orphan).write_bytes(b"x")
    code, out, _ = shop.verify("--quick", "--max-rate", "100")
    assert code == 3
    for words in (f"  {names[0]}", f"  {orphan}", "  notes.txt", "1 missing", "1 orphaned"):
        assert words in out
    code, out, _ = shop.verify("--repair")
    assert (code, "1 dropped." in out) == (3, True)
    assert (shop.uploads / "notes.txt").exists()
    assert shop.manager.usage().files == 4


def test_a_store_that_is_not_there_is_told(shop: Shop, tmp_path: Path) -> None:
    shop.config.write_text(f"upload_dir: {tmp_path / 'elsewhere'}\n")
    code, out, error = shop.verify()
    assert (code, out) == (1, "")
    assert "there is no catalogue" in error
    assert "Traceback" not in error


def _size(shop: Shop) -> str:
    from image_service.domain.image import human_size

    return human_size(shop.manager.usage().bytes)

"""A backup as one zip file, from the command line."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service.backup_format import BackupFailed
from image_service.domain.listing import ListQuery
from image_service.maintenance import BackupRun, opened
from image_service.serve import load
from image_service.testing import png
from tests.e2e.shop import Shop, flip_a_bit
from tests.e2e.test_backup import IMAGES, contents, filled, made, restored


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made_ = Shop(tmp_path / "shop")
    filled(made_)
    yield made_
    made_.catalogues.stop()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "pictures.zip"


def test_it_has_everything_and_brings_it_back(shop: Shop, target: Path, tmp_path: Path) -> None:
    out = made(shop, target)
    assert out.startswith(f"{IMAGES + 2} images, ")
    assert "12 files, " in out
    code, out, _ = shop.run("backup", "list", str(target))
    assert (code, f"{IMAGES + 2} images" in out) == (0, True)
    code, out, _ = shop.run("backup", "verify", str(target))
    assert (code, out.splitlines()[-1]) == (0, "All is well.")
    empty = Shop(tmp_path / "other")
    code, out, _ = restored(empty, target)
    assert (code, f"{IMAGES + 2} images and 0 files brought back" in out) == (0, True)
    assert contents(empty) == contents(shop)
    assert empty.verify()[0] == 0
    empty.catalogues.stop()


def test_any_zip_program_reads_it(shop: Shop, target: Path) -> None:
    made(shop, target)
    with zipfile.ZipFile(target) as file:
        assert file.testzip() is None
        objects = [name for name in file.namelist() if name.startswith("objects/")]
        assert len(objects) == 12
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in file.infolist())


def test_one_that_is_there_is_not_written_over(shop: Shop, target: Path) -> None:
    made(shop, target)
    before = target.read_bytes()
    code, _, error = shop.run("backup", str(target), "--config", str(shop.config))
    assert (code, "pictures.zip is there already" in error) == (1, True)
    code, _, error = shop.run("backup", "prune", str(target), "--keep", "1")
    assert (code, "remove it as a whole" in error) == (1, True)
    assert target.read_bytes() == before


def test_what_is_damaged_is_left_out_and_named(shop: Shop, target: Path) -> None:
    late = shop.manager.add(png((30, 30), seed=5), "late.png")
    lost = shop.manager.add(png((31, 30), seed=5), "lost.png")
    flip_a_bit(shop.uploads / late.blob_name, random.Random(1))
    (shop.uploads / lost.blob_name).unlink()
    code, out, _ = shop.run("backup", str(target), "--config", str(shop.config))
    assert code == 3
    assert out.startswith(f"{IMAGES + 2} images, ")
    assert f"  {late.blob_name}: damaged" in out
    assert f"  {lost.blob_name}: missing" in out
    assert shop.run("backup", "verify", str(target))[0] == 0


def test_a_flipped_bit_is_found_and_never_restored(
    shop: Shop, target: Path, tmp_path: Path
) -> None:
    made(shop, target)
    sound, before = target.read_bytes(), contents(shop)
    chance = random.Random(9)
    for _ in range(40):
        target.write_bytes(sound)
        flip_a_bit(target, chance)
        code, out, error = shop.run("backup", "verify", str(target))
        assert "Traceback" not in out + error
        empty = Shop(tmp_path / f"other{chance.random()}")
        restored_code, _, _ = restored(empty, target)
        found = contents(empty)
        assert found.items() <= before.items()
        assert code or found == before, "a bit that nothing depends on"
        assert restored_code or found == before
        empty.catalogues.stop()


@pytest.mark.parametrize("share", [0, 0.5, 0.999])
def test_a_part_of_one_is_told(shop: Shop, target: Path, share: float) -> None:
    made(shop, target)
    data = target.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    for words in (["backup", "verify"], ["backup", "list"]):
        code, _, error = shop.run(*words, str(target))
        assert code == 1
        assert "damaged, or not all of one" in error


def test_what_is_interrupted_leaves_nothing(shop: Shop, target: Path) -> None:
    with opened(load(shop.config)[1]) as parts:
        images = BackupRun(parts, target).images()
        for _ in range(5):
            next(images)
        assert list(target.parent.iterdir()) != []
        images.close()
    assert list(target.parent.iterdir()) == []


def test_repair_takes_from_it(shop: Shop, target: Path) -> None:
    made(shop, target)
    image = shop.manager.page(ListQuery()).images[0]
    (shop.uploads / image.blob_name).unlink()
    code, told = shop.found("--repair", "--from", str(target))
    assert (code, told["restored"]) == (3, [image.blob_name])
    assert shop.verify()[0] == 0


def test_two_at_once_leave_one_whole_file(shop: Shop, target: Path) -> None:
    with opened(load(shop.config)[1]) as one, opened(load(shop.config)[1]) as other:
        first, second = BackupRun(one, target).images(), BackupRun(other, target).images()
        for images in (first, second, first, second):
            next(images)
        assert sum(1 for _ in first) > 0
        with pytest.raises(BackupFailed, match="is there already"):
            list(second)
    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert shop.run("backup", "verify", str(target))[0] == 0


def test_what_a_dead_process_left_is_removed(shop: Shop, target: Path) -> None:
    target.parent.mkdir()
    (target.parent / f".{target.name}.0123abcd.part").write_bytes(b"x")
    made(shop, target)
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_member_that_says_it_is_compressed_is_told(shop: Shop, target: Path) -> None:
    made(shop, target)
    data = bytearray(target.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        data[data.index(signature) + offset] = 8
    target.write_bytes(data)
    code, out, error = shop.run("backup", "verify", str(target))
    assert (code, "damaged" in out + error) == (3, True)


def test_a_folder_may_have_such_a_name(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "folder.zip").mkdir()
    for _ in range(2):
        made(shop, tmp_path / "folder.zip")
    assert shop.run("backup", "list", str(tmp_path / "folder.zip"))[1].count("images") == 2

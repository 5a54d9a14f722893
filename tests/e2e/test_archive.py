"""Old originals go to another disk and come back: the command line on a store."""

from __future__ import annotations

import os
import random
import shutil
import time
from pathlib import Path

import pytest

from image_service.domain.image import Image, human_size
from image_service.domain.listing import ListQuery
from image_service.testing import png
from tests.e2e.shop import Shop, flip_a_bit

HOUR_S = 3600


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def cold(shop: Shop) -> list[Path]:
    return sorted(shop.archive.rglob("img_*"))


def put_away(shop: Shop) -> tuple[int, str, str]:
    """Archive what is in the store, as if it had been there for a day."""
    for path in shop.uploads.glob("img_*"):
        os.utime(path, (time.time() - 24 * HOUR_S,) * 2, follow_symlinks=False)
    return run(shop, "archive", "--older-than", "0.5")


def run(shop: Shop, *words: str) -> tuple[int, str, str]:
    return shop.run(*words, "--config", str(shop.config))


def test_by_tag_there_and_back(shop: Shop) -> None:
    all_tags = (["old"], [], ["old", "x"], ["x"])
    images = [
        shop.manager.add(png((8, 6), seed=n), f"{n}.png", tags=tags)
        for n, tags in enumerate(all_tags)
    ]
    code, out, _ = run(shop, "archive", "--tag", "old")
    assert (code, out) == (0, f"2 originals, {size_of(images[0], images[2])}, moved.\n")
    assert {path.name.partition("-")[0] for path in cold(shop)} == {images[0].id, images[2].id}
    assert shop.verify()[0] == 0
    assert run(shop, "archive", "--tag", "old")[1].startswith("0 originals")
    code, out, _ = run(shop, "unarchive", "--all")
    assert (code, out) == (0, f"2 originals, {size_of(images[0], images[2])}, brought back.\n")
    assert cold(shop) == []
    assert shop.verify()[0] == 0


def size_of(*images: Image) -> str:
    return human_size(sum(image.size_bytes for image in images))


def test_by_age_and_what_was_wanted_lately_stays(shop: Shop) -> None:
    names = shop.fill(3)
    for number, name in enumerate(names):
        moment_s = time.time() - number * 24 * HOUR_S
        os.utime(shop.uploads / name, (moment_s, moment_s))
    assert run(shop, "archive", "--older-than", "0.5")[1].startswith("2 originals")
    shop.manager.open(names[2].partition(".")[0])[1].close()
    assert len(cold(shop)) == 1, "reading it brought it back"
    assert run(shop, "archive", "--older-than", "0.5")[1].startswith("0 originals")


def test_a_damaged_one_is_named_and_stays(shop: Shop) -> None:
    names = shop.fill(2)
    flip_a_bit(shop.uploads / names[0], random.Random(1))
    code, out, _ = put_away(shop)
    assert code == 3
    assert f"  {names[0]}: damaged\n" in out
    assert len(cold(shop)) == 1
    flip_a_bit(cold(shop)[0], random.Random(1))
    code, out, _ = run(shop, "unarchive", "--all")
    assert code == 3
    assert f"  {names[1]}: damaged or missing in the archive\n" in out
    code, found = shop.found()
    assert code == 3
    assert found["counts"]["damaged"] == 2


def test_a_backup_has_what_is_archived_and_restores_it(shop: Shop, tmp_path: Path) -> None:
    names = shop.fill(3)
    put_away(shop)
    target = str(tmp_path / "backups")
    assert run(shop, "backup", target)[0] == 0
    (tmp_path / "empty").mkdir()
    other = Shop(tmp_path / "empty")
    assert other.run("restore", target, "--config", str(other.config))[0] == 0
    assert sorted(other.store.names()) == sorted(names)
    assert other.verify()[0] == 0


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["archive"], 2, "--older-than DAYS, --tag TAG, or both"),
        (["archive", "--older-than", "0"], 2, "0.0 is not in the range"),
        (["unarchive"], 2, "either --tag TAG or --all"),
        (["unarchive", "--all", "--tag", "x"], 2, "either --tag TAG or --all"),
    ],
)
def test_what_is_asked_wrongly_is_told(shop: Shop, words: list[str], code: int, told: str) -> None:
    assert run(shop, *words)[0] == code
    assert told in run(shop, *words)[2]


def test_without_a_folder_it_is_told_what_to_set(shop: Shop) -> None:
    shop.config.write_text(f"upload_dir: {shop.uploads}\n")
    code, _, err = run(shop, "archive", "--tag", "x")
    assert code == 2
    assert "IMAGE_SERVICE_ARCHIVE_DIR" in err


def test_one_that_is_missing_there_does_not_keep_the_others(shop: Shop) -> None:
    names = shop.fill(5)
    put_away(shop)
    cold(shop)[0].unlink()
    code, out, _ = run(shop, "unarchive", "--all")
    assert code == 3
    assert out.startswith("4 originals, ")
    assert sum(f"  {name}: damaged or missing in the archive" in out for name in names) == 1


def test_an_archive_that_was_lost_is_restored_from_a_backup(shop: Shop, tmp_path: Path) -> None:
    names, target = shop.fill(4), str(tmp_path / "pictures.zip")
    assert run(shop, "backup", target)[0] == 0
    put_away(shop)
    shutil.rmtree(shop.archive)
    _, found = shop.found()
    assert found["counts"] == {"unreadable": 4}
    _, found = shop.found("--repair", "--from", target)
    assert sorted(found["restored"]) == sorted(names)
    assert shop.verify()[0] == 0
    assert not any((shop.uploads / name).is_symlink() for name in names)


def test_what_an_archive_cannot_read_is_restored_from_a_backup(shop: Shop, tmp_path: Path) -> None:
    shop.fill(3)
    target = str(tmp_path / "pictures.zip")
    assert run(shop, "backup", target)[0] == 0
    put_away(shop)
    path = cold(shop)[0]
    path.unlink()
    path.symlink_to("/proc/self/mem")  # which opens, and cannot be read
    _, found = shop.found("--repair")
    assert found["counts"] == {"unreadable": 1}
    assert not list(shop.uploads.glob(".damaged/*"))
    _, found = shop.found("--repair", "--from", target)
    assert [name.partition(".")[0] in path.name for name in found["restored"]] == [True]
    assert shop.verify()[0] == 0


def test_a_catalogue_is_rebuilt_also_where_the_archive_is_mounted_elsewhere(
    shop: Shop, tmp_path: Path
) -> None:
    names = shop.fill(3)
    put_away(shop)
    shop.catalogues.stop()
    shop.archive.rename(tmp_path / "elsewhere")
    shop.config.write_text(f"upload_dir: {shop.uploads}\narchive_dir: {tmp_path / 'elsewhere'}\n")
    for file in shop.catalogues.file.parent.glob("catalogue.sqlite3*"):
        file.unlink()
    assert run(shop, "rebuild")[1].startswith("3 images")
    again = Shop(tmp_path)
    found = again.manager.page(ListQuery()).images
    assert sorted(image.blob_name for image in found) == sorted(names)
    again.catalogues.stop()


def test_after_a_restore_nothing_is_left_in_the_archive(shop: Shop, tmp_path: Path) -> None:
    shop.fill(3)
    target = str(tmp_path / "backups")
    assert run(shop, "backup", target)[0] == 0
    put_away(shop)
    shop.catalogues.stop()
    for file in shop.catalogues.file.parent.glob("catalogue.sqlite3*"):
        file.unlink()
    assert run(shop, "restore", target)[0] == 0
    assert cold(shop) == []
    assert shop.verify()[0] == 0

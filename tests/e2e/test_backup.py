"""Backups as an operator makes, checks and needs them."""

from __future__ import annotations

import fcntl
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service.backup_log import BackupLog
from image_service.domain.image import Image
from image_service.domain.listing import ListQuery
from image_service.testing import png
from tests.e2e.shop import Shop, flip_a_bit

IMAGES = 40


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "shop")
    yield made
    made.catalogues.stop()


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "other")
    yield made
    made.catalogues.stop()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "backups here"


def filled(shop: Shop) -> None:
    """Store images of all kinds: some with the same bytes, one rich, one deleted."""
    shop.fill(IMAGES)
    rich = shop.manager.add(
        png((9, 7)), "Ünï.png", tags=["a", "ß"], attributes={"k": "v"}, idempotency_key="k"
    )
    shop.manager.remove(shop.manager.add(png((9, 8)), "gone.png").id)
    assert rich.tags == ("a", "ß")


def contents(shop: Shop) -> dict[str, tuple[Image, bytes]]:
    """Return every image, in the trash or not, with its bytes."""
    found = {}
    for is_trashed in (False, True):
        for listed in shop.manager.page(ListQuery(trashed=is_trashed)).images:
            image = shop.catalogue.get(listed.id, trashed=is_trashed)
            with shop.store.open(image.blob_name) as file:
                found[image.id] = image, file.read()
    return found


def made(shop: Shop, target: Path, *options: str) -> str:
    code, out, error = shop.run("backup", str(target), "--config", str(shop.config), *options)
    assert code == 0, error
    return out


def test_the_service_can_tell_when_the_last_backup_was_made(shop: Shop, target: Path) -> None:
    log = BackupLog(shop.uploads / ".state")
    assert log.read() is None
    shop.fill(3)
    made(shop, target)
    told = log.read()
    assert told is not None
    assert (told["images"], told["leftOut"]) == (3, 0)
    assert told["bytes"] == shop.catalogue.used().bytes
    assert shop.run("backup", "/dev/null/x", "--config", str(shop.config))[0] != 0
    assert log.read() == told


def restored(shop: Shop, target: Path, *options: str) -> tuple[int, str, str]:
    return shop.run("restore", str(target), "--config", str(shop.config), *options)


def names(shop: Shop, target: Path) -> list[str]:
    return [line.split()[0] for line in shop.run("backup", "list", str(target))[1].splitlines()]


def test_what_was_lost_comes_back_bit_by_bit(shop: Shop, empty: Shop, target: Path) -> None:
    filled(shop)
    assert made(shop, target).startswith(f"{IMAGES + 2} images, ")
    code, out, _ = shop.run("backup", "verify", str(target))
    assert (code, out.splitlines()[-1]) == (0, "All is well.")
    code, out, _ = restored(empty, target)
    assert (code, f"{IMAGES + 2} images and 0 files brought back" in out) == (0, True)
    assert contents(empty) == contents(shop)
    assert empty.manager.usage().by_format == shop.manager.usage().by_format
    assert empty.verify()[0] == 0
    (gone,) = empty.manager.page(ListQuery(trashed=True)).images
    assert empty.manager.restore(gone.id).filename == "gone.png"


def test_the_next_one_copies_what_is_new(shop: Shop, target: Path) -> None:
    filled(shop)
    assert "12 files," in made(shop, target), "ten different pictures among the forty"
    assert ", 0 B were new." in made(shop, target)
    image = shop.manager.add(png((11, 7)), "new.png")
    shop.manager.remove(
        shop.manager.page(ListQuery(order="createdAt", descending=False)).images[0].id
    )
    assert "1 files," in made(shop, target)
    assert len(names(shop, target)) == 3
    assert (target / "objects" / image.sha256.hex()[:2] / image.sha256.hex()).exists()


def test_a_living_store_gets_what_it_lacks_and_keeps_what_it_has(shop: Shop, target: Path) -> None:
    filled(shop)
    before = contents(shop)
    made(shop, target)
    living = list(shop.manager.page(ListQuery()).images)
    shop.manager.remove(living[0].id, permanent=True)
    (shop.uploads / living[1].blob_name).unlink()
    flip_a_bit(shop.uploads / living[2].blob_name, random.Random(1))
    assert shop.verify("--json")[0] == 3
    shop.verify("--repair")
    new = shop.manager.add(png((12, 12)), "new.png")
    code, out, _ = restored(shop, target)
    assert (code, "2 images and 1 files brought back" in out) == (0, True)
    assert shop.verify()[0] == 0
    assert {i: c for i, c in contents(shop).items() if i != new.id} == before


def test_one_image_comes_back(shop: Shop, target: Path) -> None:
    filled(shop)
    made(shop, target)
    first, second = shop.manager.page(ListQuery(limit=2)).images
    for image in (first, second):
        shop.manager.remove(image.id, permanent=True)
    assert restored(shop, target, "--image", first.id)[0] == 0
    assert shop.manager.get(first.id).id == first.id
    assert second.id not in contents(shop)
    code, _, error = restored(shop, target, "--image", "img_1_x")
    assert (code, "has no image img_1_x" in error) == (1, True)


def test_what_is_wrong_in_the_store_is_named_and_the_rest_is_kept(
    shop: Shop, empty: Shop, target: Path
) -> None:
    filled(shop)
    shop.manager.add(png((9, 9)), "one.png")
    equal = next(image for image, _ in contents(shop).values() if image.filename == "0.png")
    damaged, missing = (image.blob_name for image in _singles(shop)[:2])
    (shop.uploads / equal.blob_name).unlink()  # others have the same bytes
    flip_a_bit(shop.uploads / damaged, random.Random(2))
    (shop.uploads / missing).unlink()
    code, out, _ = shop.run("backup", str(target), "--config", str(shop.config))
    assert code == 3
    assert f"  {damaged}: damaged" in out
    assert f"  {missing}: missing" in out
    assert equal.blob_name not in out
    assert shop.run("backup", "verify", str(target))[0] == 0
    assert restored(empty, target)[0] == 0
    assert contents(empty).keys() >= {equal.id}
    assert len(contents(empty)) == IMAGES + 1


def _singles(shop: Shop) -> list[Image]:
    """Return the living images whose bytes no other one has."""
    images = [image for image, _ in contents(shop).values()]
    digests = [image.sha256 for image in images]
    return [
        image for image in images if digests.count(image.sha256) == 1 and image.deleted_ms is None
    ]


def test_what_is_wrong_in_a_backup_is_found_and_never_restored(
    shop: Shop, empty: Shop, target: Path
) -> None:
    filled(shop)
    made(shop, target)
    objects = sorted((target / "objects").glob("*/*"))
    flip_a_bit(objects[0], random.Random(3))
    objects[1].unlink()
    code, out, _ = shop.run("backup", "verify", str(target))
    assert code == 3
    assert f"  {objects[0].name}: damaged" in out
    assert ": missing in 2" in out
    code, out, _ = restored(empty, target)
    assert code == 3
    assert empty.verify()[0] == 0
    lost = [i for i, (image, _) in contents(shop).items() if image.sha256.hex() in
            (objects[0].name, objects[1].name)]  # fmt: skip
    assert contents(shop).keys() - contents(empty).keys() == set(lost)
    catalogue = next((target / "backups").glob("*/catalogue.sqlite3"))
    flip_a_bit(catalogue, random.Random(4))
    code, out, error = restored(empty, target)
    assert (code, "its catalogue is not what it was" in error) == (1, True)


def test_old_ones_go_with_what_only_they_had(shop: Shop, target: Path) -> None:
    only_old = shop.manager.add(png((20, 20)), "old.png")
    made(shop, target)
    shop.manager.remove(only_old.id, permanent=True)
    shop.fill(3)
    made(shop, target)
    code, out, _ = shop.run("backup", "prune", str(target), "--keep", "1")
    assert (code, out) == (0, "1 backups and 1 files removed.\n")
    assert len(names(shop, target)) == 1
    assert shop.run("backup", "verify", str(target))[0] == 0
    assert {path.name for path in (target / "objects").glob("*/*")} == {
        image.sha256.hex() for image, _ in contents(shop).values()
    }


def test_what_is_kept_is_looked_at_before_the_others_go(shop: Shop, target: Path) -> None:
    filled(shop)
    made(shop, target)
    made(shop, target)
    newest = sorted((target / "backups").glob("*/catalogue.sqlite3"))[-1]
    flip_a_bit(newest, random.Random(5))
    code, _, error = shop.run("backup", "prune", str(target), "--keep", "1")
    assert (code, "its catalogue is not what it was" in error) == (1, True)
    assert len(names(shop, target)) == 2


def test_one_whose_description_is_damaged_hides_no_other(
    shop: Shop, empty: Shop, target: Path
) -> None:
    filled(shop)
    made(shop, target)
    made(shop, target)
    first, second = sorted((target / "backups").glob("*/backup.json"))
    second.write_text('{"images": [')
    assert names(shop, target) == [first.parent.name]
    code, out, _ = shop.run("backup", "verify", str(target))
    assert (code, "its description is damaged" in out) == (3, True)
    assert restored(empty, target)[0] == 0
    assert len(contents(empty)) == IMAGES + 2


def test_no_backup_is_not_all_well(shop: Shop, target: Path) -> None:
    code, _, error = shop.run("backup", "verify", str(target))
    assert (code, "there is none here" in error) == (1, True)


def test_what_is_in_the_trash_now_is_put_back_there(shop: Shop, target: Path) -> None:
    living = shop.manager.add(png((9, 9)), "a.png")
    trashed = shop.manager.remove(shop.manager.add(png((9, 8)), "b.png").id)
    made(shop, target)
    shop.manager.remove(living.id)
    shop.manager.restore(trashed.id)
    for image in (living, trashed):
        shop.store.quarantine(image.blob_name, bytes(32))
    assert restored(shop, target)[0] == 0
    assert not shop.store.is_settled(living.blob_name)
    assert shop.store.is_settled(trashed.blob_name)
    assert not shop.store.is_quarantined(living.blob_name)
    assert shop.verify()[0] == 0


def test_one_that_was_interrupted_is_none_and_goes_on(shop: Shop, target: Path) -> None:
    filled(shop)
    made(shop, target)
    (folder,) = (target / "backups").iterdir()
    (folder / "backup.json").unlink()
    shutil.move(folder, folder.with_name(".2026-01-01T00-00-00Z.part"))
    lost, cut = list((target / "objects").glob("*/*"))[:2]
    left = lost.with_name("img_1767268800000_aaaaaaaaaaaaaaaaaaaa.png.part")
    lost.rename(left)
    cut.write_bytes(b"")  # as a power cut leaves it
    assert names(shop, target) == []
    code, _, error = restored(shop, target)
    assert (code, "there is none here" in error) == (1, True)
    assert "2 files," in made(shop, target)
    assert not left.exists()
    assert shop.run("backup", "verify", str(target))[0] == 0


def test_what_a_power_cut_left_does_not_stand_for_a_damaged_original(
    shop: Shop, target: Path
) -> None:
    image = shop.manager.add(png((9, 9)), "a.png")
    made(shop, target)
    digest = image.sha256.hex()
    (target / "objects" / digest[:2] / digest).write_bytes(b"")
    flip_a_bit(shop.uploads / image.blob_name, random.Random(6))
    code, out, _ = shop.run("backup", str(target), "--config", str(shop.config))
    assert (code, f"  {image.blob_name}: damaged" in out) == (3, True)
    assert out.startswith("0 images, ")


def test_what_cannot_be_written_is_told_in_a_line(shop: Shop, tmp_path: Path) -> None:
    shop.fill(1)
    blocked = tmp_path / "file"
    blocked.write_text("x")
    words = ("backup", str(blocked / "x"), "--config", str(shop.config))
    code, _, error = shop.run_apart(*words)
    assert code == 1
    assert error.splitlines()[-1] == "image-service: error: the backup: Not a directory"


def test_a_store_that_cannot_be_made_is_told_in_a_line(
    shop: Shop, target: Path, tmp_path: Path
) -> None:
    made(shop, target)
    config = tmp_path / "other.yaml"
    config.write_text(f"upload_dir: {shop.config / 'below a file'}\n")
    code, out, error = shop.run_apart("restore", str(target), "--config", str(config))
    assert (code, out) == (1, "")
    assert error.startswith("image-service: error: Not a directory: ")
    assert len(error.splitlines()) == 1


def test_two_do_not_write_to_one_folder_at_once(shop: Shop, target: Path) -> None:
    shop.fill(1)
    made(shop, target)
    with (target / ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for words in (("backup", str(target), "--config", str(shop.config)),
                      ("backup", "prune", str(target), "--keep", "1")):  # fmt: skip
            code, _, error = shop.run(*words)
            assert (code, "another backup or prune is at work" in error) == (1, True)


def test_a_rate_is_kept(shop: Shop, target: Path) -> None:
    import time

    from image_service.verify import Pace

    began = time.monotonic()
    pace = Pace(max_bytes_per_s=1_000_000)
    for _ in range(5):
        pace.take(20_000)
    assert 0.1 <= time.monotonic() - began < 1
    shop.fill(2)
    made(shop, target, "--max-rate", "100")

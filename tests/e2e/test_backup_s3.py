"""An operator's commands on originals in a bucket, and backups in one."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from image_service import backup_bucket
from image_service.domain.listing import ListQuery
from image_service.storage.s3 import Bucket
from image_service.testing import png
from tests.e2e.shop import Shop
from tests.e2e.test_backup import contents, filled
from tests.s3 import S3Server

IMAGES = 42


@pytest.fixture
def shop(tmp_path: Path, s3_server: S3Server) -> Iterator[Shop]:
    """One whose originals are in a bucket."""
    made = Shop(tmp_path / "shop", bucket_on=s3_server)
    yield made
    made.catalogues.stop()


@pytest.fixture(params=["local", "s3"])
def empty(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Server) -> Iterator[Shop]:
    made = Shop(tmp_path / "other", bucket_on=s3_server if request.param == "s3" else None)
    if request.param == "local":
        told = {**s3_server.settings("x"), "s3_originals": "", "upload_dir": str(made.uploads)}
        made.config.write_text("".join(f"{key}: {value}\n" for key, value in told.items()))
    yield made
    made.catalogues.stop()


@pytest.fixture
def target(s3_server: S3Server) -> str:
    """A place for backups in a bucket."""
    return s3_server.place(f"backups-{secrets.token_hex(4)}")


@pytest.fixture
def there(s3_server: S3Server, target: str) -> Bucket:
    """What is at that place."""
    return s3_server.bucket(target.rpartition("/")[2])


def run(shop: Shop, *words: str) -> tuple[int, str, str]:
    return shop.run(*words, "--config", str(shop.config))


def made(shop: Shop, target: str) -> str:
    code, out, error = run(shop, "backup", target)
    assert code == 0, error
    return out


def test_what_was_lost_comes_back_bit_by_bit(shop: Shop, empty: Shop, target: str) -> None:
    filled(shop)
    assert made(shop, target).startswith(f"{IMAGES} images, ")
    code, out, _ = run(shop, "backup", "verify", target)
    assert (code, out.splitlines()[-1]) == (0, "All is well.")
    code, out, error = run(empty, "restore", target)
    assert (code, f"{IMAGES} images and 0 files brought back" in out) == (0, True), error
    assert contents(empty) == contents(shop)
    assert empty.verify()[0] == 0


def test_a_folder_takes_backups_of_a_bucket(shop: Shop, empty: Shop, tmp_path: Path) -> None:
    filled(shop)
    assert made(shop, str(tmp_path / "backups")).startswith(f"{IMAGES} images, ")
    assert run(empty, "restore", str(tmp_path / "backups"))[0] == 0
    assert contents(empty) == contents(shop)


def test_the_next_one_copies_what_is_new_and_old_ones_are_pruned(
    shop: Shop, target: str, there: Bucket
) -> None:
    filled(shop)
    assert "12 files," in made(shop, target), "ten different pictures among the forty"
    assert ", 0 B were new." in made(shop, target)
    first = shop.manager.page(ListQuery(order="createdAt", descending=False)).images[0]
    new = shop.manager.add(png((11, 7)), "new.png")
    for image in shop.manager.page(ListQuery()).images:
        if image.sha256 == first.sha256:
            shop.manager.remove(image.id, permanent=True)
    assert "1 files," in made(shop, target)
    assert len(run(shop, "backup", "list", target)[1].splitlines()) == 3
    key = f"objects/{first.sha256.hex()[:2]}/{first.sha256.hex()}"
    assert there.has(key)
    code, out, _ = run(shop, "backup", "prune", target, "--keep", "1")
    assert (code, out) == (0, "2 backups and 1 files removed.\n")
    assert not there.has(key)
    assert there.has(f"objects/{new.sha256.hex()[:2]}/{new.sha256.hex()}")
    assert run(shop, "backup", "verify", target)[0] == 0
    assert list(there.listed(".work/")) == []


def test_damage_in_a_backup_is_found_and_never_restored(
    shop: Shop, empty: Shop, target: str, there: Bucket
) -> None:
    shop.fill(3)
    made(shop, target)
    (damaged, *_) = [each.key for each in there.listed("objects/")]
    there.put(damaged, b"x" * there.find(damaged).size_bytes)
    code, out, error = run(shop, "backup", "verify", target)
    assert (code, damaged.rpartition("/")[2] in out + error) == (3, True)
    assert run(empty, "restore", target)[0] == 3
    assert len(contents(empty)) == 2


def test_none_is_pruned_while_one_is_made(shop: Shop, target: str, there: Bucket) -> None:
    shop.fill(1)
    made(shop, target)
    there.put(".work/x-backup", b"")
    code, _, error = run(shop, "backup", "prune", target, "--keep", "1")
    assert (code, "at work" in error) == (1, True)
    made(shop, target)
    there.put(".work/y-prune", b"")
    assert run(shop, "backup", target)[0] == 1


class Asleep:
    """The clocks of a machine that sleeps for an hour when it has looked so many times.

    Its time of day is set back meanwhile, or else the clock since its start stands still.
    """

    CLOCK_BOOTTIME = time.CLOCK_BOOTTIME

    def __init__(self, looks: int, *, is_set_back: bool = False) -> None:
        self._looks, self._is_set_back = looks, is_set_back

    def time(self) -> float:
        self._looks -= 1
        return time.time() + self._slept(-7200 if self._is_set_back else 3600)

    def clock_gettime(self, clock: int) -> float:
        return time.clock_gettime(clock) + self._slept(3600 if self._is_set_back else 0)

    def _slept(self, for_s: float) -> float:
        return for_s if self._looks < 0 else 0


@pytest.mark.parametrize("is_set_back", [False, True])
@pytest.mark.parametrize("looks", [1, 3, 4, 5])
def test_a_backup_that_others_may_have_forgotten_is_none(
    shop: Shop,
    target: str,
    there: Bucket,
    monkeypatch: pytest.MonkeyPatch,
    looks: int,
    is_set_back: bool,
) -> None:
    """A prune may have begun meanwhile, and removed what was there when it looked."""
    shop.fill(3)
    with monkeypatch.context() as patched:
        patched.setattr(backup_bucket, "time", Asleep(looks, is_set_back=is_set_back))
        code, _, error = run(shop, "backup", target)
    assert (code, "stood still for an hour" in error) == (1, True)
    assert "manifest" not in "".join(each.key for each in there.listed("backups"))
    assert list(there.listed(".work")) == []
    assert "3 images" in made(shop, target)


def test_a_prune_that_others_may_have_forgotten_goes_no_further(
    shop: Shop, target: str, there: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.fill(3)
    made(shop, target)
    for image in shop.catalogue.page(ListQuery()).images:
        shop.catalogue.remove(image.id)
    shop.fill(1)  # the first of them again
    made(shop, target)
    # At the start, for each backup and each object; then one is removed.
    monkeypatch.setattr(backup_bucket, "time", Asleep(1 + 2 + 3 + 1))
    code, _, error = run(shop, "backup", "prune", target, "--keep", "1")
    assert (code, "stood still for an hour" in error) == (1, True)
    assert len(list(there.listed("objects"))) == 2, "one was removed before"
    assert run(shop, "backup", "verify", target)[0] == 0


def test_a_wrong_address_is_told(shop: Shop) -> None:
    code, _, error = run(shop, "backup", "s3://x")
    assert (code, "s3://bucket" in error) == (2, True)


def test_verify_finds_what_is_wrong_in_the_bucket_and_repairs_it(shop: Shop, target: str) -> None:
    names = shop.fill(30)
    made(shop, target)
    assert shop.verify()[0] == 0
    bucket = shop.stores.bucket
    bucket.put(names[0], b"x" * bucket.find(names[0]).size_bytes)
    bucket.remove([names[1]])
    orphan = "img_1700000000000_0123456789abcdef.png"
    bucket.put(orphan, b"x")
    bucket.put("notes.txt", b"x")
    code, found = shop.found()
    assert code == 3
    assert found["counts"] == {"damaged": 1, "missing": 1, "orphaned": 1, "foreign": 1}
    code, found = shop.found("--repair", "--from", target)
    assert sorted(found["restored"]) == sorted(names[:2])
    assert shop.found()[1]["counts"] == {"orphaned": 1, "foreign": 1}
    assert bucket.read(orphan) == b"x", "what nobody knows is left alone"


def test_a_lost_catalogue_is_rebuilt_from_the_bucket(
    shop: Shop, tmp_path: Path, s3_server: S3Server
) -> None:
    filled(shop)
    shop.manager.update(shop.fill(1)[0], filename="renamed.png", tags=["x"])
    before = contents(shop)
    again = Shop(tmp_path / "again", bucket_on=s3_server)
    again.config.write_text(shop.config.read_text().replace(str(shop.uploads), str(again.uploads)))
    code, out, error = run(again, "rebuild")
    assert (code, out.startswith(f"{IMAGES + 1} images, ")) == (0, True), error
    again.store = shop.store
    after = contents(again)
    for image_id, (image, data) in before.items():
        found, same = after[image_id]
        assert same == data
        assert (found.filename, found.tags, found.attributes) == (
            image.filename, image.tags, image.attributes,
        )  # fmt: skip
        assert (found.deleted_ms is None) == (image.deleted_ms is None)
    again.catalogues.stop()


def test_originals_are_put_away_and_brought_back(shop: Shop) -> None:
    names = shop.fill(3)
    code, out, error = run(shop, "archive", "--older-than", "0.0000001")
    assert (code, out.startswith("3 originals, ")) == (0, True), error
    assert sorted(each.key.partition("/")[0] for each in shop.stores.archive.listed()) == sorted(
        names
    )
    assert not [each for each in shop.stores.bucket.listed("") if each.key in names]
    assert shop.verify()[0] == 0
    assert run(shop, "unarchive", "--all")[1].startswith("3 originals, ")
    data = shop.stores.bucket.read(names[0])
    assert hashlib.sha256(data).hexdigest() == shop.manager.get(names[0]).sha256.hex()


def test_a_store_on_a_disk_moves_into_a_bucket_and_back(
    tmp_path: Path, s3_server: S3Server
) -> None:
    shop = Shop(tmp_path / "shop")
    filled(shop)
    before, plain = contents(shop), shop.config.read_text()
    assert run(shop, "backup", str(tmp_path / "backups"))[0] == 0
    prefix = secrets.token_hex(6)
    told = {**s3_server.settings(prefix), "upload_dir": str(shop.uploads)}
    shop.config.write_text("".join(f"{key}: {value}\n" for key, value in told.items()))
    code, out, error = run(shop, "restore", str(tmp_path / "backups"))
    assert (code, f"0 images and {IMAGES} files brought back" in out) == (0, True), error
    assert shop.verify()[0] == 0
    keys = [each.key for each in s3_server.bucket(prefix).listed()]
    assert len([key for key in keys if key.startswith("img_")]) == IMAGES
    assert len([key for key in keys if key.startswith(".trash/")]) == 1
    for path in shop.uploads.glob("img_*"):
        path.unlink()
    shop.config.write_text(plain)
    assert run(shop, "restore", str(tmp_path / "backups"))[0] == 0
    assert contents(shop) == before
    shop.catalogues.stop()

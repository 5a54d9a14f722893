"""`image-service verify` as an operator runs it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from image_service import verify
from image_service.domain.image import human_size
from image_service.errors import StorageFull, StorageUnavailable
from image_service.storage import LocalStore
from image_service.testing import png
from image_service.verify import Finding, Verifier
from tests.e2e.shop import Shop, flip_a_bit

IMAGES = 200


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path)
    yield made
    made.catalogues.stop()


def test_a_flipped_bit_in_every_file_is_found_in_every_file(shop: Shop) -> None:
    names = shop.fill(IMAGES)
    size = human_size(shop.manager.usage().bytes)
    told = f"{IMAGES} images, {size}, looked at bit by bit.\nAll is well.\n"
    assert shop.verify()[:2] == (0, told)
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


def test_repair_takes_what_it_can_from_a_backup(shop: Shop, tmp_path: Path) -> None:
    names, target = shop.fill(8), str(tmp_path / "backups")
    assert shop.run("backup", target, "--config", str(shop.config))[0] == 0
    late = shop.manager.add(png(seed=77), "late.png").blob_name
    before = {name: (shop.uploads / name).read_bytes() for name in names}
    chance = random.Random(5)
    for name in (names[0], names[1], late):
        flip_a_bit(shop.uploads / name, chance)
    for name in names[2:5]:  # so many that dropping them would be refused
        (shop.uploads / name).unlink()
    shop.store.quarantine(names[5], bytes(32))
    code, told = shop.found("--repair", "--from", target)
    assert code == 3
    assert sorted(told["restored"]) == sorted(names[:6])
    assert told["repaired"] == [late]
    code, told = shop.found()
    assert (code, told["counts"]) == (3, {"quarantined": 1})
    assert {name: (shop.uploads / name).read_bytes() for name in names} == before
    assert [path.name for path in (shop.uploads / ".damaged").iterdir()] == [late]
    code, out, _ = shop.verify("--repair", "--from", target)
    assert (code, "brought back" in out) == (3, False)


@pytest.mark.parametrize("is_full", [False, True])
def test_what_cannot_be_put_back_keeps_nothing_else_from_it_and_is_not_dropped(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, is_full: bool
) -> None:
    names, target = sorted(shop.fill(4)), str(tmp_path / "backups")
    assert shop.run("backup", target, "--config", str(shop.config))[0] == 0
    (shop.uploads / names[0]).write_bytes(b"x")
    for name in names[1:3]:
        (shop.uploads / name).unlink()
    put = LocalStore.put

    def is_away_for_two(store: LocalStore, name: str, *args: Any, **kwargs: Any) -> bytes:
        if name in names[:2]:
            raise StorageFull if is_full else StorageUnavailable("Input/output error")
        return put(store, name, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(LocalStore, "put", is_away_for_two)
        code, out, _ = shop.verify("--repair", "--from", target)
    assert code == 3
    assert "1 brought back from the backup.\n2 could not be brought back:\n" in out
    why = "disk is full" if is_full else "not available (Input/output error)"
    for name in names[:2]:
        assert f"  {name}: The store" in out
    assert out.count(why) == 2
    assert "1 put into quarantine." in out
    assert "dropped" not in out
    told = shop.found("--repair", "--from", target)[1]
    assert (sorted(told["restored"]), told["notRestored"]) == (names[:2], [])
    assert shop.verify()[0] == 0


def test_where_too_many_are_missing_it_is_told_what_the_backup_did(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, target = sorted(shop.fill(3)), str(tmp_path / "backups")
    assert shop.run("backup", target, "--config", str(shop.config))[0] == 0
    late = [shop.manager.add(png(seed=n), "late.png").blob_name for n in (77, 78)]
    for name in (names[0], *late):
        (shop.uploads / name).unlink()
    monkeypatch.setattr(LocalStore, "put", Mock(side_effect=StorageFull))
    code, _, error = shop.verify("--repair", "--from", target)
    assert code == 1
    assert f"1 could not be brought back ({names[0]}: The store's disk is full" in error
    assert "of the rest: 2 of 5 images have no file" in error


def test_what_was_mended_meanwhile_is_not_said_to_be_brought_back(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names, target = shop.fill(3), str(tmp_path / "backups")
    assert shop.run("backup", target, "--config", str(shop.config))[0] == 0
    away = [(shop.uploads / name).rename(tmp_path / name) for name in names[:2]]
    quarantine = Verifier.quarantine

    def after_it_was_mended(*args: Any) -> list[Finding]:
        for path in away:
            if path.exists():
                path.rename(shop.uploads / path.name)
        return quarantine(*args)

    monkeypatch.setattr(Verifier, "quarantine", after_it_was_mended)
    told = shop.found("--repair", "--from", target)[1]
    assert (told["counts"], told["restored"], told["repaired"]) == ({"missing": 2}, [], [])


def test_a_disk_that_is_not_there_empties_no_catalogue_however_many_are_missing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verify, "_FINDINGS_KEPT", 3)
    for name in shop.fill(40):
        (shop.uploads / name).unlink()
    code, _, error = shop.verify("--repair")
    assert (code, "None was dropped" in error) == (1, True)
    assert shop.manager.usage().files == 40


def test_to_repair_from_what_is_no_backup_is_told(shop: Shop, tmp_path: Path) -> None:
    (shop.uploads / shop.fill(3)[0]).unlink()
    code, _, error = shop.verify("--repair", "--from", str(tmp_path / "nothing"))
    assert (code, "there is none here" in error) == (1, True)
    assert shop.manager.usage().files == 3
    assert shop.verify("--from", str(tmp_path))[0] == 2


def test_a_store_that_is_not_there_is_told(shop: Shop, tmp_path: Path) -> None:
    shop.config.write_text(f"upload_dir: {tmp_path / 'elsewhere'}\n")
    code, out, error = shop.run_apart("verify", "--config", str(shop.config))
    assert (code, out) == (1, "")
    assert "there is no catalogue" in error
    assert "Traceback" not in error

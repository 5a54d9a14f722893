"""`image-service migrate` and an operator's other commands while originals move; no service."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from image_service.cli import main
from image_service.config import read_settings
from image_service.domain.image import Image
from image_service.domain.listing import ListQuery
from image_service.maintenance import Parts, opened
from image_service.manager import StorageManager
from image_service.settings import Settings
from image_service.storage import FileTurn, LeaseBook
from image_service.storage.move import note_of
from image_service.storage.s3 import Bucket
from image_service.testing import FixedClock, InlineEngine, MemoryVariants, png
from tests.contracts.adapters import PostgresCatalogues
from tests.e2e.shop import flip_a_bit
from tests.s3 import S3Server

IMAGES = 12


class Store:
    """A folder with a config.yaml, and what is in its originals' places."""

    def __init__(self, folder: Path, server: S3Server, **settings: object) -> None:
        self.folder = folder
        self.uploads, self.archive = folder / "uploads", folder / "archive"
        self.bucket: Bucket = server.bucket(secrets.token_hex(6))
        self.other: Bucket = server.bucket(secrets.token_hex(6))
        self.place = str(self.bucket.url)
        self.config = folder / "config.yaml"
        self._told = {**server.settings("x"), "upload_dir": str(self.uploads), **settings}
        folder.mkdir(exist_ok=True)
        self.configure("")

    def configure(self, main: str, also: str = "", **settings: object) -> None:
        told = {**self._told, "s3_originals": main, "originals_also": also, **settings}
        self.config.write_text("".join(f"{key}: {value}\n" for key, value in told.items()))

    @property
    def settings(self) -> Settings:
        lines = (line.split(": ", 1) for line in self.config.read_text().splitlines())
        return read_settings(dict(lines), self.folder)

    @contextlib.contextmanager
    def opened(self) -> Iterator[tuple[StorageManager, Parts]]:
        """The store as a process with these settings has it."""
        with opened(self.settings, may_be_new=True) as parts:
            manager = StorageManager(
                parts.store,
                parts.catalogue,
                InlineEngine(),
                FixedClock(),
                MemoryVariants(),
                max_upload_bytes=10**6,
                idempotency_window_s=1,
                trash_retention_days=1,
            )
            yield manager, parts

    def fill(self, count: int = IMAGES) -> list[str]:
        """Add images, the last one to the trash; return the names of their originals."""
        with self.opened() as (manager, _):
            images = [
                manager.add(png((8, 6), seed=number), f"{number}.png", tags=["t"])
                for number in range(count)
            ]
            manager.remove(images[-1].id)
        return [image.blob_name for image in images]

    def contents(self) -> dict[str, tuple[Image, bytes]]:
        """Return every image, in the trash or not, with its bytes."""
        found = {}
        with self.opened() as (manager, parts):
            for is_trashed in (False, True):
                for image in manager.page(ListQuery(trashed=is_trashed)).images:
                    with parts.store.open(image.blob_name) as file:
                        found[image.id] = image, file.read()
        return found

    def run(self, *words: str) -> tuple[int, str, str]:
        """Run image-service in this process; return its exit code and what it printed."""
        ended = CliRunner().invoke(main, [*words, "--config", str(self.config)])
        if ended.exception and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return ended.exit_code, ended.stdout, ended.stderr

    def migrated(self, *options: str) -> dict[str, Any]:
        code, out, error = self.run("migrate", "--json", *options)
        assert code in (0, 3), error
        told: dict[str, Any] = json.loads(out)["originals"]
        is_done = told["isComplete"] or "--dry-run" in options
        assert (code == 0) == (is_done and not told["wrong"])
        return told

    def on_disk(self) -> set[str]:
        """The names of originals below upload_dir, wherever."""
        return {
            path.name
            for path in self.uploads.rglob("*img_*")
            if path.is_file() and ".state" not in path.parts
        }

    def in_bucket(self, bucket: Bucket | None = None) -> set[str]:
        return {each.key for each in (bucket or self.bucket).listed()}


@pytest.fixture
def store(tmp_path: Path, s3_server: S3Server) -> Store:
    return Store(tmp_path / "store", s3_server)


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Server) -> Iterator[Store]:
    if request.param == "sqlite":
        yield Store(tmp_path / "store", s3_server)
        return
    catalogues = PostgresCatalogues(request.getfixturevalue("postgres_server"), is_empty=True)
    yield Store(tmp_path / "store", s3_server, catalogue_url=catalogues.url)
    catalogues.stop()


def test_originals_go_to_a_bucket_and_to_another_one_and_back(either: Store) -> None:
    store = either
    stored = store.fill()
    names, trashed = set(stored), f".trash/{stored[-1]}"
    before = store.contents()
    ways = [
        (store.place, "local", lambda: store.in_bucket() - {trashed}),
        (str(store.other.url), store.place, lambda: store.in_bucket(store.other) - {trashed}),
        ("", str(store.other.url), store.on_disk),
    ]
    for target, source, there in ways:
        store.configure(target, source)
        assert store.contents() == before
        with store.opened() as (manager, _):  # by whom the old place is still written alone
            new = manager.add(png((9, 9)), "new.png")
            manager.remove(new.id, permanent=True)
        looked = store.migrated("--dry-run")
        assert (looked["copied"], looked["isComplete"]) == (len(names), False)
        assert there() <= {trashed}
        told = store.migrated()
        assert (told["images"], told["copied"], told["wrong"]) == (len(names), len(names), [])
        assert store.migrated()["copied"] == 0
        assert there() == names
        assert store.run("verify")[0] == 0
        told = store.migrated("--remove-old")
        assert (told["removed"], told["left"]) == (len(names), [])
        store.configure(target)
        assert store.contents() == before
        assert store.run("verify")[0] == 0
        assert there() == names
    assert store.in_bucket() == store.in_bucket(store.other) == set()


def test_it_says_what_it_did_and_what_comes_next(store: Store) -> None:
    names = store.fill()
    store.configure(store.place, "local")
    code, out, _ = store.run("migrate", "--dry-run")
    assert (code, f"would be copied from local to {store.place}" in out) == (0, True)
    code, out, _ = store.run("migrate", "--max-rate", "100")
    assert code == 0
    assert out.startswith(f"{IMAGES} images, ")
    assert "--remove-old` removes them from local" in out
    (store.uploads / "notes.txt").write_text("mine")
    orphan = names[0].replace("img_1", "img_2")
    (store.uploads / orphan).write_bytes(b"x")
    flip_a_bit(store.uploads / names[1], random.Random(1))
    store.bucket.put(names[2], b"x")
    code, out, _ = store.run("migrate", "--remove-old")
    assert code == 3
    for words in (
        f"{IMAGES - 1}, ",
        f"  {names[2]}: damaged in the new place",
        "Left in local, of no image: 1 foreign, 1 orphaned.",
        f"  {orphan}: orphaned",
        "take originals_also out",
    ):
        assert words in out
    assert store.on_disk() == {orphan, names[2]}, "the damaged one was sound in the new place"
    code, out, _ = store.run("verify", "--repair")
    assert store.migrated("--remove-old")["copied"] == 1
    assert store.on_disk() == {orphan}
    assert "damaged" not in store.run("verify")[1]


@pytest.mark.parametrize(
    ("settings", "code", "told"),
    [
        (
            {"main": ""},
            2,
            "originals_also (environment: IMAGE_SERVICE_ORIGINALS_ALSO) nor ",
        ),
        ({"main": "", "also": "local"}, 2, "where originals are anyway"),
        pytest.param(
            {"main": "s3://nobodys-bucket/x", "also": "local"},
            1,
            "no such bucket",
            marks=pytest.mark.speaks_s3,
        ),
    ],
)
def test_what_cannot_be_moved_is_told(
    store: Store, settings: dict[str, str], code: int, told: str
) -> None:
    store.fill(1)
    store.configure(**settings)
    got, _, error = store.run("migrate")
    assert (got, told in error) == (code, True), error


def test_one_at_a_time(store: Store) -> None:
    store.fill(1)
    store.configure(store.place, "local")
    turn = FileTurn(store.uploads / ".state" / "migrate.lock")
    assert turn.take()
    code, _, error = store.run("migrate")
    assert (code, "another" in error) == (1, True)
    turn.release()
    assert store.run("migrate")[0] == 0
    assert store.run("migrate", "--dry-run", "--remove-old")[0] == 2


def test_where_not_everything_is_nobody_goes_on(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.fill()
    store.configure(store.place, "local")
    store.bucket.put("img_1700000000000_0.png", b"x")
    flip_a_bit(next(store.uploads.glob("img_*")), random.Random(1))
    leases = LeaseBook(store.uploads / ".state" / "leases")
    old = leases.acquire(note_of(("local",)))
    monkeypatch.setattr("image_service.migration._RENEWED_WITHIN_S", 0.0)
    code, _, error = store.run("migrate")
    assert (code, "renew them first" in error) == (1, True)
    old.release()
    monkeypatch.setattr(
        "image_service.migration.Migration._copy", lambda *_: "unreadable (for a while)"
    )
    assert not store.migrated()["isComplete"]
    store.configure(store.place)
    code, _, error = store.run("verify")
    assert (code, f"not all originals are in {store.place}" in error) == (1, True)


def test_regretted_it_goes_on_as_before_and_the_bucket_is_cleared(store: Store) -> None:
    names = store.fill()
    store.configure(store.place, "local")
    assert store.migrated()["copied"] == IMAGES
    store.configure("")
    with store.opened() as (manager, _):
        new = manager.add(png((9, 9)), "new.png").blob_name
        manager.remove(names[0], permanent=True)
    assert store.run("verify")[0] == 0
    store.configure(store.place)
    code, _, error = store.run("verify")
    assert (code, "not all originals are in" in error) == (1, True), "the new one is not there"
    store.configure("", store.place)
    before = store.contents()
    told = store.migrated("--remove-old")
    assert (told["copied"], told["removed"]) == (0, IMAGES - 1)
    assert told["left"] == [{"kind": "orphaned", "name": names[0]}]
    store.configure("")
    assert store.contents() == before
    assert store.on_disk() == {*names[1:], new}


def test_what_is_archived_is_copied_and_nothing_is_put_away_meanwhile(store: Store) -> None:
    names = store.fill()
    store.configure("", archive_dir=str(store.archive))
    before = store.contents()
    assert store.run("archive", "--tag", "t")[0] == 0
    assert (store.uploads / names[0]).is_symlink()
    store.configure(store.place, "local", archive_dir=str(store.archive))
    code, _, error = store.run("archive", "--tag", "t")
    assert (code, "originals_also" in error) == (2, True)
    assert store.migrated()["copied"] == IMAGES
    assert store.contents() == before
    assert store.migrated("--remove-old")["removed"] == IMAGES
    assert store.on_disk() == set()
    assert not list(store.archive.rglob("img_*"))
    store.configure(store.place)
    assert store.contents() == before


def test_what_is_in_quarantine_stays_there_and_is_told(store: Store) -> None:
    names = store.fill()
    flip_a_bit(store.uploads / names[0], random.Random(2))
    assert store.run("verify", "--repair")[0] == 3
    flip_a_bit(store.uploads / names[1], random.Random(2))
    store.configure(store.place, "local")
    told = store.migrated("--remove-old")
    assert {each["name"]: each["why"] for each in told["wrong"]} == {
        names[0]: "in quarantine", names[1]: "damaged",
    }  # fmt: skip
    assert (told["removed"], told["isComplete"]) == (IMAGES - 2, True)
    assert {path.name for path in store.uploads.glob("img_*")} == {names[1]}
    assert (store.uploads / ".damaged" / names[0]).exists()


@pytest.mark.parametrize("is_copied", [False, True])
def test_backups_and_verification_and_a_rebuild_in_the_middle(
    store: Store, tmp_path: Path, is_copied: bool
) -> None:
    names = store.fill()
    before = store.contents()
    store.configure(store.place, "local")
    if is_copied:
        store.migrated()
    with store.opened() as (_, parts):  # as a --remove-old that was interrupted leaves it
        half = names[: IMAGES // 2]
        if is_copied:
            parts.store.move.leave()
            for name in half:
                parts.store.second.drop(name)
    assert store.run("verify")[0] == 0
    assert store.run("backup", str(tmp_path / "backups"))[0] == 0
    assert store.run("backup", "verify", str(tmp_path / "backups"))[0] == 0
    with store.opened() as (manager, parts):
        lost = next(image for image, _ in before.values() if image.blob_name == names[1])
        for each in (parts.store.main, parts.store.second):
            each.drop(lost.blob_name)
        gone = next(image for image, _ in before.values() if image.blob_name == names[2])
        manager.remove(gone.id, permanent=True)
    code, out, _ = store.run("restore", str(tmp_path / "backups"))
    assert (code, "1 images and 1 files brought back" in out) == (0, True)
    assert store.contents() == before
    shutil.rmtree(store.uploads / ".state")
    code, out, error = store.run("rebuild")
    assert (code, out.startswith(f"{IMAGES} images, ")) == (0, True), error
    after = store.contents()
    assert {each: data for each, (_, data) in after.items()} == {
        each: data for each, (_, data) in before.items()
    }
    for image_id, (image, data) in before.items():
        assert after[image_id][0].tags == image.tags
        assert (after[image_id][0].deleted_ms is None) == (image.deleted_ms is None)
        assert hashlib.sha256(data).digest() == image.sha256
    assert store.migrated("--remove-old")["isComplete"]
    assert store.on_disk() == set()

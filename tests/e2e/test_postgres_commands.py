"""What an operator does to a store whose catalogue is in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from image_service.catalogue.trigrams import NAME
from image_service.domain.image import Image
from image_service.domain.listing import ListQuery, parse_list_query
from image_service.domain.ports import MonthTotals, TagCount
from image_service.testing import png
from scripts.postgres import Server
from tests.contracts.adapters import PostgresCatalogues
from tests.e2e.shop import Shop

MakeShop = Callable[[str, bool], Shop]


@pytest.fixture
def make_shop(postgres_server: Server, tmp_path: Path) -> Iterator[MakeShop]:
    made: list[Shop] = []

    def make(name: str, in_postgres: bool) -> Shop:
        made.append(Shop(tmp_path / name, postgres_server if in_postgres else None))
        return made[-1]

    yield make
    for shop in made:
        shop.catalogues.stop()


def filled(shop: Shop) -> Shop:
    shop.fill(12)
    shop.manager.add(
        png((9, 7)), "Ünï.png", tags=["a", "ß"], attributes={"k": "v"}, idempotency_key="k"
    )
    shop.manager.remove(shop.manager.add(png((9, 8)), "gone.png").id)
    return shop


def contents(shop: Shop) -> dict[str, tuple[Image, bytes]]:
    found = {}
    for is_trashed in (False, True):
        for listed in shop.manager.page(ListQuery(trashed=is_trashed)).images:
            image = shop.catalogue.get(listed.id, trashed=is_trashed)
            with shop.store.open(image.blob_name) as file:
                found[image.id] = image, file.read()
    return found


def counts(shop: Shop) -> tuple[list[MonthTotals], list[TagCount], object, object]:
    catalogue = shop.catalogue
    return catalogue.months(), catalogue.tags("", 99), catalogue.used(), catalogue.totals()


@pytest.mark.parametrize(("source", "heir"), [(True, True), (True, False), (False, True)])
def test_a_backup_is_one_format_whatever_keeps_the_catalogue(
    make_shop: MakeShop, tmp_path: Path, source: bool, heir: bool
) -> None:
    shop, other, target = (
        filled(make_shop("shop", source)), make_shop("other", heir), tmp_path / "backups",
    )  # fmt: skip
    code, out, error = shop.run("backup", str(target), "--config", str(shop.config))
    assert (code, error[:0]) == (0, ""), error
    assert out.startswith("14 images, ")
    files = sorted(path.name for path in target.glob("backups/*/*"))
    assert files == ["backup.json", "catalogue.sqlite3"], "one file, without a log beside it"
    assert shop.run("backup", "verify", str(target))[0] == 0
    code, _, error = other.run("restore", str(target), "--config", str(other.config))
    assert code == 0, error
    assert contents(other) == contents(shop)
    assert len(contents(other)) == 14
    assert counts(other) == counts(shop)
    assert other.found()[0] == 0


def test_a_copy_has_the_counts_and_answers_of_its_catalogue(
    make_shop: MakeShop, tmp_path: Path
) -> None:
    from image_service.catalogue.copies import copy_postgres
    from image_service.catalogue.postgres import PostgresOptions
    from image_service.maintenance import opened_copy

    shop = filled(make_shop("shop", True))
    shop.catalogue.tidy()
    filled(shop)
    folder = tmp_path / "one.part"
    folder.mkdir()
    copy_postgres(PostgresOptions(shop.catalogues.url), folder / "copy.sqlite3")
    with opened_copy(folder / "copy.sqlite3") as copy:
        assert (copy.months(), copy.tags("", 99), copy.used(), copy.totals()) == counts(shop)
        assert copy.used().files == 26 + 1, "the second upload under its key was no new one"
        named = parse_list_query(filename="ÜNÏ.")
        (image,) = copy.page(named).images
        assert [image] == list(shop.catalogue.page(named).images)
        copy.remove(image.id)  # its index of filenames is kept as any other's
        assert copy.page(named).images == ()


def test_the_index_of_filenames_is_made_where_it_may_be(make_shop: MakeShop) -> None:
    shop = filled(make_shop("shop", True))
    server, name = shop.catalogues.server, shop.catalogues.name
    clerk = shop.config.with_name("clerk.yaml")
    clerk.write_text(shop.config.read_text().replace("app@", f"clerk_{name}@"))
    server.run(
        f"DROP INDEX {NAME}; CREATE ROLE clerk_{name} LOGIN; "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk_{name}",
        name,
    )
    ready = "The catalogue is ready.\n"
    why = "so searches read names: this role does not own the tables.\n"
    why = f"There is no index of filenames, {why}"
    assert shop.run("prepare-catalogue", "--config", str(clerk)) == (0, why + ready, "")
    assert shop.run("prepare-catalogue", "--config", str(shop.config)) == (0, ready, "")
    valid = f"SELECT indisvalid FROM pg_index WHERE indexrelid = '{NAME}'::regclass"
    assert server.run(valid, name) == "t"
    assert shop.run("prepare-catalogue", "--config", str(clerk)) == (0, ready, "")
    server.run(f"DROP OWNED BY clerk_{name}; DROP ROLE clerk_{name}", name)


def test_verify_finds_and_repairs(make_shop: MakeShop) -> None:
    shop = filled(make_shop("shop", True))
    assert shop.found()[0] == 0
    image = next(iter(contents(shop).values()))[0]
    place = shop.uploads / image.blob_name
    place.write_bytes(b"x" * image.size_bytes)
    code, found = shop.found()
    assert code == 3
    assert found["counts"]["damaged"] == 1
    assert shop.verify("--repair")[0] == 3
    assert (shop.uploads / ".damaged" / image.blob_name).exists()


def test_a_lost_catalogue_is_rebuilt(make_shop: MakeShop, postgres_server: Server) -> None:
    shop = filled(make_shop("shop", True))
    before = contents(shop)
    living = {key for key, (image, _) in before.items() if image.deleted_ms is None}
    tables = "images, image_tags, sent_digests, months, tags, owners, count_slots, requests"
    postgres_server.run(f"TRUNCATE {tables}", shop.catalogues.name)
    postgres_server.run(
        "UPDATE totals SET files=0, bytes=0, trashed_files=0, trashed_bytes=0",
        shop.catalogues.name,
    )
    code, out, error = shop.run("rebuild", "--config", str(shop.config))
    assert code == 0, error
    assert out.startswith("14 images, ")
    after = contents(shop)
    assert {key for key, (image, _) in after.items() if image.deleted_ms is None} == living
    assert {image.filename for image, _ in after.values()} == {
        image.filename for image, _ in before.values()
    }


def test_commands_on_a_database_without_tables_say_so(
    make_shop: MakeShop, postgres_server: Server
) -> None:
    shop = make_shop("shop", True)
    empty = PostgresCatalogues(postgres_server, is_empty=True)
    text = shop.config.read_text().replace(shop.catalogues.name, empty.name)
    shop.config.write_text(text.replace("app@", "app:s3cret@"))
    code, out, error = shop.verify()
    assert code == 1
    assert "there is no catalogue for upload_dir" in error
    assert postgres_server.run("SELECT count(*) FROM pg_tables WHERE schemaname='public'",
                               empty.name) == "0"  # fmt: skip
    shop.config.write_text(shop.config.read_text().replace(empty.name, "not_there"))
    code, out, error = shop.verify()
    assert code == 1
    assert 'database "not_there" does not exist' in error
    assert len(error.splitlines()) == 1
    assert "s3cret" not in out + error
    empty.stop()


@pytest.mark.parametrize("key", ["catalogue_url", "catalogue_replica_url"])
def test_check_config_tells_a_url_it_cannot_use_and_never_repeats_it(
    make_shop: MakeShop, key: str
) -> None:
    shop = make_shop("shop", True)
    for url, told in (
        ("mysql://app:s3cret@h/db", "must look like postgresql://"),
        ("postgresql://app:s3cret@h:x@y/db?nonsense=1", "must look like postgresql://"),
    ):
        shop.config.write_text(f"upload_dir: x\n{key}: {url}\n")
        code, out, error = shop.run("check-config", "--config", str(shop.config))
        assert code == 2
        assert told in error
        assert f"{key} (environment: IMAGE_SERVICE_{key.upper()}): " in error
        assert "s3cret" not in out + error


def test_check_config_wants_to_know_what_a_standby_is_of(make_shop: MakeShop) -> None:
    shop = make_shop("shop", True)
    shop.config.write_text("upload_dir: x\ncatalogue_replica_url: postgresql://app:s3cret@h/db\n")
    code, out, error = shop.run("check-config", "--config", str(shop.config))
    assert code == 2
    assert "needs catalogue_url: the PostgreSQL that it is a standby of" in error
    assert "s3cret" not in out + error


def test_a_store_moves_to_postgresql_and_keeps_all_it_knew(
    make_shop: MakeShop, postgres_server: Server
) -> None:
    shop = filled(make_shop("shop", False))
    before, counted = contents(shop), counts(shop)
    shop.end()
    empty = PostgresCatalogues(postgres_server, is_empty=True)
    with shop.config.open("a") as config:
        config.write(f"catalogue_url: {empty.url}\ncatalogue_moving: true\n")
    migrate = ("migrate", "--config", str(shop.config))
    code, out, error = shop.run(*migrate, "--dry-run")
    assert (code, out) == (0, "14 images would be copied from SQLite to PostgreSQL.\n"), error
    code, out, error = shop.run(*migrate)
    assert code == 0, error
    assert "The catalogue is in PostgreSQL: 14 images, the same in both." in out
    code, out, error = shop.run(*migrate)
    assert code == 0, error
    assert out == "The catalogue is in PostgreSQL: nothing is left to be moved.\n"
    assert shop.found() == (0, {**shop.found()[1], "images": 14})
    shop.catalogue = empty.start().adapter
    shop.manager._catalogue = shop.catalogue
    assert contents(shop) == before
    assert counts(shop) == counted
    empty.stop()

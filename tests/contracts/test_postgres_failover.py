"""A primary and its synchronous standby: what was answered is there, whichever is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from image_service import native
from image_service.catalogue import SqlCatalogue
from image_service.domain.formats import Format
from image_service.errors import StorageUnavailable
from scripts.postgres import Server, private_server
from tests.contracts.adapters import PostgresCatalogues, new_image

SYNCHRONOUS = "ALTER SYSTEM SET synchronous_standby_names = '*'"


@pytest.fixture
def primary() -> Iterator[Server]:
    with private_server() as server:
        yield server


@pytest.fixture
def catalogues(primary: Server) -> PostgresCatalogues:
    return PostgresCatalogues(primary)


@pytest.fixture
def standby(primary: Server, catalogues: PostgresCatalogues) -> Iterator[Server]:
    with private_server(primary) as server:
        primary.run(SYNCHRONOUS)
        primary.run("SELECT pg_reload_conf()")
        yield server


@pytest.fixture
def catalogue(
    primary: Server,
    standby: Server,
    catalogues: PostgresCatalogues,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[SqlCatalogue]:
    monkeypatch.setattr("image_service.catalogue.postgres._SPARE_S", 1.0)
    hosts = f":{standby.port},127.0.0.1:{primary.port}"
    url = catalogues.url.replace(f":{primary.port}", hosts)
    catalogue = catalogues.start(url, timeout_s=2.0).adapter
    yield catalogue
    catalogue.close()


@pytest.mark.timeout(200)
def test_what_was_answered_is_there_when_the_standby_has_taken_over(
    primary: Server, standby: Server, catalogue: SqlCatalogue
) -> None:
    images = [catalogue.add(new_image()) for _ in range(5)]
    primary.kill()
    with pytest.raises(StorageUnavailable) as raised:
        catalogue.add(new_image())
    assert raised.value.retryable
    standby.run("SELECT pg_promote()")
    late = catalogue.add(new_image())
    wanted = {image.id for image in (*images, late)}
    assert catalogue.known(wanted) == wanted
    assert catalogue.totals()[Format.JPEG].files == 6


@pytest.mark.timeout(200)
def test_a_commit_that_waits_for_its_standby_in_vain_is_no_success(
    standby: Server, catalogue: SqlCatalogue
) -> None:
    image = new_image()
    standby.kill()
    with pytest.raises(StorageUnavailable, match="did not say"):
        catalogue.add(image)
    with pytest.raises(StorageUnavailable, match="busy"):
        catalogue.withdraw(image)
    standby.start()

    def withdrawn() -> bool:
        try:
            catalogue.withdraw(image)
        except StorageUnavailable:
            return False
        return True

    for _ in range(20):
        if withdrawn():
            break
        native.time.sleep(0.2)
    assert catalogue.get(image.id) is None
    assert catalogue.totals()[Format.JPEG].files == 0


@pytest.mark.timeout(200)
def test_a_server_that_only_reads_now_is_left_for_the_one_that_writes(
    primary: Server,
    standby: Server,
    catalogues: PostgresCatalogues,
    catalogue: SqlCatalogue,
) -> None:
    catalogue.add(new_image())
    standby.run("SELECT pg_promote()")
    primary.run("ALTER SYSTEM SET default_transaction_read_only = on")
    primary.run("SELECT pg_reload_conf()")
    for _ in range(100):  # it is read a moment later
        if primary.run("SHOW default_transaction_read_only") == "on":
            break
        native.time.sleep(0.05)
    native.time.sleep(0.3)
    image = catalogue.add(new_image())
    known = f"SELECT count(*) FROM images WHERE id = '{image.id}'"
    assert standby.run(known, catalogues.name) == "1"

"""The service with its catalogue in PostgreSQL: callers notice nothing, or a retryable error."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import eventlet
import kombu.pools
import pytest

from image_service.catalogue.trigrams import NAME
from scripts import broker as brokers
from scripts.postgres import Server, private_server
from tests.component.harness import Service, checksum_of, delete_queues, wait_until
from tests.component.pictures import noise, picture
from tests.contracts.adapters import PostgresCatalogues

MakeService = Callable[..., Service]


@pytest.fixture
def catalogue(postgres_server: Server) -> Iterator[PostgresCatalogues]:
    made = PostgresCatalogues(postgres_server, is_empty=True)
    yield made
    made.stop()


@pytest.fixture
def service(make_service: MakeService, catalogue: PostgresCatalogues) -> Iterator[Service]:
    made = make_service(catalogue_url=catalogue.url, owner_key="user_id", trash_retention_days=1)
    yield made
    made.stop()


def test_a_picture_is_stored_found_served_changed_and_deleted(service: Service) -> None:
    data = picture()
    reply = service.upload(data, "Fjörd.png", tags=["sea"], idempotency_key="k")
    image_id = reply["imageId"]
    with service.rpc() as rpc:
        assert rpc.upload_image(data, "Fjörd.png", idempotency_key="k")["imageId"] == image_id
        assert rpc.get_image(image_id)["metadata"]["checksum"] == checksum_of(data)
        listed = rpc.list_images(tag="sea", filename="FJÖRD")
        assert [each["imageId"] for each in listed["images"]] == [image_id]
        assert rpc.find_similar(image_id)["images"] == []
        assert rpc.update_image(image_id, tags=["fog"])["success"]
        assert rpc.get_storage_info()["totalFiles"] == 1
        answer, body = service.get(reply["url"].split(str(service.port))[1])
        assert (answer.status, body) == (200, data)
        assert rpc.delete_image(image_id)["success"]
        assert rpc.list_images()["total"] == 0
        assert rpc.restore_image(image_id)["success"]
        assert rpc.list_images(tag="fog")["total"] == 1
        assert rpc.health_check()["checks"]["catalogue"]["status"] == "ok"
    assert not (service.upload_dir / ".state" / "catalogue.sqlite3").exists()


def test_a_catalogue_without_an_index_of_filenames_is_told_at_the_start(
    make_service: MakeService, catalogue: PostgresCatalogues, caplog: pytest.LogCaptureFixture
) -> None:
    told = "searches for filenames read names"
    make_service(catalogue_url=catalogue.url).stop()
    assert told not in caplog.text
    catalogue.server.run(f"DROP INDEX {NAME}", catalogue.name)
    service = make_service(catalogue_url=catalogue.url)
    assert told in caplog.text
    image_id = service.upload(picture(), "Harbour.png")["imageId"]
    with service.rpc() as rpc:
        found = rpc.list_images(filename="harb")
        assert ([each["imageId"] for each in found["images"]], found["total"]) == ([image_id], 1)
    service.stop()


def test_many_uploaders_are_each_answered_once(service: Service) -> None:
    pictures = [noise(16, "png") for _ in range(24)]
    replies: list[Any] = []

    def upload(mine: list[bytes]) -> None:
        with service.rpc() as rpc:
            for data in mine:
                replies.append(rpc.upload_image(data, "a.png"))

    threads = [eventlet.spawn(upload, pictures[n::6]) for n in range(6)]
    for thread in threads:
        thread.wait()
    assert [reply["success"] for reply in replies] == [True] * 24
    with service.rpc() as rpc:
        info = rpc.get_storage_info()
        assert (info["totalFiles"], info["totalBytes"]) == (24, sum(map(len, pictures)))


def test_the_database_goes_away_under_load_and_comes_back(
    make_service: MakeService, tmp_path: Path
) -> None:
    with private_server() as server:
        catalogue = PostgresCatalogues(server, is_empty=True)
        service = make_service(catalogue_url=catalogue.url, catalogue_timeout_s=3)
        stored: dict[str, bytes] = {}
        errors: list[dict[str, Any]] = []
        is_over = False

        def upload() -> None:
            with service.rpc(timeout=60) as rpc:
                while not is_over:
                    data = noise(16, "png")
                    reply = rpc.upload_image(data, "a.png")
                    if "error" in reply:
                        errors.append(reply["error"])
                        eventlet.sleep(0.05)
                    else:
                        stored[reply["imageId"]] = data

        uploaders = [eventlet.spawn(upload) for _ in range(4)]
        wait_until(lambda: len(stored) > 5, 30)
        server.kill()
        wait_until(lambda: errors, 30)
        assert service.get("/readyz")[0].status == 503
        with service.rpc() as rpc:
            health = rpc.health_check()
        assert health["status"] == "unavailable"
        assert health["checks"]["catalogue"]["status"] == "failed"
        assert str(server.port) not in str(health["checks"])
        server.start()
        before = len(stored)
        wait_until(lambda: len(stored) > before + 5, 60)
        is_over = True
        for uploader in uploaders:
            uploader.wait()
        assert {error["code"] for error in errors} == {"storage_unavailable"}
        assert all(error["retryable"] for error in errors)
        assert not any("127.0.0.1" in str(error) for error in errors)
        with service.rpc() as rpc:
            assert rpc.get_storage_info()["totalFiles"] == len(stored)
            for image_id, data in stored.items():
                assert rpc.get_image(image_id)["metadata"]["checksum"] == checksum_of(data)
        names = sorted(f"{image_id}.png" for image_id in stored)
        # What was refused while it may have been on its way to a bucket is given some time.
        wait_until(lambda: service.app.manager.sweep() >= 0 and service.stored() == names, 20)
        assert {name: service.originals.read(name) for name in names} == {
            f"{image_id}.png": data for image_id, data in stored.items()
        }
        service.stop()
        catalogue.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def two_services(
    request: pytest.FixtureRequest, broker: brokers.Broker, tmp_path: Path
) -> Iterator[tuple[Service, Service]]:
    """Two containers on one store, of one virtual host each."""
    settings: dict[str, Any] = {"sweep_interval_s": 0.3}
    with contextlib.ExitStack() as stack:
        if request.param == "postgresql":
            made = PostgresCatalogues(request.getfixturevalue("postgres_server"), is_empty=True)
            stack.callback(made.stop)
            settings["catalogue_url"] = made.url
        services = []
        for name in ("one", "two"):
            uri = broker.add_vhost(f"{request.param}-{name}")  # type: ignore[attr-defined]
            delete_queues(uri)
            services.append(Service(uri, tmp_path / "uploads", **settings).start())
            stack.callback(services[-1].stop)
        yield services[0], services[1]
    kombu.pools.reset()


def test_each_timers_work_is_done_by_one_of_two_and_taken_over(
    two_services: tuple[Service, Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    from image_service.removals import Removals
    from image_service.scrub import Scrub

    done: list[tuple[str, int]] = []
    at_work: dict[str, int] = {"expire": 0, "step": 0}
    together: list[str] = []

    def noted(what: str) -> Callable[[Any], None]:
        def work(self: Any) -> None:
            at_work[what] += 1
            if at_work[what] > 1:
                together.append(what)
            done.append((what, id(self)))
            at_work[what] -= 1

        return work

    monkeypatch.setattr(Removals, "expire", noted("expire"))
    monkeypatch.setattr(Scrub, "step", noted("step"))

    def holders(what: str) -> set[int]:
        return {who for each, who in done if each == what}

    def counts() -> list[int]:
        return [sum(1 for each, _ in done if each == what) for what in at_work]

    wait_until(lambda: min(counts()) >= 4, 30)
    assert together == []
    first = {what: holders(what) for what in at_work}
    assert [len(each) for each in first.values()] == [1, 1]
    for service in two_services:
        mine = {id(service.app.manager._blocking._removals)} & first["expire"]
        if mine:
            service.stop()
    done.clear()
    wait_until(lambda: holders("expire"), 30)
    assert not holders("expire") & first["expire"]
    assert together == []

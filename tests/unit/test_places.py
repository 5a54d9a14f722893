"""What is of the machine is divided among its processes."""

from __future__ import annotations

import pytest

from image_service.places import ALONE, PLACE_KEY, Place, place_in
from image_service.settings import Settings

FOR_PICTURES = ("image_worker_count", "render_worker_count", "upload_concurrency")
FOR_ALL = ("worker_queue", "render_queue", "http_max_connections")


@pytest.fixture(autouse=True)
def cores(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("image_service.places.core_count", lambda: 4)
    return 4


@pytest.mark.parametrize("of", [2, 3, 4])
def test_the_shares_are_the_whole(of: int) -> None:
    whole = Settings(image_workers=5, render_workers=7, upload_concurrency=8, worker_queue=65)
    shares = [Place(n, of, folder="/run").share_of(whole) for n in range(of)]
    # Two keep four cores at work with pictures.
    for names, among in ((FOR_PICTURES, shares[:2]), (FOR_ALL, shares)):
        for name in names:
            parts = [getattr(share, name) for share in among]
            assert sum(parts) == getattr(whole, name)
            assert max(parts) - min(parts) <= 1


def test_a_process_that_there_is_no_core_for_leaves_the_work_to_the_others(cores: int) -> None:
    whole = Settings(image_workers=4, render_workers=5, upload_concurrency=8, worker_queue=12)
    places = [Place(n, cores + 2, folder="/run") for n in range(cores + 2)]
    assert [place.is_spare for place in places] == [False] * cores + [True] * 2
    assert [place.is_spare_for_pictures for place in places] == [False] * 2 + [True] * 4
    shares = [place.share_of(whole) for place in places]
    assert [share.image_worker_count for share in shares] == [2, 2, 1, 1, 1, 1]
    assert [share.render_worker_count for share in shares] == [3, 2, 1, 1, 1, 1]
    assert [share.upload_concurrency for share in shares] == [4, 4, 2, 2, 1, 1]
    assert [share.worker_queue for share in shares] == [2] * 6  # it may be the last one left


@pytest.mark.parametrize(
    ("cores", "first", "workers"), [(1, 1, 1), (2, 1, 2), (3, 2, 2), (8, 4, 2)]
)
def test_one_process_keeps_two_cores_at_work_with_pictures(
    monkeypatch: pytest.MonkeyPatch, cores: int, first: int, workers: int
) -> None:
    monkeypatch.setattr("image_service.places.core_count", lambda: cores)
    places = [Place(n, 8, folder="/run") for n in range(8)]
    assert sum(not place.is_spare_for_pictures for place in places) == first
    share = places[0].share_of(Settings(image_workers=cores))
    assert share.image_worker_count == workers


def test_everybody_has_at_least_one_and_nobody_more_of_nothing() -> None:
    whole = Settings(image_workers=1, render_workers=1, render_queue=0, http_max_connections=2)
    last = Place(3, 4, folder="/run").share_of(whole)
    assert (last.image_worker_count, last.render_worker_count) == (1, 1)
    assert (last.http_max_connections, last.render_queue) == (1, 0)


def test_what_is_of_each_process_stays() -> None:
    whole = Settings(max_workers=32, cache_memory_bytes=1000)
    share = Place(0, 2, folder="/run").share_of(whole)
    assert (share.max_workers, share.cache_memory_bytes) == (32, 1000)
    assert share.worker_memory_bytes == whole.worker_memory_bytes


def test_a_process_alone_has_everything() -> None:
    whole = Settings()
    assert ALONE.share_of(whole) is whole
    assert ALONE.is_alone
    assert ALONE.log_name == ""
    assert place_in({}) is ALONE


def test_the_place_is_no_key_of_the_configuration() -> None:
    place = Place(1, 2, "b", "/run")
    config = {"port": 1, PLACE_KEY: place}
    assert place_in(config) is place
    assert config == {"port": 1}
    assert (place.name, place.log_name) == ("2b", "2")

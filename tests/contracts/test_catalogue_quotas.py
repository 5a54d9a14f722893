"""Quotas and owners, as every Catalogue keeps them."""

from __future__ import annotations

from pathlib import Path

import pytest

from image_service.domain.ports import Catalogue, DuplicateRequest, RequestKey
from image_service.domain.quota import Quota, Quotas, Used
from image_service.errors import QuotaExceeded
from image_service.native import threading
from image_service.testing import NOON_MS
from tests.contracts.adapters import SqliteCatalogues, new_image


def of_store(*, files: int = 0, size_bytes: int = 0) -> Quotas:
    return Quotas(store=Quota(files, size_bytes))


def of_owner(*, files: int = 0, size_bytes: int = 0) -> Quotas:
    return Quotas(owner=Quota(files, size_bytes, prefix="owner_"))


def test_what_each_owner_has_is_counted(catalogue: Catalogue) -> None:
    ada, bob, nobody = (new_image(owner=name, size_bytes=7) for name in ("ada", "bob", ""))
    more = new_image(owner="ada", size_bytes=5)
    for image in (ada, bob, nobody, more):
        catalogue.add(image)
    assert catalogue.used() == Used(4, 26)
    assert catalogue.used("ada") == Used(2, 12)
    assert catalogue.used("nobody we know") == Used(0, 0)
    found = catalogue.get(ada.id)
    assert found
    assert found.owner == "ada"
    catalogue.remove(ada.id)
    catalogue.withdraw(more)
    assert catalogue.used("ada") == Used(0, 0)
    assert catalogue.used() == Used(2, 14)


@pytest.mark.parametrize(
    ("quotas", "setting", "limit", "used", "asked"),
    [
        (of_store(files=2), "quota_files", 2, 2, 1),
        (of_store(size_bytes=299), "quota_bytes", 299, 200, 100),
        (of_owner(files=2), "owner_quota_files", 2, 2, 1),
        (of_owner(size_bytes=299), "owner_quota_bytes", 299, 200, 100),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_of_it_stays(
    catalogue: Catalogue, quotas: Quotas, setting: str, limit: int, used: int, asked: int
) -> None:
    for _ in range(2):
        catalogue.add(new_image(owner="ada", size_bytes=100), (), quotas)
    late = new_image(owner="ada", size_bytes=100)
    key = RequestKey("caller:k", NOON_MS, b"d")
    with pytest.raises(QuotaExceeded) as raised:
        catalogue.add(late, [key], quotas)
    assert raised.value.details() == {
        "setting": setting, "limit": limit, "used": used, "asked": asked,
    }  # fmt: skip
    assert catalogue.get(late.id) is None
    assert catalogue.find_request(key) is None
    assert catalogue.used("ada") == Used(2, 200)


def test_a_quota_may_be_used_up_to_the_last_byte(catalogue: Catalogue) -> None:
    quotas = Quotas(Quota(2, 200), Quota(2, 200, prefix="owner_"))
    for _ in range(2):
        catalogue.add(new_image(owner="ada", size_bytes=100), (), quotas)
    assert catalogue.used() == Used(2, 200)


def test_others_and_nobody_are_not_kept_from_storing_by_an_owners_quota(
    catalogue: Catalogue,
) -> None:
    quotas = of_owner(files=1)
    for owner in ("ada", "bob", "", ""):
        catalogue.add(new_image(owner=owner), (), quotas)
    assert catalogue.used().files == 4


def test_room_that_was_freed_can_be_used(catalogue: Catalogue) -> None:
    quotas = Quotas(Quota(files=1), Quota(files=1, prefix="owner_"))
    first = catalogue.add(new_image(owner="ada"), (), quotas)
    catalogue.remove(first.id)
    catalogue.add(new_image(owner="ada"), (), quotas)
    assert catalogue.used("ada").files == 1


def test_a_repeated_request_is_answered_though_the_quota_is_used_up(catalogue: Catalogue) -> None:
    key = RequestKey("caller:k", NOON_MS, b"d")
    first = catalogue.add(new_image(), [key], of_store(files=1))
    with pytest.raises(DuplicateRequest) as raised:
        catalogue.add(new_image(), [key], of_store(files=1))
    assert raised.value.image == first


def test_a_quota_is_met_exactly_by_many_at_once_in_two_processes(tmp_path: Path) -> None:
    database = SqliteCatalogues(tmp_path)
    processes = [database.start().adapter for _ in range(2)]
    quotas = Quotas(Quota(bytes=24_000), Quota(files=20, prefix="owner_"))
    ended: list[str] = []

    def upload(number: int) -> None:
        catalogue = processes[number % 2]
        for _ in range(3):
            try:
                catalogue.add(new_image(owner=f"owner {number % 3}"), (), quotas)
                ended.append("stored")
            except QuotaExceeded as exc:
                ended.append(exc.setting)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (ended.count("stored"), ended.count("quota_bytes")) == (24, 24)
    for catalogue in processes:
        assert catalogue.used() == Used(24, 24_000)
    database.stop()

"""The avatars without a broker: `pytest examples/avatars`."""

from __future__ import annotations

from typing import Any

import pytest
from avatars import AvatarService
from nameko.testing.services import worker_factory

from image_service.testing import FakeImages, jpeg, png


@pytest.fixture
def images() -> FakeImages:
    return FakeImages(max_upload_bytes=100_000)


@pytest.fixture
def avatars(images: FakeImages) -> Any:
    return worker_factory(AvatarService, images=images)


def test_an_avatar_has_an_address_in_every_size(avatars: Any) -> None:
    told = avatars.set_avatar("ada", jpeg())
    assert set(told["urls"]) == {"32", "64", "256"}
    assert "/rs:fill:32:32:1/g:sm/" in told["urls"]["32"]
    assert avatars.get_avatar("ada") == told
    assert avatars.get_avatar("bob") is None


def test_a_new_avatar_takes_the_place_of_the_old_one(avatars: Any, images: FakeImages) -> None:
    avatars.set_avatar("ada", jpeg())
    newer = avatars.set_avatar("ada", png())
    avatars.set_avatar("bob", jpeg(seed=1))
    assert [image.id for image in images.iterate(tag="avatar:ada")] == [newer["imageId"]]
    assert images.storage_info().total_files == 2
    assert avatars.remove_avatar("ada") == 1
    assert avatars.get_avatar("ada") is None


def test_what_is_no_picture_leaves_the_old_avatar(avatars: Any) -> None:
    kept = avatars.set_avatar("ada", jpeg())
    refused = avatars.set_avatar("ada", b"%PDF-1.7")
    assert refused["error"] == "unsupported_format"
    assert "PDF" in refused["message"]
    assert avatars.get_avatar("ada") == kept

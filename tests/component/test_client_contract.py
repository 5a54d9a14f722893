"""ImageClient on a real service and FakeImages: the same answers, the same errors."""

from __future__ import annotations

import datetime as dt
import io
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from image_service import errors
from image_service.client import (
    CallRefused,
    ImageApi,
    ImageClient,
    ServiceNotRunning,
    SourceUnreadable,
)
from image_service.testing import FakeImages, bmp, jpeg, png
from tests.component.harness import Service, checksum_of

ABSENT = "img_1700000000000_0123456789abcdef"
SETTINGS: dict[str, Any] = {
    "trash_retention_days": 7,
    "max_upload_bytes": 300_000,
    "owner_key": "user_id",
    "owner_quota_files": 2,
    "presets": {"small": "rs:fit:16:16"},
}
MakeImages = Callable[..., ImageApi]


@pytest.fixture(scope="module")
def real_service(
    broker_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    new_store: Callable[[], dict[str, Any]],
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("client") / "uploads"
    running = Service(broker_uri, folder, **SETTINGS, **new_store())
    running.start()
    yield running
    running.stop()


@pytest.fixture(params=["real", "fake"])
def make_images(request: pytest.FixtureRequest) -> Iterator[MakeImages]:
    """Make clients that say who calls; all are closed in the end."""
    made: list[ImageApi] = []

    def make(**context_data: Any) -> ImageApi:
        if request.param == "fake":
            made.append(FakeImages(context_data=context_data, **SETTINGS))
        else:
            uri = request.getfixturevalue("real_service").uri
            made.append(ImageClient(uri, context_data=context_data, attempts=1))
        return made[-1]

    yield make
    for images in made:
        images.close()


@pytest.fixture
def images(make_images: MakeImages) -> ImageApi:
    return make_images()


_seeds = iter(range(1000, 10_000))


def new_png(**options: Any) -> bytes:
    """Return a picture that nobody has uploaded before."""
    return png(seed=next(_seeds), **options)


def size_of(data: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(data)) as picture:
        return picture.size


def test_an_upload_tells_all_there_is_to_tell(images: ImageApi) -> None:
    data = jpeg((80, 40), seed=next(_seeds), orientation=6)
    image = images.upload(data, "Ünder.jpg", tags=["a", "b"], attributes={"who": "me"})
    assert (image.filename, image.format, image.content_type) == ("Ünder.jpg", "jpeg", "image/jpeg")
    assert (image.width, image.height, image.dimensions) == (40, 80, "40x80")
    assert (image.size_bytes, image.checksum) == (len(data), checksum_of(data))
    assert (image.tags, image.attributes) == (("a", "b"), {"who": "me"})
    assert image.url.endswith(f"/images/{image.id}")
    assert image.created_at is not None
    age = dt.datetime.now(dt.timezone.utc) - image.created_at
    assert abs(age) < dt.timedelta(minutes=1)
    assert image.duplicate_of is None
    assert image.extra == {}
    got = images.get(image.id)
    assert vars(got) == {
        k: v for k, v in vars(image).items() if k not in ("message", "duplicate_of")
    }
    assert images.upload(data, "again.jpg").duplicate_of == image.id


def test_pictures_come_from_paths_files_and_bytes(images: ImageApi, tmp_path: Path) -> None:
    path = tmp_path / "on disk.png"
    path.write_bytes(new_png())
    told: list[tuple[int, int]] = []
    size = path.stat().st_size
    first = images.upload(path, on_progress=lambda *done: told.append(done))
    assert told == [(0, size), (size, size)]
    with path.open("rb") as file:
        second = images.upload(file)
    third = images.upload(str(path), "other name.png")
    fourth = images.upload(bytearray(path.read_bytes()), "bytes.png")
    names = [each.filename for each in (first, second, third, fourth)]
    assert names == ["on disk.png", "on disk.png", "other name.png", "bytes.png"]
    assert len({each.checksum for each in (first, second, third, fourth)}) == 1
    with pytest.raises(errors.InvalidArgument, match="filename"):
        images.upload(path.read_bytes())
    with pytest.raises(SourceUnreadable, match="No such file"):
        images.upload(tmp_path / "absent.png")


def test_one_key_makes_one_image(images: ImageApi) -> None:
    data, key = new_png(), f"key-{next(_seeds)}"
    first = images.upload(data, "a.png", idempotency_key=key)
    assert images.upload(data, "b.png", idempotency_key=key).id == first.id
    assert images.upload(data, "c.png").id != first.id
    with pytest.raises(errors.InvalidArgument) as caught:
        images.upload(new_png(), "d.png", idempotency_key=key)
    assert caught.value.details() == {"argument": "idempotency_key"}


@pytest.mark.parametrize(
    ("data", "name", "error", "details"),
    [
        (b"", "a.png", errors.EmptyFile, {}),
        (b"%PDF-1.7", "a.pdf", errors.UnsupportedFormat, {"detected": "PDF"}),
        (png(), "a.jpg", errors.TypeMismatch, {"extension": "jpg", "detected": "png"}),
        (png()[:-30], "a.png", errors.TruncatedImage, {}),
        (bmp((400, 400)), "a.bmp", errors.ImageTooLarge,
         {"setting": "max_upload_bytes", "limit": 300_000, "actual": 480_054}),
    ],
    ids=lambda v: v.__name__ if isinstance(v, type) else "",
)  # fmt: skip
def test_what_is_no_picture_is_refused(
    images: ImageApi, data: bytes, name: str, error: Any, details: dict[str, Any]
) -> None:
    with pytest.raises(error) as caught:
        images.upload(data, name)
    assert (caught.value.code, caught.value.retryable) == (error.code, False)
    assert caught.value.details() == details
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, error)
    assert (str(again), again.details()) == (str(caught.value), details)


def test_damage_on_the_way_is_told(images: ImageApi) -> None:
    data = new_png()
    with pytest.raises(errors.ChecksumMismatch) as caught:
        images.upload(data, "a.png", checksum="sha256:" + "0" * 64)
    assert caught.value.retryable
    assert caught.value.details()["actual"] == checksum_of(data)


@pytest.mark.parametrize("method", ["get", "delete", "restore", "similar", "url", "read"])
def test_what_is_not_there_is_told(images: ImageApi, method: str) -> None:
    with pytest.raises(errors.ImageNotFound, match=ABSENT):
        getattr(images, method)(ABSENT)
    with pytest.raises(errors.InvalidImageId):
        getattr(images, method)("../etc")


def test_quotas_are_told_with_their_numbers(make_images: MakeImages) -> None:
    images = make_images(user_id=f"user-{next(_seeds)}")
    for _ in range(2):
        last = images.upload(new_png(), "a.png")
    assert last.owner is not None
    with pytest.raises(errors.QuotaExceeded) as caught:
        images.upload(new_png(), "a.png")
    assert (caught.value.limit, caught.value.used, caught.value.asked) == (2, 2, 1)
    info = images.storage_info()
    assert info.owner is not None
    assert (info.owner.total_files, info.owner.quota_files) == (2, 2)


def test_the_trash_gives_back(images: ImageApi) -> None:
    image = images.upload(new_png(), "a.png", tags=["t"])
    deletion = images.delete(image.id)
    assert deletion.image_id == image.id
    assert deletion.restorable_until is not None
    assert deletion.restorable_until - dt.datetime.now(dt.timezone.utc) > dt.timedelta(days=6)
    trashed = {each.id: each for each in images.iterate(trashed=True)}
    assert trashed[image.id].deleted_at is not None
    assert images.restore(image.id).tags == ("t",)
    assert images.delete(image.id, permanent=True).restorable_until is None
    with pytest.raises(errors.ImageNotFound):
        images.restore(image.id)


def test_listings_are_pages_and_walks(images: ImageApi) -> None:
    tag = f"tag-{next(_seeds)}"
    sent = [images.upload(new_png(), f"{n}.png", tags=[tag]) for n in range(5)]
    page = images.page(2, tag=tag, order="filename")
    assert [each.filename for each in page.images] == ["0.png", "1.png"]
    assert (page.total, page.total_is_exact) == (5, True)
    following = images.page(2, page.next_cursor, tag=tag, order="filename")
    assert [each.filename for each in following.images] == ["2.png", "3.png"]
    walked = list(images.iterate(page_size=2, tag=tag))
    assert {each.id for each in walked} == {each.id for each in sent}
    listed = walked[0]
    assert (listed.format, listed.width, listed.tags) == ("png", 64, (tag,))
    assert sent[2].created_at is not None
    since = list(images.iterate(tag=tag, created_after=sent[2].created_at))
    assert {each.id for each in since} >= {each.id for each in sent[2:]}
    with pytest.raises(errors.InvalidArgument, match="limit"):
        images.page(0)


def test_bytes_are_found_by_checksum(images: ImageApi) -> None:
    data = new_png()
    image = images.upload(data, "a.png")
    asked = [checksum_of(data), *("sha256:" + f"{n:064x}" for n in range(1500))]
    assert images.find(asked) == {checksum_of(data): image.id}
    assert images.find([]) == {}


def test_look_alikes_are_told(images: ImageApi) -> None:
    data = new_png(alpha=True)
    image, copy = (images.upload(data, name) for name in ("a.png", "b.png"))
    found = {each.id: each for each in images.similar(image.id, max_distance=0)}
    assert (found[copy.id].distance, found[copy.id].identical) == (0, True)


def test_urls_are_of_originals_and_variants(images: ImageApi) -> None:
    image = images.upload(new_png(), "a.png")
    assert images.url(image.id) == image.url
    assert f"/rs:fill:10:20/plain/{image.id}" in images.url(image.id, "rs:fill:10:20")
    address = images.address(image.id, {"width": 10}, expires_in_s=60)
    assert address.expires_at is not None
    left = address.expires_at - dt.datetime.now(dt.timezone.utc)
    assert dt.timedelta(seconds=50) < left <= dt.timedelta(seconds=61)
    with pytest.raises(errors.InvalidArgument):
        images.url(image.id, "nonsense:1")


def test_bytes_come_back_whole_and_as_variants(
    images: ImageApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("image_service.client.downloads.PART_BYTES", 1000)
    data = new_png()
    assert len(data) > 3000
    image = images.upload(data, "a.png")
    assert images.read(image.id) == data
    told: list[tuple[int, int]] = []
    done = images.download(image.id, tmp_path / "b", on_progress=lambda *at: told.append(at))
    assert (tmp_path / "b").read_bytes() == data
    assert (done.path, done.content_type, done.size_bytes) == (
        tmp_path / "b", "image/png", len(data),
    )  # fmt: skip
    assert told[0] == (1000, len(data))
    assert told[-1] == (len(data), len(data))
    buffer = io.BytesIO()
    done = images.download(image.id, buffer, transform="rs:fill:20:10/f:jpg")
    assert (done.path, done.content_type) == (None, "image/jpeg")
    assert size_of(buffer.getvalue()) == (20, 10)
    assert size_of(images.read(image.id, "pr:small")) == (16, 12)
    with pytest.raises(errors.ImageNotFound):
        images.download(ABSENT, tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b"]


def test_the_service_tells_how_it_is(images: ImageApi) -> None:
    images.upload(new_png(), "a.png")
    health, info = images.health(), images.storage_info()
    assert (health.is_ok, health.service) == (True, "image_service")
    assert set(health.checks) == {"storage", "catalogue", "broker", "workers"}
    assert {check.status for check in health.checks.values()} == {"ok"}
    assert info.total_files == sum(each.files for each in info.by_format.values()) > 0
    assert (info.quota_bytes, info.owner) == (None, None)


def test_calls_that_the_service_does_not_know_are_told(images: ImageApi) -> None:
    with pytest.raises(ServiceNotRunning, match="no_such_method"):
        images.call("no_such_method")
    with pytest.raises(CallRefused, match="colour"):
        images.call("get_image", image_id=ABSENT, colour="red")


def test_names_and_tags_can_be_changed(images: ImageApi) -> None:
    image = images.upload(new_png(), "a.png", tags=["old"], attributes={"k": "v"})
    changed = images.update(image.id, filename="b.png", tags=["new", "newer"])
    assert (changed.filename, changed.tags) == ("b.png", ("new", "newer"))
    assert changed.attributes == {"k": "v"}
    assert images.update(image.id, tags=[]).tags == ()

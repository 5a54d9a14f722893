"""StorageManager.add: what is checked, in which order, and what is kept."""

from __future__ import annotations

import base64
import hashlib

import pytest

from image_service.domain.formats import Format
from image_service.domain.image import parse_image_ref
from image_service.errors import (
    Busy,
    ChecksumMismatch,
    CorruptImage,
    EmptyFile,
    ImageDamaged,
    ImageNotFound,
    ImageServiceError,
    ImageTooLarge,
    InvalidArgument,
    InvalidFilename,
    InvalidImageId,
    StorageFull,
    TruncatedImage,
    TypeMismatch,
    UnsupportedFormat,
)
from image_service.testing import NOON_MS, InlineEngine, gif, jpeg, make, png
from tests.unit.faults import MAX_UPLOAD_BYTES, PICTURE, World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def seeing() -> World:
    """A world that really decodes."""
    return World(engine=InlineEngine())


def test_what_was_added_can_be_got_opened_listed_and_counted(seeing: World) -> None:
    data = jpeg(orientation=6)
    image = seeing.manager.add(data, "Ferien/ä b.JPG", tags=["a", "b", "a"], attributes={"k": "v"})

    assert seeing.manager.get(image.id) == image
    opened, file = seeing.manager.open(f"{image.id}.jpg")
    assert (opened, file.read()) == (image, data)
    assert seeing.ids() == {image.id}
    assert (seeing.manager.usage().files, seeing.manager.usage().bytes) == (1, len(data))

    assert image.filename == "Ferien/ä b.JPG"
    assert image.size_bytes == len(data)
    assert image.sha256 == hashlib.sha256(data).digest()
    assert image.created_ms == NOON_MS
    assert (image.tags, image.attributes) == (("a", "b"), {"k": "v"})
    assert (image.facts.width, image.facts.height, image.facts.orientation) == (48, 64, 6)
    assert seeing.disk.blobs == {f"{image.id}.jpg": data}
    assert seeing.disk.provisional == {}


@pytest.mark.parametrize("format_", Format)
def test_every_format_is_stored_under_its_own_extension(seeing: World, format_: Format) -> None:
    image = seeing.manager.add(make(format_), f"picture.{format_.extension}")
    assert image.facts.format is format_
    assert list(seeing.disk.blobs) == [f"{image.id}.{format_.extension}"]


def test_ids_carry_the_time_and_never_repeat(world: World) -> None:
    ids = {world.manager.add(PICTURE, "a.png").id for _ in range(50)}
    assert len(ids) == 50
    assert all(parse_image_ref(each).id.startswith(f"img_{NOON_MS}_") for each in ids)


def test_every_form_of_the_same_bytes_is_the_same_picture(world: World) -> None:
    text = base64.b64encode(PICTURE).decode()
    forms = [PICTURE, text, f"data:image/png;base64,{text}", {"type": "Buffer", "data": [*PICTURE]}]
    assert len({world.manager.add(form, "a.png").sha256 for form in forms}) == 1


TEXT = b"just some words"
HUGE = PICTURE + bytes(MAX_UPLOAD_BYTES)
BAD_CHECKSUM = {"checksum": "sha256:" + "0" * 64}

# Each row fails in every way that stands below it too: the topmost one is told.
IN_ORDER = [
    ("filename", HUGE, "", {"tags": 1, **BAD_CHECKSUM}, InvalidFilename),
    ("tags", HUGE, "a.jpg", {"tags": 1, "checksum": 2}, InvalidArgument),
    ("checksum form", HUGE, "a.jpg", {"checksum": "md5:0"}, InvalidArgument),
    ("idempotency_key", HUGE, "a.jpg", {"idempotency_key": ""}, InvalidArgument),
    ("no picture at all", 12.5, "a.jpg", BAD_CHECKSUM, InvalidArgument),
    ("empty", b"", "a.jpg", BAD_CHECKSUM, EmptyFile),
    ("size", TEXT + bytes(MAX_UPLOAD_BYTES), "a.jpg", BAD_CHECKSUM, ImageTooLarge),
    ("checksum", TEXT, "a.jpg", BAD_CHECKSUM, ChecksumMismatch),
    ("unsupported", TEXT, "a.jpg", {}, UnsupportedFormat),
    ("type mismatch", PICTURE[:40], "a.jpg", {}, TypeMismatch),
    ("decode", PICTURE[:60], "a.png", {}, CorruptImage),
]


@pytest.mark.parametrize(
    ("file", "filename", "options", "error"),
    [row[1:] for row in IN_ORDER],
    ids=[row[0] for row in IN_ORDER],
)
def test_checks_come_in_the_order_of_the_contract(
    seeing: World, file: object, filename: str, options: dict, error: type[ImageServiceError]
) -> None:
    with pytest.raises(error) as raised:
        seeing.manager.add(file, filename, **options)
    assert raised.type is error or issubclass(raised.type, CorruptImage)
    if error is not CorruptImage:
        assert seeing.store.calls == [], "refused before anything is written"
    seeing.assert_empty()


def test_the_size_limit_itself_is_still_accepted(world: World) -> None:
    exact = PICTURE + bytes(MAX_UPLOAD_BYTES - len(PICTURE))
    assert world.manager.add(exact, "a.png").size_bytes == MAX_UPLOAD_BYTES
    with pytest.raises(ImageTooLarge) as raised:
        world.manager.add(exact + b"\0", "a.png")
    assert raised.value.details() == {
        "setting": "max_upload_bytes",
        "limit": MAX_UPLOAD_BYTES,
        "actual": MAX_UPLOAD_BYTES + 1,
    }


def test_the_right_checksum_is_accepted_in_any_case(world: World) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    for checksum in (f"sha256:{digest}", f"SHA256:{digest.upper()}"):
        assert world.manager.add(PICTURE, "a.png", checksum=checksum)


@pytest.mark.parametrize("filename", ["a.png", "a.PNG", "a.apng", "a", "holiday.2024", ".png", "p"])
def test_a_filename_that_agrees_or_claims_nothing_is_fine(world: World, filename: str) -> None:
    assert world.manager.add(PICTURE, filename).filename == filename


@pytest.mark.parametrize("filename", ["a.jpg", "a.heic", "a.SVG", "dir.png/a.gif"])
def test_a_filename_that_claims_another_format_is_a_type_mismatch(
    world: World, filename: str
) -> None:
    with pytest.raises(TypeMismatch):
        world.manager.add(PICTURE, filename)
    world.assert_empty()


@pytest.mark.parametrize("failure", [CorruptImage("x"), TruncatedImage("x"), Busy("x")])
def test_a_picture_the_engine_refuses_leaves_nothing(world: World, failure: Exception) -> None:
    world.engine.failure = failure
    with pytest.raises(type(failure)):
        world.manager.add(PICTURE, "a.png")
    world.assert_empty()


def test_a_full_queue_is_told_before_anything_is_written(world: World) -> None:
    world.engine.refusal = Busy("full")
    with pytest.raises(Busy):
        world.manager.add(PICTURE, "a.png")
    assert world.store.calls == []


def test_a_format_without_its_decoder_is_named_and_not_looked_at() -> None:
    world = World(accepted=frozenset(Format) - {Format.HEIC})
    with pytest.raises(UnsupportedFormat) as raised:
        world.manager.add(make(Format.HEIC), "IMG_1.HEIC")
    assert raised.value.details() == {"detected": "HEIC"}
    assert world.engine.looked_at == []
    world.assert_empty()


def test_an_interrupted_wait_for_the_engine_leaves_nothing(world: World) -> None:
    world.engine.failure = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        world.manager.add(PICTURE, "a.png")
    world.assert_empty()


def test_a_bad_picture_on_a_full_disk_is_told_as_a_bad_picture(world: World) -> None:
    world.engine.failure = CorruptImage("x")
    world.store.before["put"] = StorageFull()
    with pytest.raises(CorruptImage):
        world.manager.add(PICTURE, "a.png")


@pytest.mark.parametrize("bad", ["", "img_1", "../etc/passwd", None, 5, "img_1700000000000_A"])
def test_what_is_no_id_is_told_as_such(world: World, bad: object) -> None:
    for method in (world.manager.get, world.manager.open, world.manager.remove):
        with pytest.raises(InvalidImageId):
            method(bad)


def test_an_unknown_id_is_not_found(world: World) -> None:
    for method in (world.manager.get, world.manager.open, world.manager.remove):
        with pytest.raises(ImageNotFound):
            method("img_1700000000000_abcdefghij0123456789")


def test_an_id_with_another_formats_extension_is_not_found(seeing: World) -> None:
    image = seeing.manager.add(gif(frames=2), "a.gif")
    assert seeing.manager.get(f"{image.id}.gif").facts.frames == 2
    for method in (seeing.manager.get, seeing.manager.open, seeing.manager.remove):
        with pytest.raises(ImageNotFound):
            method(f"{image.id}.png")
    assert seeing.ids() == {image.id}


def test_a_blob_that_was_lost_is_damage_not_absence(world: World) -> None:
    image = world.manager.add(PICTURE, "a.png")
    world.disk.blobs.clear()
    with pytest.raises(ImageDamaged):
        world.manager.open(image.id)
    assert world.manager.remove(image.id) == image, "a damaged image can still be deleted"
    world.assert_empty()


def test_equal_pictures_of_two_uploads_are_two_images(world: World) -> None:
    data = png(seed=5)
    first, second = (world.manager.add(data, "same.png") for _ in range(2))
    assert first.id != second.id
    world.manager.remove(first.id)
    assert world.manager.open(second.id)[1].read() == data

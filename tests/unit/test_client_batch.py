"""Many files at once: what is sent, what is spared, what is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from image_service import errors
from image_service.client import SourceUnreadable, UploadedImage, batch
from image_service.client.batch import FAILED, STORED, THERE, Batch, Outcome
from image_service.testing import FakeImages, png


class CountingImages(FakeImages):
    """Counts what is sent; the first of `failures` are raised instead."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.sent: list[str] = []
        self.failures: list[Exception] = []

    def upload(self, picture: Any, *args: Any, **kwargs: Any) -> UploadedImage:
        self.sent.append(Path(picture).name)
        if self.failures:
            raise self.failures.pop(0)
        return super().upload(picture, *args, **kwargs)


@pytest.fixture
def images() -> CountingImages:
    return CountingImages()


def files(folder: Path, **contents: bytes) -> list[Path]:
    paths = [folder / f"{name}.png" for name in contents]
    for path, data in zip(paths, contents.values(), strict=True):
        path.write_bytes(data)
    return paths


def run(images: FakeImages, paths: list[Path], **options: Any) -> list[Outcome]:
    return list(Batch(images, jobs=1, **options).run(paths))


def statuses(outcomes: list[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.path.stem, outcome.status) for outcome in outcomes]


def test_each_picture_is_sent_once_and_told_in_order(
    images: CountingImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "_AT_ONCE_FILES", 2)
    one, two = png(seed=1), png(seed=2)
    paths = files(tmp_path, a=one, b=one, c=two, d=b"no picture", e=one)
    seen: list[str] = []
    outcomes = run(images, paths, tags=["t"], on_sent=lambda each: seen.append(each.path.stem))
    assert statuses(outcomes) == [
        ("a", STORED), ("b", THERE), ("c", STORED), ("d", FAILED), ("e", THERE),
    ]  # fmt: skip
    assert sorted(seen) == ["a", "b", "c", "d", "e"]
    assert outcomes[1].image_id == outcomes[0].image_id == outcomes[4].image_id
    assert isinstance(outcomes[3].error, errors.UnsupportedFormat)
    assert images.sent == ["a.png", "c.png", "d.png"]
    assert images.page(tag="t").total == 2
    again = run(images, paths)
    assert statuses(again) == [
        ("a", THERE), ("b", THERE), ("c", THERE), ("d", FAILED), ("e", THERE),
    ]  # fmt: skip
    assert images.storage_info().total_files == 2


def test_copies_of_what_is_refused_are_refused_and_sent_once(
    images: CountingImages, tmp_path: Path
) -> None:
    outcomes = run(images, files(tmp_path, a=b"text", b=b"text"))
    assert statuses(outcomes) == [("a", FAILED), ("b", FAILED)]
    assert images.sent == ["a.png"]


def test_what_was_deleted_within_a_day_is_stored_anew(
    images: CountingImages, tmp_path: Path
) -> None:
    paths = files(tmp_path, a=png(seed=3))
    (first,) = run(images, paths)
    images.delete(first.image_id)
    (second,) = run(images, paths)
    assert second.status == STORED
    assert second.image_id != first.image_id
    assert images.get(second.image_id).checksum == second.checksum


def test_a_run_that_was_cut_off_before_its_answer_stores_nothing_twice(
    images: CountingImages, tmp_path: Path
) -> None:
    path = files(tmp_path, a=png(seed=4))[0]
    outcome = batch._looked_at(path)
    images.upload(path, checksum=outcome.checksum, idempotency_key=f"file-{outcome.checksum}")
    images.find = lambda checksums: {}  # type: ignore[method-assign] # as it was a moment before
    Batch(images, jobs=1)._upload(outcome)
    assert images.storage_info().total_files == 1


def test_a_file_that_changes_meanwhile_is_told_as_such(
    images: CountingImages, tmp_path: Path
) -> None:
    (path,) = files(tmp_path, a=png(seed=5))
    outcome = batch._looked_at(path)
    path.write_bytes(png(seed=6))
    sent = Batch(images, jobs=1)._upload(outcome)
    assert isinstance(sent.error, SourceUnreadable)
    assert "changed" in str(sent.error)


@pytest.mark.parametrize(
    "error", [errors.StorageFull(), errors.QuotaExceeded("quota_files", 1, 1, 1)]
)
def test_what_would_keep_out_every_other_file_ends_the_run(
    images: CountingImages, tmp_path: Path, error: Exception
) -> None:
    images.failures = [error]
    with pytest.raises(type(error)):
        run(images, files(tmp_path, **{f"n{n}": png(seed=700 + n) for n in range(20)}))
    assert images.sent == ["n0.png"]

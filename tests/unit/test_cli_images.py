"""What the commands make of what others uploaded: nothing that harms a terminal or a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from image_service import cli_remote
from image_service.cli import main
from image_service.testing import FakeImages, jpeg


@pytest.fixture
def images(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeImages:
    fake = FakeImages(trash_retention_days=1)
    monkeypatch.setattr(cli_remote, "_client", lambda *_: fake)
    monkeypatch.chdir(tmp_path)
    return fake


def run(*words: str, **options: Any) -> Result:
    result = CliRunner().invoke(main, words, catch_exceptions=False, **options)
    assert result.exit_code == 0, result.output
    return result


@pytest.mark.parametrize(
    ("filename", "written"),
    [
        ("plain.jpg", "plain.jpg"),
        ("../../up.jpg", "_.._up.jpg"),
        ("/etc/passwd", "_etc_passwd.jpg"),
        ("..\\up.jpg", "_up.jpg"),
        (".bashrc", "bashrc.jpg"),
        ("Übung 1.jpeg", "Übung 1.jpeg"),
    ],
)
def test_a_download_stays_in_its_folder_and_is_visible(
    images: FakeImages, tmp_path: Path, filename: str, written: str
) -> None:
    image = images.upload(jpeg(), filename)
    assert run("download", image.id).stdout.strip() == written
    assert [each.name for each in tmp_path.iterdir()] == [written]


def test_what_a_picture_says_cannot_move_the_cursor(images: FakeImages) -> None:
    image = images.upload(jpeg(), "a.jpg", attributes={"x": "\033[2Jgone\r\nb\u202e"})
    for words in (("get", image.id), ("ls",)):
        assert not re.search(r"[\033\r\u202e]", run(*words).output)


def test_several_images_go_into_a_folder_that_is_there(images: FakeImages, tmp_path: Path) -> None:
    ids = [images.upload(jpeg(seed=n), f"{n}.jpg").id for n in range(2)]
    refused = CliRunner().invoke(main, ["download", *ids, "-o", "absent"])
    assert refused.exit_code == 2
    (tmp_path / "there").mkdir()
    run("download", *ids, "-o", "there")
    assert sorted(each.name for each in (tmp_path / "there").iterdir()) == ["0.jpg", "1.jpg"]


def test_one_of_several_that_is_not_there_does_not_keep_the_others(images: FakeImages) -> None:
    ids = [images.upload(jpeg(seed=n), f"{n}.jpg").id for n in range(2)]
    absent = "img_1700000000000_0123456789abcdef"
    result = CliRunner().invoke(main, ["rm", ids[0], absent, ids[1]])
    assert result.exit_code == 4
    assert absent in result.stderr
    assert images.page().total == 0
    assert run("undelete", *ids).output.count("restored") == 2


def test_listings_are_limited_filtered_and_plain_where_no_terminal_is(images: FakeImages) -> None:
    for n in range(5):
        images.upload(jpeg(seed=n), f"{n}.jpg", tags=["odd"] if n % 2 else ["even"])
    assert len(run("ls", "-n", "3").output.splitlines()) == 3
    lines = run("ls", "-t", "odd", "--order", "filename").output.splitlines()
    assert [line.split("\t")[5] for line in lines] == ["1.jpg", "3.jpg"]
    assert len(run("ls", "-q", "--all").output.split()) == 5

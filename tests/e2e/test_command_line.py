"""`image-service` against a running service, as people and scripts use it."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from image_service.testing import png
from scripts import state
from scripts.paths import ROOT
from tests.e2e.processes import Site
from tests.e2e.test_serve import delete_queues

PROGRAM = (sys.executable, "-m", "image_service")
PHOTOS = ROOT / "examples" / "photos"
ABSENT = "img_1700000000000_0123456789abcdef"
MANY = 60


class CommandLine:
    """Runs `image-service` where no other broker can be found than the one it is told."""

    def __init__(self, site: Site, folder: Path) -> None:
        self.site, self.folder = site, folder
        folder.mkdir()
        self.environment = {
            **site.environment,
            "PYTHONWARNINGS": "",
            "IMAGE_SERVICE_RUN_DIR": str(folder / ".run"),
        }

    def __call__(self, *words: object, code: int = 0, **options: Any) -> str:
        """Run, expect an exit code, return what was printed; errors are in self.errors."""
        done = self.run(*words, **options)
        self.errors = done.stderr.decode()
        assert done.returncode == code, (done.stdout, self.errors)
        assert "Traceback" not in self.errors
        return done.stdout.decode()

    def run(
        self, *words: object, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [*PROGRAM, *map(str, words)], cwd=self.folder, input=stdin, capture_output=True,
            env={**self.environment, **environment}, timeout=60,
        )  # fmt: skip

    def start(self, *words: object) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*PROGRAM, *map(str, words)], cwd=self.folder, env=self.environment,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def pictures(self, count: int, seed: int, folder: str = "pictures") -> Path:
        """Make so many different pictures in a folder."""
        target = self.folder / folder
        target.mkdir(exist_ok=True)
        for number in range(count):
            (target / f"{number:03}.png").write_bytes(png(seed=seed + number))
        return target

    def listed(self, *words: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self("ls", "--all", "--json", *words).splitlines()]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, broker_uri: str) -> Iterator[Site]:
    delete_queues(broker_uri)
    made = Site(tmp_path_factory.mktemp("command line") / "site", broker_uri)
    with made.running(IMAGE_SERVICE_TRASH_RETENTION_DAYS="7"):
        yield made


@pytest.fixture
def cli(site: Site, tmp_path: Path) -> CommandLine:
    return CommandLine(site, tmp_path / "here")


def test_a_picture_goes_in_is_looked_at_comes_back_and_goes(cli: CommandLine) -> None:
    photo = PHOTOS / "rocket.jpg"
    image_id, name = cli("upload", photo, "-t", "rockets", "-a", "who=me").split()
    assert name == str(photo)
    assert "1 stored, 0 there already, 0 failed." in cli.errors
    told = cli("get", image_id)
    for line in (r"filename: +rocket\.jpg", r"dimensions: +640x427", r"attributes: +who=me"):
        assert re.search(line, told), told
    assert json.loads(cli("get", image_id, "--json"))["sizeBytes"] == photo.stat().st_size
    columns = cli("ls", "-t", "rockets").rstrip("\n").split("\t")
    assert (columns[0], *columns[3:]) == (image_id, "640x427", "jpeg", "rocket.jpg", "rockets")
    assert cli("download", image_id).strip() == "rocket.jpg"
    assert (cli.folder / "rocket.jpg").read_bytes() == photo.read_bytes()
    cli("download", image_id, code=1)
    assert "rocket.jpg is there already" in cli.errors
    small = cli("download", image_id, "--transform", "rs:fit:64:64/f:webp").strip()
    with Image.open(cli.folder / small) as picture:
        assert (small, picture.format, picture.size) == ("rocket.webp", "WEBP", (64, 43))
    out = cli.run("download", image_id, "-o", "-").stdout
    assert out == photo.read_bytes()
    assert f"/rs:fit:64:64/plain/{image_id}" in cli("url", image_id, "--transform", "rs:fit:64:64")
    assert "until" in cli("rm", image_id)
    assert cli("ls", "-q", "-t", "rockets") == ""
    assert cli("ls", "-q", "--trashed").split() == [image_id]
    cli("undelete", image_id)
    assert "Image deleted." in cli("rm", "--permanent", image_id)
    cli("undelete", image_id, code=4)


def test_what_is_stored_is_sent_no_more_whatever_it_is_called(cli: CommandLine) -> None:
    folder = cli.pictures(3, seed=5000)
    (folder / "copy.png").write_bytes((folder / "000.png").read_bytes())
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(png(seed=5100))
    (folder / "below").mkdir()
    (folder / "below" / "deep.PNG").write_bytes(png(seed=5200))
    cli("upload", folder, code=2)
    assert "--recursive" in cli.errors
    lines = cli("upload", "-r", folder, "--json", "-t", "once").splitlines()
    found = {Path(each["path"]).name: each for each in map(json.loads, lines)}
    assert {name: each["status"] for name, each in found.items()} == {
        "000.png": "stored", "001.png": "stored", "002.png": "stored", "copy.png": "there",
        "deep.PNG": "stored",
    }  # fmt: skip
    assert found["copy.png"]["imageId"] == found["000.png"]["imageId"]
    cli("upload", f"{folder}/*.png", "-j", "2")
    assert "0 stored, 4 there already, 0 failed." in cli.errors
    assert len(cli.listed("-t", "once")) == 4


def test_what_was_deleted_a_moment_ago_is_stored_again(cli: CommandLine) -> None:
    folder = cli.pictures(2, seed=5300)
    first = [line.split()[0] for line in cli("upload", "-r", folder).splitlines()]
    cli("rm", *first)
    again = [line.split()[0] for line in cli("upload", "-r", folder).splitlines()]
    assert "2 stored" in cli.errors
    assert len({*first, *again}) == 4
    for image_id in again:
        cli("get", image_id)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT], ids=lambda n: n.name)
def test_an_upload_interrupted_and_begun_again_stores_each_once(
    cli: CommandLine, site: Site, number: signal.Signals
) -> None:
    seed = 6000 + 1000 * number
    folder = cli.pictures(MANY, seed=seed)
    tag = f"many-{number}"
    with site.rpc() as rpc:
        process = cli.start("upload", "-r", folder, "-t", tag)
        while rpc.list_images(tag=tag)["total"] < 5:
            assert process.poll() is None, process.communicate()
            time.sleep(0.01)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert process.returncode == (130 if number == signal.SIGINT else -number)
        assert rpc.list_images(tag=tag)["total"] < MANY
    if number == signal.SIGINT:
        assert re.search(rb"interrupted after \d+ of 60; run it again", errors)
    cli("upload", "-r", folder, "-t", tag)
    checksums = sorted(hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir())
    with site.rpc() as rpc:
        ids = [each["imageId"] for each in cli.listed("-t", tag)]
        stored = sorted(rpc.get_image(each)["metadata"]["checksum"][7:] for each in ids)
    assert stored == checksums


def test_what_cannot_be_stored_is_named_and_the_rest_is_stored(cli: CommandLine) -> None:
    folder = cli.pictures(1, seed=5400)
    (folder / "text.png").write_text("no picture")
    cli("upload", "-r", folder, folder / "absent.png", code=3)
    assert re.search(r"text\.png: The file is text, which is not accepted", cli.errors)
    assert re.search(r"absent\.png: Cannot read .* No such file", cli.errors)
    assert "1 stored, 0 there already, 2 failed." in cli.errors
    cli("upload", folder / "text.png", code=1)
    cli("upload", f"{folder}/*.gif", code=1)
    assert "nothing is called" in cli.errors


def test_pictures_come_through_pipes_and_from_the_web(cli: CommandLine) -> None:
    data = png(seed=5500)
    image_id, url = cli("upload", "-", "--name", "piped.png", stdin=data).split()
    assert cli.listed("--name", "piped")[0]["imageId"] == image_id
    # Whatever way they come, and whatever they are called, they are stored once.
    assert cli("upload", url, "--name", "fetched.png").split() == [image_id, url]
    assert "there already" in cli.errors
    told = json.loads(cli("upload", "-", "--json", stdin=data))
    assert (told["imageId"], told["filename"]) == (image_id, "piped.png")
    assert [each["imageId"] for each in cli.listed("--format", "png", "--name", "piped")] == [
        image_id
    ]
    assert cli.run("download", image_id, "-o", "-").stdout == data


def test_commands_go_straight_to_the_store(cli: CommandLine) -> None:
    config = ("--config", cli.site.config, "--direct")
    folder = cli.pictures(3, seed=5550, folder="direct")
    cli("upload", *config, "-r", folder, "-t", "direct")
    assert "3 stored" in cli.errors
    # The running service has them, and what it changes is seen without it.
    image_ids = {each["imageId"] for each in cli.listed("--tag", "direct")}
    assert len(image_ids) == 3
    first, second, third = sorted(image_ids)
    cli("tag", first, "--set", "mine")
    assert cli("tag", *config, first).split() == [first, "mine"]
    assert cli("ls", *config, "-q", "--tag", "direct").split() == [third, second]
    webp = cli.run("download", *config, second, "--transform", "w:20/f:webp", "-o", "-").stdout
    with Image.open(io.BytesIO(webp)) as picture:
        assert (picture.format, picture.size) == ("WEBP", (20, 15))
    assert cli("url", *config, second) == cli("url", second)
    cli("rm", *config, first, second, third)
    cli("get", third, code=4)
    for words in (("health", "--direct"), ("ls", "--direct", "--amqp-uri", "pyamqp://x")):
        cli(*words, code=2)


def test_without_a_service_a_store_begins_with_an_upload(cli: CommandLine) -> None:
    elsewhere = {
        "IMAGE_SERVICE_UPLOAD_DIR": str(cli.folder / "fresh"),
        "AMQP_URI": "pyamqp://localhost:1",
    }
    config = ("--config", cli.site.config, "--direct")
    cli("ls", *config, code=1, **elsewhere)
    assert "there is no catalogue" in cli.errors
    data = png(seed=5560)
    image_id = cli("upload", *config, "-", "--name", "first.png", stdin=data, **elsewhere).split()[
        0
    ]
    assert (cli.folder / "fresh" / f"{image_id}.png").read_bytes() == data
    assert cli("ls", *config, "-q", **elsewhere).split() == [image_id]
    assert not list((cli.folder / "fresh" / ".state" / "leases").iterdir())


def test_thumbnails_are_escape_sequences(cli: CommandLine) -> None:
    image_id = cli("upload", "-", "--name", "shown.png", stdin=png(seed=5600)).split()[0]
    shown = cli("ls", "-n", "1", "--thumbnails", TERM="xterm-kitty")
    parts = re.findall(r"\033_G([^;]*);([^\033]*)\033\\", shown)
    assert parts[0][0].startswith("a=T,f=100")
    with Image.open(io.BytesIO(base64.b64decode("".join(text for _, text in parts)))) as picture:
        assert (picture.format, picture.size) == ("PNG", (64, 48))
    assert image_id in shown
    assert "\033]1337;File=inline=1" in cli("get", "--show", image_id, TERM_PROGRAM="iTerm.app")
    cli("get", "--show", image_id, TERM="dumb", code=1)
    assert "--graphics" in cli.errors


def test_how_the_service_is_can_be_told_and_watched(cli: CommandLine) -> None:
    assert cli("health").startswith("ok  image_service")
    assert json.loads(cli("health", "--json"))["checks"]["workers"]["status"] == "ok"
    cli("upload", PHOTOS / "coffee.png")
    assert re.search(r"images: +\d+, ", cli("info"))
    assert json.loads(cli("info", "--json"))["totalFiles"] >= 1
    watched = cli("top", "--looks", "2", "--interval", "0.1")
    assert "coffee.png" in watched
    assert "ok  image_service" in watched


def test_exit_codes_and_one_line_tell_what_is_wrong(cli: CommandLine, site: Site) -> None:
    cases: list[tuple[tuple[str, ...], dict[str, str], int, str]] = [
        (("get", ABSENT), {}, 4, "not found"),
        (("get", "nonsense"), {}, 1, "Not an image id"),
        (("ls", "--order", "colour"), {}, 1, "order"),
        (("health",), {"AMQP_URI": "pyamqp://guest:guest@localhost:1"}, 5, "AMQP_URI"),
        (("health",), {"AMQP_URI": site.uri.replace("guest@", "wrong@")}, 5, "refused"),
        (("health", "--config", "absent.yaml"), {}, 2, "cannot read absent.yaml"),
    ]
    for words, environment, code, told in cases:
        assert cli(*words, code=code, **environment) == ""
        lines = cli.errors.splitlines()
        assert len(lines) == 1, lines
        assert lines[0].startswith("image-service: error: ")
        assert told in lines[0]
        assert "wrong" not in lines[0]
    cli("get", code=2)


def test_the_broker_is_found_where_it_is_said_or_runs(cli: CommandLine, site: Site) -> None:
    del cli.environment["AMQP_URI"]
    config = cli.folder / "other.yaml"
    config.write_text(f"AMQP_URI: ${{NOT_SET:{site.uri}}}\n")
    assert cli("health", "--config", config).startswith("ok")
    assert cli("health", "--amqp-uri", site.uri).startswith("ok")
    run = cli.folder / ".run"
    run.mkdir()
    state.write(amqp_uri=site.uri, url=None, directory=run)
    assert cli("health").startswith("ok")
    below = cli.folder / "below"
    below.mkdir()
    cli.folder = below
    assert cli("health", IMAGE_SERVICE_RUN_DIR="").startswith("ok")


SCRIPT = """
import sys, threading
from image_service.client import ImageClient
assert "eventlet" not in sys.modules
ids, failures = [], []
with ImageClient(sys.argv[1]) as images:
    def work(number):
        try:
            for path in sys.argv[2:]:
                image = images.upload(path, f"{number}.png", tags=["threads"])
                ids.append(image.id)
                assert images.get(image.id).filename == f"{number}.png"
        except Exception as exc:
            failures.append(exc)
    threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
    [t.start() for t in threads]; [t.join() for t in threads]
    assert not failures, failures
    print(len(set(ids)), len(list(images.iterate(tag="threads", page_size=7))))
"""


def test_a_plain_script_shares_a_client_between_its_threads(cli: CommandLine, site: Site) -> None:
    files = sorted(map(str, cli.pictures(3, seed=5700).iterdir()))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, site.uri, *files],
        capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONWARNINGS": "default"},
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("24 24\n", 0), done.stderr
    assert "Eventlet is deprecated" not in done.stderr


def test_the_shell_completes_commands(cli: CommandLine) -> None:
    program = Path(sys.executable).with_name("image-service")
    done = subprocess.run(
        [str(program)],
        env={**cli.environment, "_IMAGE_SERVICE_COMPLETE": "bash_source"},
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert "complete -o nosort -F" in done.stdout
    done = subprocess.run(
        [str(program)],
        env={
            **cli.environment, "_IMAGE_SERVICE_COMPLETE": "bash_complete",
            "COMP_WORDS": "image-service und", "COMP_CWORD": "1",
        },
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout == "plain,undelete\n"


def test_tags_are_added_and_taken_away(cli: CommandLine) -> None:
    image_id = cli("upload", "-", "--name", "t.png", "-t", "a", stdin=png(seed=5800)).split()[0]
    assert cli("tag", image_id) == f"{image_id}  a\n"
    assert cli("tag", image_id, "-a", "b", "-a", "c", "-d", "a") == f"{image_id}  b, c\n"
    assert cli("tag", image_id, "--set", "d") == f"{image_id}  d\n"
    assert [each["imageId"] for each in cli.listed("-t", "d")] == [image_id]

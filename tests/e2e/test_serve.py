"""Users' stories against real processes."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import kombu
import psutil
import pytest
from PIL import Image

from scripts.paths import ROOT
from tests.component.pictures import noise
from tests.conftest import QUEUES
from tests.e2e.processes import Site, last_json, shell_script, stop
from tests.e2e.several import until

FAILS_WITHIN_S = 10
PHOTOS = sorted(p for p in (ROOT / "examples/photos").glob("*") if p.suffix in (".jpg", ".png"))


def delete_queues(uri: str) -> None:
    with kombu.Connection(uri) as connection:
        for queue in QUEUES:
            connection.default_channel.queue_delete(queue)


@pytest.fixture
def site(tmp_path: Path, broker_uri: str) -> Site:
    delete_queues(broker_uri)
    return Site(tmp_path / "a site", broker_uri)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=10) as answer:
        data: bytes = answer.read()
    return data


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_says_so_and_stops_cleanly(site: Site, number: int) -> None:
    with site.running() as process:
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        started = time.monotonic()
        assert stop(process, number) == 0
        assert time.monotonic() - started < 5
    assert "image_service is ready: RPC on pyamqp://guest:" in site.words()
    assert "guest:guest" not in site.words()
    assert "Traceback" not in site.words()
    assert "Warning" not in site.words()
    assert not psutil.wait_procs(children, timeout=5)[1]
    assert not list((site.uploads / ".tmp").iterdir())


@pytest.mark.parametrize("later_s", [0.0, 0.15, 0.3, 0.45])
def test_a_stop_while_it_starts_is_as_clean(site: Site, later_s: float) -> None:
    process = site.start()
    try:
        until(lambda: "starting services" in site.words())
        time.sleep(later_s)
        started = time.monotonic()
        assert stop(process) == 0
        assert time.monotonic() - started < 5
        assert "stopping: finishing" in site.words()
        assert "Traceback" not in site.words()
        assert not list((site.uploads / ".tmp").iterdir())
    finally:
        process.kill()
        process.wait()


def test_systemd_hears_when_it_is_ready(site: Site, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        process = site.start(NOTIFY_SOCKET=str(tmp_path / "notify"))
        try:
            assert b"READY=1" in listener.recv(1000).split(b"\n")
            assert site.status("/readyz") == 200
            assert stop(process) == 0
        finally:
            process.kill()
            process.wait()
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.recv(1000)


def test_real_photos_go_in_by_rpc_and_come_back_by_url(site: Site) -> None:
    assert PHOTOS
    with site.running(), site.rpc() as rpc:
        for photo in PHOTOS:
            data = photo.read_bytes()
            reply = rpc.upload_image(data, photo.name, tags=["photo"])
            assert reply["success"], reply
            with Image.open(photo) as picture:
                assert reply["metadata"]["dimensions"] == f"{picture.width}x{picture.height}"
            digest = hashlib.sha256(fetch(reply["url"])).hexdigest()
            assert reply["metadata"]["checksum"] == f"sha256:{digest}"
            assert fetch(reply["url"]) == data
        assert rpc.list_images(tag="photo")["total"] == len(PHOTOS)
        assert rpc.get_storage_info()["uploadsDir"] == "uploads"


def test_nameko_shell_calls_it(site: Site) -> None:
    photo = PHOTOS[0]
    script = shell_script(
        f"photo = open({str(photo)!r}, 'rb').read()",
        f"reply = n.rpc.image_service.upload_image(photo, {photo.name!r})",
        "print(json.dumps({'url': reply['url'], 'ok': reply['success']}))",
    )
    nameko = Path(sys.executable).with_name("nameko")
    with site.running():
        done = subprocess.run(
            [str(nameko), "shell", "--interface", "plain", "--config", str(site.config)],
            input=script, env=site.environment, cwd=site.folder, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=False,
        )  # fmt: skip
        reply = last_json(done.stdout)
        assert reply["ok"] is True
        assert fetch(reply["url"]) == photo.read_bytes()


def in_time() -> float:
    """Return the seconds that FAILS_WITHIN_S take on a machine as busy as this one is now."""
    return FAILS_WITHIN_S * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def assert_one_clear_line(
    site: Site, *expected: str, code: int | None = None, **env: str
) -> list[str]:
    exit_code, lines, seconds = site.failed_start(**env)
    assert exit_code != 0
    assert code is None or exit_code == code
    assert seconds < in_time()
    errors = [line for line in lines if line.startswith("image-service: error: ")]
    assert len(errors) == 1, lines
    assert not any("Traceback" in line for line in lines)
    for text in expected:
        assert text in errors[0]
    return lines


def test_a_wrong_broker_password_is_said_at_once(site: Site) -> None:
    wrong = site.uri.replace("guest:guest@", "guest:secret-one@")
    assert wrong != site.uri
    lines = assert_one_clear_line(site, "password", "AMQP_URI", AMQP_URI=wrong)
    assert "secret-one" not in "\n".join(lines)


def test_an_absent_broker_or_virtual_host_is_said_at_once(site: Site) -> None:
    with socket.socket() as sock:
        sock.bind(("localhost", 0))
        nobody = f"pyamqp://guest:guest@localhost:{sock.getsockname()[1]}"
        assert_one_clear_line(site, "cannot reach RabbitMQ", "AMQP_URI", AMQP_URI=nobody)
    no_vhost = site.uri.rstrip("/") + "/no-such-vhost"
    assert_one_clear_line(site, "virtual host", AMQP_URI=no_vhost)


def test_a_busy_port_is_said_at_once(site: Site) -> None:
    with socket.socket() as sock:
        sock.bind(("localhost", site.port))
        sock.listen()
        assert_one_clear_line(site, f"localhost:{site.port}", "IMAGE_SERVICE_PORT")


def test_an_unwritable_directory_is_said_at_once(site: Site) -> None:
    (site.folder / "file").write_text("not a folder")
    assert_one_clear_line(site, "upload_dir", IMAGE_SERVICE_UPLOAD_DIR="file/uploads")
    assert_one_clear_line(site, "state_dir", IMAGE_SERVICE_STATE_DIR="/proc/nothing")


def test_every_bad_setting_is_named(site: Site) -> None:
    code, lines, seconds = site.failed_start(
        IMAGE_SERVICE_MAX_PIXELS="-1", IMAGE_SERVICE_PORT="http", IMAGE_SERVICE_HOST="0.0.0.0"
    )
    assert code == 2
    assert seconds < in_time()
    assert "Traceback" not in "\n".join(lines)
    assert any("max_pixels" in line and "IMAGE_SERVICE_MAX_PIXELS" in line for line in lines)
    assert any("port" in line and "IMAGE_SERVICE_PORT" in line for line in lines)


def test_a_missing_broken_or_misspelt_configuration_is_said(site: Site) -> None:
    original = site.config.read_text()
    site.config.write_text(original + "\nmax_pixel: 5\n")
    assert_one_clear_line(site, "max_pixel'", "did you mean max_pixels?", code=2)
    site.config.write_text("a: [")
    assert_one_clear_line(site, "not valid YAML", code=2)
    site.config.unlink()
    assert_one_clear_line(site, "cannot read", "config.yaml", code=2)


def test_nameko_run_serves_it_too(site: Site) -> None:
    command = [str(Path(sys.executable).with_name("nameko")), "run"]
    command += ["--config", str(site.config), "image_service.service"]
    with site.running(*command) as process, site.rpc() as rpc:
        data = noise(50)
        reply = rpc.upload_image(data, "a.png")
        assert fetch(reply["url"]) == data
        assert (site.uploads / f"{reply['imageId']}.png").exists()
        assert stop(process) == 0


def test_a_restart_loses_nothing(site: Site) -> None:
    with site.running(), site.rpc() as rpc:
        sent = [rpc.upload_image(noise(50), f"Bild {n}.png", tags=["t"]) for n in range(5)]
        before = rpc.list_images()
        deleted = sent.pop(2)["imageId"]
        assert rpc.delete_image(deleted)["success"]
    with site.running(), site.rpc() as rpc:
        after = rpc.list_images()
        kept = [image for image in before["images"] if image["imageId"] != deleted]
        assert after["images"] == kept
        for reply in sent:
            assert rpc.get_image(reply["imageId"])["metadata"] == reply["metadata"]
            digest = hashlib.sha256(fetch(reply["url"])).hexdigest()
            assert reply["metadata"]["checksum"] == f"sha256:{digest}"


def test_a_vanished_upload_directory_is_survived(site: Site) -> None:
    with site.running() as process, site.rpc() as rpc:
        old = rpc.upload_image(noise(50), "a.png")
        # At once: the service goes on writing to it while it would be emptied.
        shutil.rmtree(site.uploads.rename(site.uploads.with_name("gone")))
        assert rpc.get_image(old["imageId"])["success"] is False
        data = noise(50)
        reply = rpc.upload_image(data, "b.png")
        assert reply["success"], reply
        assert fetch(reply["url"]) == data
        assert rpc.health_check()["status"] == "ok"
        assert process.poll() is None


def is_in_step(site: Site, rpc: Any) -> bool:
    """Tell whether files and listing agree, also while images are being added."""

    def listed() -> set[str]:
        return {image["imageId"] for image in rpc.list_images()["images"]}

    before = listed()
    on_disk = {path.stem for path in site.uploads.glob("img_*")}
    return before <= on_disk <= listed()


def test_sigterm_under_load_answers_what_was_taken(site: Site) -> None:
    replies: list[dict[str, Any]] = []
    lock = threading.Lock()
    ending = threading.Event()

    def upload() -> None:
        while not ending.is_set():
            try:
                with site.rpc(timeout=2) as rpc:
                    while not ending.is_set():
                        reply = rpc.upload_image(noise(50), "a.png")
                        with lock:
                            replies.append(reply)
            except Exception:  # noqa: BLE001 - not taken: for the next process
                continue

    with site.running() as process:
        callers = [threading.Thread(target=upload, daemon=True) for _ in range(6)]
        for caller in callers:
            caller.start()
        while len(replies) < 30:
            time.sleep(0.02)
        assert stop(process) == 0
        ending.set()
    assert all(reply["success"] for reply in replies)
    with site.running(), site.rpc() as rpc:
        for caller in callers:
            caller.join(timeout=10)
        listed = {image["imageId"] for image in rpc.list_images()["images"]}
        answered = {reply["imageId"] for reply in replies}
        assert answered <= listed
        # What the second process found in the queue nobody waits for any more; never twice.
        assert len(listed - answered) <= len(callers)
        # It may still be at work on those.
        deadline = time.monotonic() + 20
        while not (in_step := is_in_step(site, rpc)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert in_step


def test_a_second_signal_ends_it_at_once(site: Site) -> None:
    with site.running(IMAGE_SERVICE_SHUTDOWN_TIMEOUT_S="60") as process:
        with site.rpc() as rpc:
            reply = rpc.upload_image(noise(1700), "big.png")  # more than the sockets hold
        path = reply["url"].partition(str(site.port))[2]
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("localhost", site.port))
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            time.sleep(0.2)
            process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            assert process.poll() is None, "it did not wait for the body"
            assert stop(process, signal.SIGTERM) == 130

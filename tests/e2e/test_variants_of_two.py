"""Users' stories of variants against real processes."""

from __future__ import annotations

import contextlib
import io
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from image_service.urls import VariantUrls
from scripts.paths import ROOT
from scripts.rabbitmq import free_ports
from tests.e2e.processes import Site
from tests.e2e.test_serve import delete_queues

PHOTO = ROOT / "examples" / "photos" / "rocket.jpg"
KEY, SALT = "736563726574", "68656c6c6f"


@pytest.fixture
def site(tmp_path: Path, broker_uri: str) -> Site:
    delete_queues(broker_uri)
    return Site(tmp_path / "site", broker_uri)


class Answers:
    """What many clients got, who all asked at once."""

    def __init__(self, urls: list[str]) -> None:
        self.bodies: list[bytes] = []
        self.etags: list[str] = []
        threads = [threading.Thread(target=self._get, args=(url,)) for url in urls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    def _get(self, url: str) -> None:
        with urllib.request.urlopen(url, timeout=30) as answer:
            self.bodies.append(answer.read())
            self.etags.append(answer.headers["ETag"])


def status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as exc:
        return exc.code


def wait_until_ready(port: int) -> None:
    deadline_s = time.monotonic() + 20
    while True:
        with contextlib.suppress(OSError):
            if status(f"http://localhost:{port}/readyz") == 200:
                return
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def test_a_page_is_served_by_two_processes_of_one_machine(site: Site) -> None:
    """They make a variant once, and a deletion at the one is seen at the other."""
    other_port = free_ports(1)[0]
    keys = {"IMAGE_SERVICE_SIGNING_KEYS": f"{KEY}:{SALT}"}
    with site.running(**keys), site.running(**keys, IMAGE_SERVICE_PORT=str(other_port)):
        wait_until_ready(other_port)
        with site.rpc() as rpc:
            image_id = rpc.upload_image(PHOTO.read_bytes(), PHOTO.name)["imageId"]
        here, there = (
            VariantUrls(f"http://localhost:{port}", key=KEY, salt=SALT)
            for port in (site.port, other_port)
        )
        urls = [
            urls.variant(image_id, "rs:fill:300:200/g:sm", extension="avif")
            for urls in (here, there)
        ]
        answers = Answers(urls * 15)
        assert len(answers.bodies) == 30
        assert len(set(answers.bodies)) == len(set(answers.etags)) == 1
        with Image.open(io.BytesIO(answers.bodies[0])) as shown:
            assert (shown.format, shown.size) == ("AVIF", (300, 200))
        assert len(list((site.uploads / ".cache").rglob(f"{image_id}/*"))) == 1

        assert status(urls[0].replace("300:200", "301:200")) == 403
        assert status(f"http://localhost:{site.port}/img/insecure/w:10/plain/{image_id}") == 403

        with site.rpc() as rpc:
            assert rpc.delete_image(image_id)["success"]
        assert [status(url) for url in urls] == [404, 404]
        assert not list((site.uploads / ".cache").rglob(image_id))

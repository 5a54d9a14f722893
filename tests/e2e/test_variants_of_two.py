"""Users' stories of variants against real processes."""

from __future__ import annotations

import contextlib
import io
import secrets
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from image_service.urls import VariantUrls
from scripts import postgres
from scripts.paths import ROOT
from scripts.rabbitmq import free_ports
from tests.contracts.adapters import PostgresCatalogues
from tests.e2e.processes import Site
from tests.e2e.test_serve import delete_queues
from tests.s3 import S3Server

PHOTO = ROOT / "examples" / "photos" / "rocket.jpg"
KEY, SALT = "736563726574", "68656c6c6f"
MADE = "image_service_renders_total{"


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


def urls_at(ports: list[int], image_id: str) -> list[str]:
    """Return the addresses of one variant, at each port."""
    of_ports = [VariantUrls(f"http://localhost:{port}", key=KEY, salt=SALT) for port in ports]
    options = "rs:fill:300:200/g:sm"
    return [urls.variant(image_id, options, extension="avif") for urls in of_ports]


def rendered(port: int) -> int:
    """Return how many variants a process has made."""
    with urllib.request.urlopen(f"http://localhost:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    numbers = [line.rpartition(" ")[2] for line in lines if line.startswith(MADE)]
    return sum(int(float(number)) for number in numbers)


def test_a_page_is_served_by_two_machines_that_have_their_variants_in_common(
    site: Site, s3_server: S3Server, postgres_server: postgres.Server, tmp_path: Path
) -> None:
    """They make a variant once, whichever is asked."""
    name, database = secrets.token_hex(6), PostgresCatalogues(postgres_server, is_empty=True)
    other = Site(tmp_path / "other", site.uri)
    common = {
        f"IMAGE_SERVICE_{key.upper()}": str(value)
        for key, value in {
            **s3_server.settings(f"{name}/originals"),
            "s3_variants": s3_server.place(f"{name}/variants"),
            "catalogue_url": database.url,
            "signing_keys": f"{KEY}:{SALT}",
        }.items()
    }
    try:
        with site.running(**common), other.running(**common):
            with site.rpc() as rpc:
                image_id = rpc.upload_image(PHOTO.read_bytes(), PHOTO.name)["imageId"]
            ports = [site.port, other.port]
            answers = Answers(urls_at(ports, image_id) * 15)
            assert len(answers.bodies) == 30
            assert len(set(answers.bodies)) == len(set(answers.etags)) == 1
            assert sorted(map(rendered, ports)) == [0, 1]
            for each in (site, other):
                assert len(list((each.uploads / ".cache").rglob(f"{image_id}/*"))) == 1
            with site.rpc() as rpc:
                assert rpc.delete_image(image_id)["success"]
            assert [status(url) for url in urls_at(ports, image_id)] == [404, 404]
    finally:
        database.stop()


def test_a_page_is_served_by_two_processes_of_one_machine(site: Site) -> None:
    """They make a variant once, and a deletion at the one is seen at the other."""
    other_port = free_ports(1)[0]
    keys = {"IMAGE_SERVICE_SIGNING_KEYS": f"{KEY}:{SALT}"}
    with site.running(**keys), site.running(**keys, IMAGE_SERVICE_PORT=str(other_port)):
        wait_until_ready(other_port)
        with site.rpc() as rpc:
            image_id = rpc.upload_image(PHOTO.read_bytes(), PHOTO.name)["imageId"]
        urls = urls_at([site.port, other_port], image_id)
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

"""The example service: its own test, and itself on a real image_service."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from nameko.containers import ServiceContainer
from nameko.standalone.rpc import ClusterRpcProxy
from PIL import Image

from image_service.testing import jpeg, png
from scripts.paths import ROOT
from tests.component import examples
from tests.component.harness import CALL_TIMEOUT_S, Service

FOLDER = examples.FOLDER / "avatars"


def test_its_own_test_passes() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FOLDER)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


@pytest.fixture
def avatars(service: Service) -> Iterator[Any]:
    module = examples.load("avatars")
    config = {"AMQP_URI": service.uri, "serializer": "msgpack", "ACCEPT": ["msgpack", "json"]}
    container = ServiceContainer(module.AvatarService, config)
    container.start()
    with ClusterRpcProxy(config, timeout=CALL_TIMEOUT_S) as proxy:
        yield proxy.avatars
    container.stop()


def test_an_avatar_is_served_in_its_sizes(service: Service, avatars: Any) -> None:
    first = avatars.set_avatar("ada", jpeg((300, 200)))
    told = avatars.set_avatar("ada", png((90, 200)))
    for side, url in told["urls"].items():
        answer, body = service.get(urlsplit(url).path)
        assert answer.status == 200
        with Image.open(io.BytesIO(body)) as picture:
            assert picture.size == (int(side), int(side))
    assert avatars.get_avatar("ada") == told
    with service.rpc() as rpc:
        assert rpc.get_image(first["imageId"])["error"]["code"] == "image_not_found"
    assert avatars.set_avatar("ada", b"")["error"] == "empty_file"
    assert avatars.remove_avatar("ada") == 1
    assert avatars.get_avatar("ada") is None

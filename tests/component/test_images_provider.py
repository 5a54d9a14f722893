"""`Images()` inside of another Nameko service, on the real one."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import pytest
from nameko.containers import ServiceContainer
from nameko.rpc import rpc
from nameko.standalone.rpc import ClusterRpcProxy
from nameko.testing.services import entrypoint_hook

from image_service.client import Images
from image_service.testing import png
from tests.component.harness import CALL_TIMEOUT_S, Cable, Service


class ShopService:
    name = "shop_of_images"

    images = Images(timeout_s=CALL_TIMEOUT_S)
    hasty_images = Images(timeout_s=0.3, attempts=1)

    @rpc
    def sell(self, picture: bytes) -> str:
        return self.images.upload(picture, "sold.png").id

    @rpc
    def owner_of(self, image_id: str) -> str | None:
        return self.images.get(image_id).owner

    @rpc
    def fetch(self, image_id: str) -> bytes:
        return self.images.read(image_id)

    @rpc
    def why_not(self, image_id: str) -> str:
        try:
            self.images.get(image_id)
        except Exception as exc:  # noqa: BLE001
            return f"{type(exc).__name__}: {getattr(exc, 'code', '')}"
        return ""

    @rpc
    def hurry(self, picture: bytes) -> str:
        try:
            return self.hasty_images.upload(picture, "late.png").id
        except Exception as exc:  # noqa: BLE001
            return str(getattr(exc, "code", exc))


@pytest.fixture(scope="module")
def owned(
    broker_uri: str,
    tmp_path_factory: pytest.TempPathFactory,
    new_store: Callable[[], dict[str, Any]],
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("shop") / "uploads"
    running = Service(broker_uri, folder, owner_key="user_id", **new_store())
    yield running.start()
    running.stop()


@pytest.fixture(params=[["msgpack", "json"], ["json"]], ids="+".join)
def shop(owned: Service, request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Call the shop, saying who does."""
    config = {"AMQP_URI": owned.uri, "ACCEPT": request.param, "serializer": request.param[0]}
    container = ServiceContainer(ShopService, config)
    container.start()

    def call(method: str, *args: Any, **context_data: Any) -> Any:
        with ClusterRpcProxy(config, context_data=context_data, timeout=CALL_TIMEOUT_S) as proxy:
            return getattr(proxy.shop_of_images, method)(*args)

    yield call
    container.stop()


def test_a_worker_has_the_same_api_and_passes_on_who_calls(shop: Callable[..., Any]) -> None:
    data = png(seed=801)
    image_id = shop("sell", data, user_id="ada")
    assert shop("owner_of", image_id) == "ada"
    assert shop("fetch", image_id) == data
    assert shop("why_not", "img_1700000000000_0123456789abcdef") == "ImageNotFound: image_not_found"


def test_workers_call_side_by_side(shop: Callable[..., Any]) -> None:
    pool = eventlet.GreenPool(6)
    ids = list(pool.imap(lambda n: shop("sell", png(seed=820 + n)), range(6)))
    assert len(set(ids)) == 6


def test_a_worker_does_not_wait_for_ever(
    shop: Callable[..., Any], owned: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = owned.app.manager.add

    def slowly(*args: Any, **kwargs: Any) -> Any:
        eventlet.sleep(1)
        return add(*args, **kwargs)

    monkeypatch.setattr(owned.app.manager, "add", slowly)
    assert shop("hurry", png(seed=802)) == "call_timed_out"


def test_a_reply_that_went_with_its_connection_is_asked_for_again_at_once(
    owned: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    cable, ends = Cable(owned.uri), []
    add = owned.app.manager.add

    def cutting(*args: Any, **kwargs: Any) -> Any:
        image = add(*args, **kwargs)
        if not ends:
            ends.extend(cable._ends)
            for end in ends:
                end.shutdown(socket.SHUT_RDWR)
            eventlet.sleep(0.1)
        return image

    monkeypatch.setattr(owned.app.manager, "add", cutting)
    config = {"AMQP_URI": cable.uri, "ACCEPT": ["msgpack", "json"], "serializer": "msgpack"}
    container = ServiceContainer(ShopService, config)
    container.start()
    begun_s = time.monotonic()
    with entrypoint_hook(container, "sell", timeout=CALL_TIMEOUT_S) as sell:
        image_id = sell(png(seed=803))
    assert time.monotonic() - begun_s < CALL_TIMEOUT_S / 2
    assert owned.app.manager.get(image_id).filename == "sold.png"
    container.stop()
    cable.cut()

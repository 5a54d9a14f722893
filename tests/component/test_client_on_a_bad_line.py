"""ImageClient where the network, the broker or the service fails it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import eventlet
import pytest

from image_service import errors
from image_service.client import (
    BrokerRefused,
    CallTimedOut,
    ImageClient,
    ServiceNotRunning,
    ServiceUnreachable,
    standalone,
)
from image_service.testing import png
from tests.component.harness import Cable, Service

TIMEOUT_S = 20


@pytest.fixture
def cable(service: Service) -> Iterator[Cable]:
    laid = Cable(service.uri)
    yield laid
    laid.cut()


@pytest.fixture
def slow_uploads(service: Service, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Make the next upload wait once it is done, before it answers."""
    add = service.app.manager.add

    def slow(seconds: float) -> None:
        waits_s = [seconds]

        def slowly(*args: Any, **kwargs: Any) -> Any:
            image = add(*args, **kwargs)
            eventlet.sleep(waits_s.pop() if waits_s else 0)
            return image

        monkeypatch.setattr(service.app.manager, "add", slowly)

    return slow


def lines_of(images: ImageClient) -> Any:
    return images._caller._idle  # type: ignore[attr-defined]


def test_an_upload_whose_answer_was_lost_is_stored_once(service: Service, cable: Cable) -> None:
    with ImageClient(cable.uri, timeout_s=TIMEOUT_S) as images:
        images.health()
        before = images.storage_info().total_files
        add, cuts = service.app.manager.add, []

        def cutting(*args: Any, **kwargs: Any) -> Any:
            image = add(*args, **kwargs)
            if not cuts:
                cuts.append(image.id)
                for end in cable._ends:
                    end.shutdown(socket.SHUT_RDWR)
                eventlet.sleep(0.1)
            return image

        service.app.manager.add = cutting
        try:
            begun_s = time.monotonic()
            image = images.upload(png(seed=501), "a.png")
        finally:
            service.app.manager.add = add
        assert image.id == cuts[0]
        assert time.monotonic() - begun_s < TIMEOUT_S / 2
        assert images.storage_info().total_files == before + 1


def test_an_upload_that_took_too_long_is_stored_once(
    service: Service, slow_uploads: Callable[[float], None]
) -> None:
    slow_uploads(1.5)
    with ImageClient(service.uri, timeout_s=1) as images:
        before = images.storage_info().total_files
        image = images.upload(png(seed=502), "a.png")
        assert images.get(image.id).filename == "a.png"
        assert images.storage_info().total_files == before + 1


def test_a_call_without_an_answer_times_out_and_the_client_goes_on(
    service: Service, slow_uploads: Callable[[float], None]
) -> None:
    slow_uploads(1)
    with ImageClient(service.uri, timeout_s=0.3, attempts=1) as images:
        with pytest.raises(CallTimedOut, match=r"upload_image was not answered within 0\.3 s"):
            images.upload(png(seed=503), "a.png")
        assert images.health().is_ok


def test_a_deletion_whose_answer_was_lost_is_a_deletion(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ImageClient(service.uri, timeout_s=1) as images:
        image = images.upload(png(seed=504), "a.png")
        remove = service.app.manager.remove

        def slowly(*args: Any, **kwargs: Any) -> Any:
            removed = remove(*args, **kwargs)
            eventlet.sleep(1.2)
            return removed

        monkeypatch.setattr(service.app.manager, "remove", slowly)
        assert images.delete(image.id).image_id == image.id
        with pytest.raises(errors.ImageNotFound):
            images.delete(image.id)


def test_a_deletion_that_was_carried_out_and_failed_is_a_deletion(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the database does not say what became of its commit."""
    with ImageClient(service.uri, timeout_s=TIMEOUT_S) as images:
        image = images.upload(png(seed=506), "a.png")
        remove = service.app.manager.remove

        def failing(*args: Any, **kwargs: Any) -> Any:
            remove(*args, **kwargs)
            raise errors.StorageUnavailable("it did not say")

        monkeypatch.setattr(service.app.manager, "remove", failing)
        assert images.delete(image.id).image_id == image.id


def test_a_connection_that_breaks_is_replaced(service: Service, cable: Cable) -> None:
    with ImageClient(cable.uri, timeout_s=TIMEOUT_S) as images:
        assert images.health().is_ok
        for end in cable._ends:
            end.shutdown(socket.SHUT_RDWR)
        assert images.health().is_ok


def test_a_connection_that_lay_idle_is_not_used_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ImageClient(service.uri, timeout_s=TIMEOUT_S) as images:
        images.health()
        (line,) = lines_of(images)
        images.health()
        assert list(lines_of(images)) == [line]
        monkeypatch.setattr(standalone, "IDLE_S", 0)
        images.health()
        assert list(lines_of(images)) != [line]
        assert line._cluster._reply_listener.queue_consumer.stopped


def test_green_threads_share_a_client(service: Service) -> None:
    with ImageClient(service.uri, timeout_s=TIMEOUT_S) as images:
        pool = eventlet.GreenPool(8)
        sent = list(pool.imap(lambda n: images.upload(png(seed=600 + n), f"{n}.png"), range(16)))
        assert [image.filename for image in sent] == [f"{n}.png" for n in range(16)]
        assert [images.get(image.id).id for image in sent] == [image.id for image in sent]
        assert 1 <= len(lines_of(images)) <= 8


def test_a_closed_client_says_so(service: Service) -> None:
    images = ImageClient(service.uri, attempts=1)
    images.health()
    images.close()
    with pytest.raises(ServiceUnreachable, match="closed"):
        images.health()


def test_an_absent_broker_is_told_at_once() -> None:
    with socket.socket() as held:
        held.bind(("localhost", 0))
        uri = f"pyamqp://guest:guest@localhost:{held.getsockname()[1]}"
        with ImageClient(uri, attempts=1) as images, pytest.raises(ServiceUnreachable) as caught:
            images.health()
    assert caught.value.retryable
    assert "AMQP_URI" in str(caught.value)
    assert "guest" not in str(caught.value)


@pytest.mark.parametrize("change", [("guest:guest@", "guest:wrong@"), ("$", "/no-such-host")])
def test_a_broker_that_refuses_us_is_told_at_once(
    service: Service, change: tuple[str, str]
) -> None:
    old, new = change
    uri = service.uri.rstrip("/") + new if old == "$" else service.uri.replace(old, new)
    with ImageClient(uri) as images, pytest.raises(BrokerRefused) as caught:
        images.health()
    assert not caught.value.retryable
    assert "wrong" not in str(caught.value)


def test_a_service_that_never_ran_is_told_at_once(broker_uri: str) -> None:
    # On an exchange of its own, where no service has bound a queue.
    config = {"rpc_exchange": "nobody-serves-here"}
    with (
        ImageClient(broker_uri, config=config, attempts=1) as images,
        pytest.raises(ServiceNotRunning, match="health_check"),
    ):
        images.health()


def test_a_host_that_answers_nothing_is_asked_last_from_then_on(
    service: Service, cable: Cable
) -> None:
    uris = f"{cable.uri};{service.uri}"
    with ImageClient(uris, timeout_s=1, attempts=1) as images:
        assert images.health().is_ok
        cable.is_stalled = True
        with pytest.raises(CallTimedOut):
            images.health()
        begun_s = time.monotonic()
        assert images.health().is_ok
        assert images.upload(png(seed=506), "a.png").id
        assert time.monotonic() - begun_s < 5
        cable.is_stalled = False


def test_a_network_that_carries_nothing_any_more_is_not_waited_for(
    service: Service, cable: Cable
) -> None:
    with ImageClient(cable.uri, timeout_s=1, attempts=1) as images:
        images.health()
        cable.is_stalled = True
        begun_s = time.monotonic()
        with pytest.raises((CallTimedOut, ServiceUnreachable)):
            images.upload(png((200, 200), seed=505), "a.png")
        assert time.monotonic() - begun_s < 5
        cable.is_stalled = False
        assert images.health().is_ok

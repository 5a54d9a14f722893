"""The example that posts events: as a real Nameko service, to a real HTTP server that verifies."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

import kombu
import pytest
from nameko.containers import ServiceContainer
from standardwebhooks import Webhook

from tests.component import examples
from tests.component.harness import Service, wait_until
from tests.component.pictures import picture

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DATA = picture("png")
QUEUE = "evt-image_service-*--webhooks.relay"
Running = Callable[..., contextlib.AbstractContextManager[None]]


class Receiver:
    """Takes what is signed as it should be, unless it is told to answer something else."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.taken: list[dict[str, Any]] = []
        self.attempts = 0
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.attempts += 1
                body = self.rfile.read(int(self.headers["content-length"]))
                event = Webhook(SECRET).verify(body, dict(self.headers))
                assert self.headers["webhook-id"] == event["eventId"]
                status = receiver.answers.pop(0) if receiver.answers else 204
                if status == 204:
                    receiver.taken.append(event)
                self.send_response(status)
                self.send_header("location", "/")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._handler = Handler
        self._server: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), self._handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def told(self) -> list[tuple[str, str]]:
        return [(event["eventType"], event["imageId"]) for event in self.taken]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.stop()


@pytest.fixture
def module() -> Any:
    return examples.load("webhooks")


@pytest.fixture
def relaying(
    module: Any, receiver: Receiver, broker_uri: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    """Return what runs the example, as a context manager; its queue goes in the end."""
    monkeypatch.setattr(module, "_SHORTEST_PAUSE_S", 0.05)

    @contextlib.contextmanager
    def running(**settings: Any) -> Iterator[None]:
        config = {
            "AMQP_URI": broker_uri,
            "webhook_url": f"http://127.0.0.1:{receiver.port}/hook",
            "webhook_secret": SECRET,
            "max_workers": 1,
            **settings,
        }
        container = ServiceContainer(module.Webhooks, config)
        container.start()
        yield
        container.stop()

    yield running
    with kombu.Connection(broker_uri) as connection:
        connection.default_channel.queue_delete(QUEUE)


def test_a_receiver_is_told_of_everything_in_order_and_can_verify_it(
    make_service: Callable[..., Service], relaying: Running, receiver: Receiver
) -> None:
    service = make_service(trash_retention_days=1)
    with relaying(), service.rpc() as rpc:
        image_id = rpc.upload_image(DATA, "a.png", tags=["boat"])["imageId"]
        rpc.update_image(image_id, tags=["ship"])
        rpc.delete_image(image_id)
        wait_until(lambda: len(receiver.taken) == 3)
    assert receiver.told() == [
        ("image_uploaded", image_id), ("image_updated", image_id), ("image_deleted", image_id)
    ]  # fmt: skip
    assert [event["tags"] for event in receiver.taken] == [["boat"], ["ship"], ["ship"]]


def test_only_what_is_wanted_is_told(
    make_service: Callable[..., Service], relaying: Running, receiver: Receiver
) -> None:
    service = make_service()
    with relaying(webhook_events=["image_deleted"]), service.rpc() as rpc:
        image_id = rpc.upload_image(DATA, "a.png")["imageId"]
        rpc.delete_image(image_id)
        wait_until(lambda: receiver.told() == [("image_deleted", image_id)])


@pytest.mark.parametrize("answer", [500, 404, 302])
def test_what_is_not_taken_comes_again_before_what_follows(
    make_service: Callable[..., Service], relaying: Running, receiver: Receiver, answer: int
) -> None:
    service = make_service()
    receiver.answers = [answer] * 3
    with relaying(), service.rpc() as rpc:
        ids = [rpc.upload_image(DATA, f"{name}.png")["imageId"] for name in "ab"]
        wait_until(lambda: len(receiver.taken) == 2)
    assert [image_id for _, image_id in receiver.told()] == ids
    assert receiver.attempts == 5


def test_a_receiver_that_was_away_misses_nothing(
    make_service: Callable[..., Service], relaying: Running, receiver: Receiver
) -> None:
    service = make_service()
    with relaying(), service.rpc() as rpc:
        receiver.stop()
        ids = [rpc.upload_image(DATA, f"{name}.png")["imageId"] for name in "abc"]
        receiver.start()
        wait_until(lambda: [image_id for _, image_id in receiver.told()] == ids)


def test_what_is_too_old_is_given_up_and_the_next_one_told(
    make_service: Callable[..., Service], relaying: Running, receiver: Receiver, caplog: Any
) -> None:
    service = make_service()
    receiver.answers = [500] * 2
    with relaying(give_up_after_s=0), service.rpc() as rpc:
        ids = [rpc.upload_image(DATA, f"{name}.png")["imageId"] for name in "abc"]
        wait_until(lambda: len(receiver.taken) == 1)
    assert receiver.told() == [("image_uploaded", ids[2])]
    assert f"of {ids[0]}: it answered 500" in caplog.text


def test_the_pause_grows_with_the_events_age(
    module: Any, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    url = f"http://127.0.0.1:{receiver.port}/"
    told = module.Receiver(url, SECRET, give_up_after_s=1e9, types=frozenset())
    receiver.answers = [500] * 3
    for age_s in (0, 100, 5000):
        at = module.datetime.fromtimestamp(
            module.time.time() - age_s, module.timezone.utc
        ).isoformat()
        event = {"eventId": "e", "imageId": "i", "eventType": "t", "occurredAt": at}
        with pytest.raises(module.NotTaken):
            told.tell(event)
    told.close()
    assert [round(pause) for pause in pauses] == [1, 10, 30]

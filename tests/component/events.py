"""Hears events as other services do: on a durable queue of its own, in plain AMQP."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from typing import Any

import kombu
from nameko.standalone.events import get_event_exchange

from tests.component.harness import wait_until

TYPES = ("image_uploaded", "image_deleted", "image_restored", "image_updated")


class Ear:
    """A durable queue that gets every event; what came is in `messages`."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        self._name = f"ear-{uuid.uuid4()}"
        self.messages: list[Any] = []
        with kombu.Connection(uri) as connection:
            channel = connection.default_channel
            exchange = get_event_exchange("image_service", {})(channel)
            exchange.declare()
            queue = kombu.Queue(self._name, exchange, routing_key="#", durable=True)(channel)
            queue.declare()

    def close(self) -> None:
        with kombu.Connection(self._uri) as connection:
            connection.default_channel.queue_delete(self._name)

    def listen(self) -> list[dict[str, Any]]:
        """Take what has come since; return all payloads."""
        with kombu.Connection(self._uri) as connection:
            channel = connection.default_channel
            while message := channel.basic_get(self._name, no_ack=True):
                self.messages.append(message)
        return self.payloads

    @property
    def payloads(self) -> list[dict[str, Any]]:
        return [json.loads(message.body) for message in self.messages]

    def hear(self, count: int, timeout_s: float = 20) -> list[dict[str, Any]]:
        """Wait for so many events, repetitions left out, and return these."""
        wait_until(lambda: len(once(self.listen())) >= count, timeout_s, "not told")
        return once(self.payloads)


def once(payloads: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events as a consumer sees them that knows repetitions by eventId."""
    found: dict[str, dict[str, Any]] = {}
    for payload in payloads:
        found.setdefault(payload["eventId"], payload)
    return list(found.values())


@contextlib.contextmanager
def ear(uri: str) -> Iterator[Ear]:
    made = Ear(uri)
    yield made
    with contextlib.suppress(OSError):
        made.close()

"""A connection to the broker that says of each message whether it has it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from kombu import Producer
from nameko.constants import PERSISTENT
from nameko.standalone.events import get_event_exchange

from ..amqp_connection import described, hosts_of
from .messages import Message

_CONFIRM_TIMEOUT_S = 30


class Unconfirmed(Exception):
    """Raised where the broker does not say in time what has become of messages."""


class Line:
    """One connection, made when it is needed. For one green thread; everything may raise."""

    def __init__(self, config: Mapping[str, Any], service_name: str) -> None:
        """Args: config: Nameko's. service_name: whose events they are."""
        self._config = config
        self._exchange = get_event_exchange(service_name, config)
        self._connection: Any = None
        self._producer: Any = None
        self._sent = 0
        self._unsettled: dict[int, int] = {}
        self._refused: set[int] = set()

    def send(self, messages: Sequence[Message]) -> set[int]:
        """Send messages and wait for the broker; return the places of those that it has.

        Each goes to whatever queues are bound; to none is right, too.
        """
        if self._connection is None:
            self._connect()
        self._refused.clear()
        for place, message in enumerate(messages):
            self._sent += 1
            self._unsettled[self._sent] = place
            self._publish(message)
        self._wait()
        return set(range(len(messages))) - self._refused

    def keep_alive(self) -> None:
        """Say that there is somebody, and hear it. To be called several times a heartbeat."""
        if self._connection is not None:
            self._connection.heartbeat_check()
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=0.001)

    def close(self) -> None:
        """End the connection; the next message makes another."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(Exception):
                connection.collect()  # not close(): that waits for a broker which may be gone

    def _connect(self) -> None:
        connection = described(self._config, has_heartbeat=True)
        try:
            # Each host of a cluster once.
            connection.ensure_connection(max_retries=hosts_of(connection), interval_start=0)
            channel = connection.channel()
            self._exchange(channel).declare()
            channel.confirm_select()
        except BaseException:
            connection.collect()
            raise
        self._sent, self._unsettled = 0, {}
        channel.events["basic_ack"].add(self._acknowledged)
        channel.events["basic_nack"].add(self._rejected)
        self._producer = Producer(channel, self._exchange, serializer="json", auto_declare=False)
        self._connection = connection

    def _publish(self, message: Message) -> None:
        self._producer.publish(
            message.payload,
            routing_key=message.routing_key,
            headers=message.headers,
            delivery_mode=PERSISTENT,
            timeout=_CONFIRM_TIMEOUT_S,
            **message.properties,
        )

    def _wait(self) -> None:
        deadline_s = time.monotonic() + _CONFIRM_TIMEOUT_S
        while self._unsettled:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise Unconfirmed(f"RabbitMQ confirmed no event for {_CONFIRM_TIMEOUT_S} s")
            with contextlib.suppress(TimeoutError):
                self._connection.drain_events(timeout=left_s)

    def _acknowledged(self, tag: int, multiple: bool) -> None:
        self._settle(tag, multiple)

    def _rejected(self, tag: int, multiple: bool) -> None:
        self._refused.update(self._settle(tag, multiple))

    def _settle(self, tag: int, multiple: bool) -> list[int]:
        tags = [each for each in self._unsettled if each <= tag] if multiple else [tag]
        return [self._unsettled.pop(each) for each in tags if each in self._unsettled]

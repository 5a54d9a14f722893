"""One connection to the broker each: Nameko's ClusterRpcProxy, which fails at once when it must.

A ClusterRpcProxy serves one thread at a time, and is of no use any more once a call on it timed out
or its connection broke; one that lies idle may be cut off by whatever is between it and the broker,
and nobody tells.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Mapping
from typing import Any

import kombu

with warnings.catch_warnings():
    # Of eventlet, by Nameko: who writes a script cannot help it.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from nameko import serialization
    from nameko.constants import NON_PERSISTENT
    from nameko.exceptions import RpcTimeout
    from nameko.standalone.rpc import (
        ClusterRpcProxy,
        PollingQueueConsumer,
        SingleThreadedReplyListener,
    )

from ..amqp_connection import CONNECT_TIMEOUT_S, described, hosts_of
from ..read_ahead import read_ahead
from .caller import SERVICE_NAME
from .failures import told_of


class _Consumer(PollingQueueConsumer):
    """Waits for a reply no longer than it may, and tells of a lost connection when it is lost.

    Nameko's own connects again and waits for a reply that went with the old queue.
    """

    deadline_s = 0.0

    def register_provider(self, provider: Any) -> None:
        """See PollingQueueConsumer: connect, and never wait for the broker without an end."""
        config = provider.container.config
        self.provider = provider
        self.serializer, self.accept = serialization.setup(config)
        self.connection = described(config)
        self.connection.ensure_connection(
            max_retries=hosts_of(self.connection),
            interval_start=0,
            reraise_as_library_errors=False,
        )
        transport = self.connection.connection.transport
        transport.sock.settimeout(CONNECT_TIMEOUT_S)
        read_ahead(transport)
        self.queue = provider.queue
        self._setup_consumer()
        self.stopped = False

    def get_message(self, correlation_id: str) -> None:
        """See PollingQueueConsumer."""
        while correlation_id not in self.replies:
            self.consumer.connection.drain_events(timeout=left_s(self.deadline_s))
        body, message = self.replies.pop(correlation_id)
        self.provider.handle_message(body, message)


class _ReplyListener(SingleThreadedReplyListener):
    def __init__(self, timeout: float | None = None) -> None:
        super().__init__(timeout=timeout)
        self.queue_consumer = _Consumer(timeout=timeout)


class _Publisher:
    """Sends calls on the connection that their replies come by.

    Nameko's own takes another one for each, from a pool, and waits for its confirmation for ever.
    """

    def __init__(self, consumer: _Consumer) -> None:
        self._consumer = consumer
        channel = consumer.connection.channel()
        # What cannot be routed is only told of what is confirmed.
        channel.basic_publish = channel.basic_publish_confirm
        self._producer = kombu.Producer(channel, serializer=consumer.serializer)

    def publish(self, payload: Any, *, extra_headers: Mapping[str, Any], **options: Any) -> None:
        """See Publisher. Raises: ChannelError for what nobody takes; TimeoutError."""
        seconds = left_s(self._consumer.deadline_s)
        self._producer.publish(
            payload,
            headers=extra_headers,
            # The caller waits: a request on the broker's disk serves nobody.
            delivery_mode=NON_PERSISTENT,
            timeout=seconds,
            confirm_timeout=seconds,
            **options,
        )


def left_s(deadline_s: float) -> float:
    """Return the seconds that are left. Raises: TimeoutError if none are."""
    left = deadline_s - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class Line:
    """One connection, for one thread at a time."""

    def __init__(self, config: Mapping[str, Any], context_data: Mapping[str, Any]) -> None:
        """Connect. Raises: ServiceUnreachable, BrokerRefused."""
        self.uri = str(config["AMQP_URI"])
        self._cluster = ClusterRpcProxy(
            dict(config), context_data=dict(context_data), reply_listener_cls=_ReplyListener
        )
        self._methods: dict[str, Any] = {}
        self.used_s = time.monotonic()
        self.is_sound = False
        with told_of("connect"):
            try:
                self._cluster.start()
                self._publisher = _Publisher(self._consumer)
            except BaseException:
                self.close()
                raise
        self.is_sound = True

    def call(self, method: str, arguments: Mapping[str, Any], timeout_s: float) -> Any:
        """Call and wait. Raises: see Caller.call; the line may be unsound then."""
        self._consumer.deadline_s = time.monotonic() + timeout_s
        self.is_sound = False
        with told_of(method):
            try:
                reply = self._method(method)(**arguments)
            except TimeoutError as exc:
                raise RpcTimeout(timeout_s) from exc
        self.is_sound = True
        self.used_s = time.monotonic()
        return reply

    def close(self) -> None:
        """Disconnect; from a broker that may not answer without a farewell."""
        with contextlib.suppress(Exception):
            if self.is_sound:
                self._cluster.stop()
            elif self._consumer.connection._connection:
                self._consumer.connection._connection.collect()

    @property
    def _consumer(self) -> _Consumer:
        consumer: _Consumer = self._cluster._reply_listener.queue_consumer
        return consumer

    def _method(self, name: str) -> Any:
        """Return what calls a method."""
        if name not in self._methods:
            method = getattr(getattr(self._cluster._proxy, SERVICE_NAME), name)
            method.publisher = self._publisher
            self._methods[name] = method
        return self._methods[name]

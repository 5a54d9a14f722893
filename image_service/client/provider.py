"""Images: the service inside of another Nameko service, as a dependency."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import eventlet
from kombu import Queue
from nameko.amqp.publish import Publisher
from nameko.constants import (
    ACCEPT_CONFIG_KEY,
    AMQP_SSL_CONFIG_KEY,
    AMQP_URI_CONFIG_KEY,
    DEFAULT_SERIALIZER,
    DEFAULT_TRANSPORT_OPTIONS,
    NON_PERSISTENT,
    SERIALIZER_CONFIG_KEY,
)
from nameko.exceptions import RpcTimeout
from nameko.extensions import DependencyProvider
from nameko.messaging import QueueConsumer
from nameko.rpc import RPC_REPLY_QUEUE_TEMPLATE, MethodProxy, ReplyListener, ServiceProxy

from ..amqp_connection import LeavesHungHosts, described
from ..amqp_tls import ready
from .api import ATTEMPTS, TIMEOUT_S, ImageApi
from .caller import SERVICE_NAME
from .errors import ServiceUnreachable
from .failures import told_of


class _Connection(LeavesHungHosts, QueueConsumer):
    """What replies come by: encrypted as AMQP_SSL says, which Nameko leaves to kombu."""

    config: Mapping[str, Any]
    """The container's, as kombu takes it."""

    def setup(self) -> None:
        """See Extension. Raises: ValueError where AMQP_SSL cannot be used."""
        self.config = ready(self.container.config, Path.cwd())
        super().setup()

    @property
    def amqp_uri(self) -> str:
        """See QueueConsumer."""
        return str(self.config[AMQP_URI_CONFIG_KEY])

    @property
    def connection(self) -> Any:
        """See ConsumerMixin: how to connect, not a connection."""
        return described(self.config, has_heartbeat=True)

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        """See ConsumerMixin; called after every (re)connection."""
        for provider in self._providers:
            provider.renew()
        return super().get_consumers(consumer_cls, channel)

    def consume(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """See ConsumerMixin; the connection is down whenever this generator ends."""
        try:
            yield from super().consume(*args, **kwargs)
        finally:
            for provider in self._providers:
                provider.give_up()


class _Replies(ReplyListener):
    """Where replies arrive: a queue that goes with its connection, and the next has another name.

    Nameko's own lasts, on the host of a cluster where it was declared first: while that is away
    no other host has it or lets it be declared, and no reply ever comes.
    """

    queue_consumer = _Connection()
    queue: Queue
    _reply_events: dict[str, Any]

    def renew(self) -> None:
        """Take another queue; it is declared with the connection."""
        self.give_up()
        self.routing_key = str(uuid.uuid4())
        self.queue = Queue(
            RPC_REPLY_QUEUE_TEMPLATE.format(self.container.service_name, self.routing_key),
            exchange=self.queue.exchange,
            routing_key=self.routing_key,
            durable=False,
            exclusive=True,
        )

    def give_up(self) -> None:
        """Tell those who wait that their replies went with the queue."""
        waiting, self._reply_events = self._reply_events, {}
        for event in waiting.values():
            event.send_exception(ServiceUnreachable("the connection was lost"))


class _Publisher(Publisher):
    # kombu tells the connections that it keeps apart by these, and not by how they are encrypted.
    transport_options = {  # noqa: RUF012 - as Nameko has it
        **DEFAULT_TRANSPORT_OPTIONS,
        "client_properties": {"connection_name": "image_service.client.Images"},
    }


class _Method(MethodProxy):
    publisher_cls = _Publisher

    @property
    def amqp_uri(self) -> str:
        return self.reply_listener.queue_consumer.amqp_uri

    @property
    def ssl(self) -> Any:
        return self.reply_listener.queue_consumer.config[AMQP_SSL_CONFIG_KEY]


class _Service(ServiceProxy):
    def __getattr__(self, name: str) -> _Method:
        return _Method(
            self.worker_ctx, self.service_name, name, self.reply_listener, **self.options
        )


class WorkerCaller:
    """A Caller on a container's own connections; it belongs to one worker."""

    def __init__(self, service: ServiceProxy, listener: ReplyListener) -> None:
        self._service = service
        self._listener = listener

    def call(self, method: str, arguments: Mapping[str, Any], timeout_s: float) -> Any:
        """See Caller.call."""
        with told_of(method):
            pending = getattr(self._service, method).call_async(**arguments)
            try:
                with eventlet.Timeout(timeout_s, RpcTimeout(timeout_s)):
                    return pending.result()
            except BaseException:
                self._forget(pending)
                raise

    def close(self) -> None:
        """See Caller.close: the connections are the container's."""

    def _forget(self, pending: Any) -> None:
        """Take a call that nobody waits for any more off the list of those that wait."""
        waiting = self._listener._reply_events
        for correlation_id, event in list(waiting.items()):
            if event is pending.reply_event:
                waiting.pop(correlation_id, None)


class Images(DependencyProvider):
    """Injects ImageApi: `images = Images()`. The worker's context data go with each call."""

    replies = _Replies()

    def __init__(self, *, timeout_s: float = TIMEOUT_S, attempts: int = ATTEMPTS) -> None:
        """Args: timeout_s, attempts: see ImageApi."""
        self._timeout_s = timeout_s
        self._attempts = attempts

    def get_dependency(self, worker_ctx: Any) -> ImageApi:
        """See DependencyProvider."""
        service = _Service(
            worker_ctx,
            SERVICE_NAME,
            self.replies,
            serializer=_serializer(self.container.config),
            delivery_mode=NON_PERSISTENT,
            # Nameko would wait for a broker's confirmation for ever.
            timeout=self._timeout_s,
            confirm_timeout=self._timeout_s,
            retry_policy={"max_retries": 1},
        )
        caller = WorkerCaller(service, self.replies)
        return ImageApi(caller, timeout_s=self._timeout_s, attempts=self._attempts)


def _serializer(config: Mapping[str, Any]) -> str:
    """Return msgpack where the container can read a reply in it, else its own."""
    if "msgpack" in config.get(ACCEPT_CONFIG_KEY, ()):
        return "msgpack"
    return str(config.get(SERIALIZER_CONFIG_KEY, DEFAULT_SERIALIZER))

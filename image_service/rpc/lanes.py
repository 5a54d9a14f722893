"""Queues, answers and acknowledgements: two lanes, so that light calls never wait for heavy.

Stock Nameko dies of a message it cannot decode or answer, and answers calls twice when it is
stopped. Here nothing that arrives ends the process, what can be answered is, and stopping waits
until everything taken is answered and acknowledged.
"""

from __future__ import annotations

import functools
import logging
import re
from typing import Any, ClassVar

from amqp import spec
from amqp.exceptions import PreconditionFailed
from kombu import Queue
from nameko.constants import HEADER_PREFIX, NON_PERSISTENT
from nameko.exceptions import MethodNotFound
from nameko.rpc import RpcConsumer, get_rpc_exchange

from ..dependencies import Core
from ..errors import ReplyTooLarge
from . import sight
from .answers import failure_of
from .connections import HeavyConnection, LightConnection
from .large_replies import PUBLISH_SIGNATURE, LargeReplies
from .queues import HEAVY, LIGHT, queue_name, service_queue
from .together import sent_together
from .wire import Reply, Request, encode_reply

_log = logging.getLogger(__name__)

# The caller waits: a reply on disk serves nobody.
_TRANSIENT = NON_PERSISTENT
# One frame: no broker's max_message_size, and no other frame on the connection, is in its way.
_SMALL_REPLY_BYTES = 64 * 1024
_BROKER_LIMIT = "max_message_size of RabbitMQ"


class Lane(RpcConsumer):
    """One queue of the service, bound to its methods one by one."""

    core = Core()
    queue: Any
    queue_suffix: ClassVar[str]
    _known: frozenset[str] = frozenset()

    def setup(self) -> None:
        """Name the queue; it is declared at each connection, when all its methods are known."""
        if self.queue is None:
            self.queue = Queue(queue_name(self.queue_suffix, self.container.service_name))
            self.queue_consumer.register_provider(self)

    def declare(self, channel: Any) -> None:
        """Declare the queue and bind it to the lane's methods, as other services expect them.

        The wildcard that a stock Nameko service bound to the same queue is taken back: it would
        bring every call to both lanes.
        """
        service = self.container.service_name
        exchange = self._exchange(channel)
        exchange.declare()
        self.queue = service_queue(self.core.app.settings, self.queue_suffix, service)
        queue = self.queue(channel)
        queue.declare()
        self._known = frozenset(provider.method_name for provider in self._providers)
        for method in self._known:
            queue.bind_to(exchange, routing_key=f"{service}.{method}")
        queue.unbind_from(exchange, routing_key=f"{service}.*")

    @property
    def _exchange(self) -> Any:
        return get_rpc_exchange(self.container.config)

    def handle_message(self, message: Any) -> None:
        """Answer one message, or drop it when nobody waits for an answer."""
        request = Request(message)
        app, method = self.core.app, sight.label_of(request, self._known)
        sight.begin(app, request, method, HEADER_PREFIX)
        if request.reply_to is None:
            _log.warning("dropped a request to %r without reply_to", request.routing_key)
            sight.end(app, request, method, sight.NO_REPLY_TO, 0)
            self.queue_consumer.ack_message(message)
            return
        try:
            self._provider_for(request).handle_request(request)
        except Exception as exc:  # noqa: BLE001 - whatever it is, the caller is told
            self.answer(request, None, exc)

    def _provider_for(self, request: Request) -> Any:
        for provider in self._providers:
            if provider.method_name == request.method_name:
                return provider
        raise MethodNotFound(request.method_name)

    def answer(self, request: Request, result: Any, error: BaseException | None) -> None:
        """Send the reply, then acknowledge the request; without the one never the other."""
        limit = self.core.app.settings.max_message_bytes
        method = getattr(self.container.service_cls, request.method_name, None)
        failure = functools.partial(failure_of, method)
        code, sent_bytes = sight.UNANSWERED, 0
        try:
            reply = encode_reply(request, result, error, max_bytes=limit, failure=failure)
            try:
                self._end(request, reply)
            except PreconditionFailed as exc:  # the broker's own limit is lower than ours
                size = re.search(r"max size ([0-9]+)", str(exc))
                broker_limit = int(size[1]) if size else limit
                too_large = ReplyTooLarge(_BROKER_LIMIT, broker_limit, len(reply.body))
                reply = Reply(request, failure(too_large), None)
                self._end(request, reply)
            code, sent_bytes = sight.code_of(reply.result, reply.error), len(reply.body)
        except Exception as exc:  # noqa: BLE001 - the broker is gone or will not have it
            _log.warning("could not answer %s, it will come again: %s", request.routing_key, exc)
            self.requeue_message(request.message)
        method_name = sight.label_of(request, self._known)
        sight.end(self.core.app, request, method_name, code, sent_bytes)

    def _end(self, request: Request, reply: Reply) -> None:
        """Send a small reply on the request's own channel, a large one on a connection apart.

        What a channel carries arrives in its order: where the broker has the acknowledgement,
        it has the reply before it, and nobody needs to wait for it to say so.
        """
        acknowledge = functools.partial(self.queue_consumer.ack_message, request.message)
        channel = request.message.channel
        message = channel.prepare_message(
            reply.body,
            content_type=reply.content_type,
            content_encoding=reply.content_encoding,
            headers=self.core.app.tracing.carried_by(request.call) or None,
            properties={
                "correlation_id": request.correlation_id,
                "delivery_mode": _TRANSIENT,
            },
        )
        arguments = (0, self._exchange.name, request.reply_to, False, False)
        if len(reply.body) > _SMALL_REPLY_BYTES or not channel.connection:
            self._large_replies.send(arguments, message)
            acknowledge()
            return
        with sent_together(channel):
            # Not basic_publish(): that reads from the connection first, in the middle of whatever
            # message is coming in by another green thread, and both wait for ever.
            channel.send_method(spec.Basic.Publish, PUBLISH_SIGNATURE, arguments, message)
            acknowledge()

    @functools.cached_property
    def _large_replies(self) -> LargeReplies:
        lane = self.queue_consumer.lane_name
        return LargeReplies(self.container.config, self.core.app.broker, lane)


class LightLane(Lane):
    """The queue `rpc-{service}`."""

    queue_suffix = LIGHT
    queue_consumer = LightConnection()


class HeavyLane(Lane):
    """The queue `rpc-{service}.transfers`."""

    queue_suffix = HEAVY
    queue_consumer = HeavyConnection()

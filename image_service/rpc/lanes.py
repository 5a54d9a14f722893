"""Queues, connections and acknowledgements: two lanes, so that light calls never wait for heavy.

Stock Nameko dies of a message it cannot decode or answer, and answers calls twice when it is
stopped. Here nothing that arrives ends the process, what can be answered is, and stopping waits
until everything taken is answered and acknowledged.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import logging
import math
import re
import time
from typing import Any, ClassVar

import eventlet
from amqp import spec
from amqp.exceptions import PreconditionFailed
from kombu import Connection, Queue
from nameko.constants import (
    DEFAULT_HEARTBEAT,
    HEADER_PREFIX,
    HEARTBEAT_CONFIG_KEY,
    NON_PERSISTENT,
)
from nameko.exceptions import MethodNotFound
from nameko.messaging import QueueConsumer
from nameko.rpc import RpcConsumer, get_rpc_exchange

from ..amqp_connection import LeavesHungHosts, described
from ..dependencies import Core
from ..errors import ReplyTooLarge
from ..read_ahead import read_ahead
from . import sight
from .answers import failure_of
from .frames import tolerant_frame_handler
from .large_replies import PUBLISH_SIGNATURE, LargeReplies
from .queues import HEAVY, LIGHT, queue_name, service_queue
from .stalls import HangUp, when_it_gets_on
from .wire import PlainMessage, Reply, Request, encode_reply

_log = logging.getLogger(__name__)

# The caller waits: a reply on disk serves nobody.
_TRANSIENT = NON_PERSISTENT
# One frame: no broker's max_message_size, and no other frame on the connection, is in its way.
_SMALL_REPLY_BYTES = 64 * 1024
_QOS_SIGNATURE = "lBb"
_PRIORITY = "x-priority"
_BROKER_LIMIT = "max_message_size of RabbitMQ"
_POLL_S = 0.02
_CANCEL_TIMEOUT_S = 5
_FAREWELL_TIMEOUT_S = 5
# How often a connection looks for what is asked of it, and says that it lives, unless it is woken.
_WAKE_INTERVAL_S = 1.0
_WAKES_A_HEARTBEAT = 4


class LaneConnection(LeavesHungHosts, QueueConsumer):
    """A connection that takes messages for one lane."""

    core = Core()
    lane_name: ClassVar[str]
    _pending_remove_providers: dict[Any, Any]

    def __init__(self) -> None:
        super().__init__()
        self._in_hand: set[Any] = set()
        self._consumed_lanes: set[Any] = set()

    @property
    def is_consuming(self) -> bool:
        """Whether the connection stands and messages come."""
        return bool(self.core.app.broker.consuming.get(self.lane_name))

    @property
    def connection(self) -> Connection:
        """See ConsumerMixin: how to connect, not a connection."""
        broker, lane = self.core.app.broker, self.lane_name
        return described(
            self.container.config,
            has_heartbeat=True,
            frame_handler=tolerant_frame_handler,
            on_blocked=functools.partial(broker.block, lane),
            on_unblocked=functools.partial(broker.unblock, lane),
        )

    def get_consumers(self, consumer_cls: Any, channel: Any) -> Any:
        """See ConsumerMixin; called after every (re)connection."""
        read_ahead(channel.connection.transport)
        channel.Message = PlainMessage
        channel.auto_decode = False  # bodies stay bytes: their size is checked first
        for provider in self._providers:
            self._consumed_lanes.add(provider)
            provider.declare(channel)
            on_message = functools.partial(self.take, provider)
            self._consumers[provider] = []
            for count, priority in self.shares:
                queue = copy.copy(provider.queue)
                queue.consumer_arguments = {_PRIORITY: priority} if priority else None
                # on_message rather than callbacks: the body is looked at before it is decoded.
                consumer = consumer_cls(queues=[queue], on_message=on_message)
                consumer.qos(prefetch_count=count)  # of the consumers that come after it
                consumer.consume()
                self._consumers[provider].append(consumer)
        return list(itertools.chain.from_iterable(self._consumers.values()))

    @property
    def shares(self) -> list[tuple[int, int]]:
        """How the calls that are taken at once are divided: how many, with which priority."""
        return [(self.prefetch_count, 0)]

    def take(self, provider: Any, message: Any) -> None:
        """Begin with one message, in a green thread of its own."""
        # Others have it now, or once this connection ends.
        if self.core.app.pace.is_stalled or provider not in self._providers:
            return
        self._in_hand.add(message)
        work = functools.partial(self._handle, provider, message)
        self.container.spawn_managed_thread(work, identifier=f"{self.lane_name} message")

    def _handle(self, provider: Any, message: Any) -> None:
        try:
            provider.handle_message(message)
        except Exception:  # noqa: BLE001 - an error here would end the container
            _log.exception("could not handle a message; it is dropped")
            self.ack_message(message)

    def ack_message(self, message: Any) -> None:
        """Tell the broker that the message is dealt with."""
        self._end(message, "ack")

    def requeue_message(self, message: Any) -> None:
        """Give the message back to the broker."""
        self._end(message, "requeue")

    def _end(self, message: Any, how: str) -> None:
        try:
            if message.channel.connection and not message.acknowledged:
                getattr(message, how)()
        except Exception as exc:  # noqa: BLE001 - the connection is gone: the broker redelivers
            _log.info("could not %s a message, it will come again: %s", how, exc)
        finally:
            self._in_hand.discard(message)

    def on_iteration(self) -> None:
        """See ConsumerMixin. Stays connected until everything taken is acknowledged."""
        self._hang_up.check()
        self._cancel_consumers_if_requested()
        if not self._consumers and not self._in_hand:
            self.should_stop = True

    def on_consume_ready(
        self, connection: Any, channel: Any, consumers: Any, **kwargs: Any
    ) -> None:
        """See ConsumerMixin."""
        self._hang_up.watch(connection)
        self._channel = channel
        self.core.app.broker.consuming[self.lane_name] = True
        self.core.app.meters.broker_connects.add((self.lane_name,))
        super().on_consume_ready(connection, channel, consumers, **kwargs)

    def on_connection_error(self, exc: Exception, interval: float) -> None:
        """See ConsumerMixin."""
        self._mark_down()
        self.core.app.meters.broker_failures.add((self.lane_name,))
        super().on_connection_error(exc, interval)

    def consume(self, *args: Any, **kwargs: Any) -> Any:
        """See ConsumerMixin; the connection is down whenever this generator ends."""
        heartbeat_s = self.container.config.get(HEARTBEAT_CONFIG_KEY, DEFAULT_HEARTBEAT) or math.inf
        interval_s = min(_WAKE_INTERVAL_S, heartbeat_s / _WAKES_A_HEARTBEAT)
        consuming = super().consume(*args, safety_interval=interval_s, **kwargs)
        try:
            yield from when_it_gets_on(self.core.app.pace, consuming)
        finally:
            self._mark_down()

    def _cancel_consumers_if_requested(self) -> None:
        """See QueueConsumer; whoever waits for it is told also when the connection is lost."""
        pending, self._pending_remove_providers = self._pending_remove_providers, {}
        try:
            for provider in pending:
                for consumer in self._consumers.pop(provider, ()):
                    consumer.cancel()
        finally:
            for removed in pending.values():
                removed.send()

    def _mark_down(self) -> None:
        self.core.app.broker.consuming[self.lane_name] = False
        self.core.app.broker.unblock(self.lane_name)
        pending, self._pending_remove_providers = self._pending_remove_providers, {}
        for removed in pending.values():
            removed.send()

    def start(self) -> None:
        """See Extension."""
        self._hang_up = HangUp(self.core.app.pace)
        self.core.app.broker.consuming.setdefault(self.lane_name, False)
        self._follow()
        super().start()

    def _follow(self) -> None:
        meters, lane = self.core.app.meters, (self.lane_name,)
        meters.rpc_in_progress.follow(lambda: len(self._in_hand), lane)
        meters.rpc_in_progress_limit.follow(lambda: self.prefetch_count, lane)
        meters.broker_failures.add(lane, by=0)
        meters.broker_up.follow(lambda: self.is_consuming, lane)

    def unregister_provider(self, provider: Any) -> None:
        """Stop taking messages; return when everything taken is answered."""
        if self.is_consuming:
            with eventlet.Timeout(_CANCEL_TIMEOUT_S, exception=False):
                self._wake()
                super().unregister_provider(provider)
        self.wait_until_idle()
        self._providers.discard(provider)
        if not self._last_provider_unregistered.ready():  # the broker went meanwhile
            self._mark_down()
            self._last_provider_unregistered.send()

    def _wake(self) -> None:
        """Have the connection's green thread look at once: the broker answers this."""
        with contextlib.suppress(Exception):  # gone, which wakes it, too
            self._channel.send_method(
                spec.Basic.Qos, _QOS_SIGNATURE, (0, self.prefetch_count, False)
            )

    def wait_until_idle(self) -> None:
        """Wait until no message is in hand, at most shutdown_timeout_s."""
        deadline = time.monotonic() + self.core.app.settings.shutdown_timeout_s
        while self._in_hand and time.monotonic() < deadline:
            eventlet.sleep(_POLL_S)
        if self._in_hand:
            _log.warning("%d call(s) did not end in time and will come again", len(self._in_hand))
            self._in_hand.clear()
            self._end_workers()

    def _end_workers(self) -> None:
        """End the work on this lane's calls: the container would wait for it without a limit."""
        for context, thread in list(self.container._worker_threads.items()):
            lane = getattr(context.entrypoint, "rpc_consumer", None)
            if lane in self._consumed_lanes:
                thread.kill()

    def stop(self) -> None:
        """End the connection, all that it has taken being answered: whatever the broker does.

        It may be trying to get through, or have got through when its lane was gone already.
        """
        self.should_stop = True
        if self.is_consuming:
            with eventlet.Timeout(_FAREWELL_TIMEOUT_S, exception=False):
                self._wake()
                self._gt.wait()
                return
        self._gt.kill()


class LightConnection(LaneConnection):
    """For calls that answer at once."""

    lane_name = "calls"

    @property
    def prefetch_count(self) -> int:
        """As many as the container works on, less those kept for heavy calls."""
        return max(1, self.container.max_workers - self.core.app.settings.upload_concurrency)


class HeavyConnection(LaneConnection):
    """For calls that carry pictures."""

    lane_name = "transfers"

    @property
    def prefetch_count(self) -> int:
        """The setting upload_concurrency, but never all that the container works on at once."""
        return max(
            1, min(self.core.app.settings.upload_concurrency, self.container.max_workers - 1)
        )

    @property
    def shares(self) -> list[tuple[int, int]]:
        """See LaneConnection. Processes are filled one after the other, as far as their workers go.

        One that is at work anyway needs less for the next picture than one that has done nothing
        for a while, so the first has as many as its image workers can take before the second gets
        any. What is more than all workers can take goes to each in turn.
        """
        place, settings = self.core.place, self.core.app.settings
        if place.of == 1:
            return super().shares
        at_once = min(settings.image_workers, self.prefetch_count)
        shares = [(at_once, -place.number), (self.prefetch_count - at_once, -place.of)]
        return [(count, priority) for count, priority in shares if count]


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
        for provider in self._providers:
            queue.bind_to(exchange, routing_key=f"{service}.{provider.method_name}")
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
                self._send(request, reply)
            except PreconditionFailed as exc:  # the broker's own limit is lower than ours
                size = re.search(r"max size ([0-9]+)", str(exc))
                broker_limit = int(size[1]) if size else limit
                too_large = ReplyTooLarge(_BROKER_LIMIT, broker_limit, len(reply.body))
                reply = Reply(request, failure(too_large), None)
                self._send(request, reply)
            code, sent_bytes = sight.code_of(reply.result, reply.error), len(reply.body)
        except Exception as exc:  # noqa: BLE001 - the broker is gone or will not have it
            _log.warning("could not answer %s, it will come again: %s", request.routing_key, exc)
            self.requeue_message(request.message)
        else:
            self.queue_consumer.ack_message(request.message)
        method_name = sight.label_of(request, self._known)
        sight.end(self.core.app, request, method_name, code, sent_bytes)

    def _send(self, request: Request, reply: Reply) -> None:
        """Send a small reply on the request's own channel, a large one on a connection apart.

        What a channel carries arrives in its order: where the broker has the acknowledgement,
        it has the reply before it, and nobody needs to wait for it to say so.
        """
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
            return
        # Not basic_publish(): that reads from the connection first, in the middle of whatever
        # message is coming in by another green thread, and both wait for ever.
        channel.send_method(spec.Basic.Publish, PUBLISH_SIGNATURE, arguments, message)

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

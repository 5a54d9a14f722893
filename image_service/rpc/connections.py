"""Connections that take messages: one for each lane, and how a stop lets go of them."""

from __future__ import annotations

import contextlib
import copy
import functools
import itertools
import logging
import math
import time
from typing import Any, ClassVar

import eventlet
from amqp import spec
from kombu import Connection
from nameko.constants import DEFAULT_HEARTBEAT, HEARTBEAT_CONFIG_KEY
from nameko.messaging import QueueConsumer, QueueConsumerStopped

from ..amqp_connection import LeavesHungHosts, described
from ..dependencies import Core
from ..read_ahead import read_ahead
from .frames import tolerant_frame_handler
from .stalls import HangUp, when_it_gets_on
from .wire import PlainMessage

_log = logging.getLogger(__name__)

_QOS_SIGNATURE = "lBb"
_PRIORITY = "x-priority"
# Of what is more than a process gets on with at the same time, and of processes that there is no
# core for. The same on all machines, of which each has fewer processes than this.
_REST, _SPARE = -1000, -2000
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
    def is_starting(self) -> bool:
        """Whether it has begun to connect, or has connected."""
        return bool(self._starting)

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
        for provider in tuple(self._providers):  # a stop may take them away meanwhile
            self._consumed_lanes.add(provider)
            provider.declare(channel)
            on_message = functools.partial(self.take, provider)
            self._consumers[provider] = []
            for count, priority in self.shares:
                queue = copy.copy(provider.queue)
                queue.consumer_arguments = {_PRIORITY: priority} if priority else None
                # on_message rather than callbacks: the body is looked at before it is decoded.
                consumer = consumer_cls([queue], on_message=on_message, auto_declare=False)
                consumer.qos(prefetch_count=count)  # of the consumers that come after it
                consumer.consume()
                self._consumers[provider].append(consumer)
        return list(itertools.chain.from_iterable(self._consumers.values()))

    @property
    def at_once(self) -> int:
        """How many calls this process really works on at the same time; the others wait in it."""
        raise NotImplementedError

    @property
    def is_spare(self) -> bool:
        """Whether this process had better be left what the others have no room for."""
        raise NotImplementedError

    @property
    def shares(self) -> list[tuple[int, int]]:
        """How the calls that are taken are divided: how many, with which priority.

        Processes are filled one after the other, as far as they get on with at the same time. One
        that is at work anyway needs less for the next call than one that has done nothing for a
        while, and one that has its fill needs longer. What is more goes to each in turn.
        """
        level = _SPARE if self.is_spare else 0
        at_once = min(self.at_once, self.prefetch_count)
        first = level - self.core.place.number
        shares = [(at_once, first), (self.prefetch_count - at_once, level + _REST)]
        return [(count, priority) for count, priority in shares if count]

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
        if not self._consumers_ready.ready():  # start() waits for it
            self._consumers_ready.send_exception(QueueConsumerStopped())


class LightConnection(LaneConnection):
    """For calls that answer at once."""

    lane_name = "calls"

    @property
    def prefetch_count(self) -> int:
        """As many as the container works on, less those kept for heavy calls."""
        return max(1, self.container.max_workers - self.core.app.settings.upload_concurrency)

    @property
    def at_once(self) -> int:
        """One: they are Python's, which does one thing at a time."""
        return 1

    @property
    def is_spare(self) -> bool:
        """Where there is no core for it."""
        return self.core.place.is_spare


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
    def at_once(self) -> int:
        """As many as there are image workers."""
        return self.core.app.settings.image_worker_count

    @property
    def is_spare(self) -> bool:
        """Where the others keep all cores at work."""
        return self.core.place.is_spare_for_pictures

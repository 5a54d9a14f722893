"""Replies of more than one frame: on connections of their own, each confirmed by the broker."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import eventlet
from amqp import spec
from amqp.exceptions import MessageNacked
from eventlet.pools import Pool
from nameko.constants import DEFAULT_HEARTBEAT, HEARTBEAT_CONFIG_KEY

from ..amqp_connection import described, hosts_of
from ..broker_state import BrokerState

_LINES = 10
_ATTEMPTS = 3
_WAKE_S = 0.25
PUBLISH_SIGNATURE = "Bssbb"
"""Of the arguments of Basic.Publish."""

Arguments = tuple[Any, ...]


class LargeReplies:
    """Sends the large replies of one lane."""

    def __init__(self, config: Mapping[str, Any], broker: BrokerState, lane: str) -> None:
        """Args: config: Nameko's. broker: is told while RabbitMQ holds replies up."""
        self._config = config
        self._broker = broker
        self._name = f"{lane} (large replies)"
        self._held_up: set[Any] = set()
        self._lines = Pool(max_size=_LINES, order_as_stack=True, create=self._new_line)

    def send(self, arguments: Arguments, message: Any) -> None:
        """Return when RabbitMQ has the reply. During its alarm it takes none: that is waited for.

        Args: arguments: of Basic.Publish; message: the reply as py-amqp has it.
        Raises: PreconditionFailed for one that is larger than it takes; others where no host of
            it took it.
        """
        with self._lines.item() as line:
            for attempts_left in reversed(range(_ATTEMPTS)):
                try:
                    line.send(arguments, message)
                except line.lost:
                    if not attempts_left:
                        raise
                else:
                    return

    def _new_line(self) -> _Line:
        return _Line(self._config, self._hold_up)

    def _hold_up(self, line: _Line, why: str) -> None:
        """Note that a reply is held up, or that it is no longer: why is empty then."""
        if why:
            self._held_up.add(line)
            self._broker.block(self._name, why)
        else:
            self._held_up.discard(line)
        if not self._held_up:
            self._broker.unblock(self._name)


class _Line:
    """One connection, made when it is needed. For one reply at a time."""

    def __init__(self, config: Mapping[str, Any], hold_up: Callable[[_Line, str], None]) -> None:
        self._connection = described(
            config, on_blocked=self._blocked, on_unblocked=lambda: self._blocked("")
        )
        self.lost: tuple[type[Exception], ...] = self._connection.connection_errors
        self._hold_up = hold_up
        # Without a heartbeat: nobody would hear it while the connection lies in the pool. One that
        # hangs is given up when its heartbeats would have been missed.
        heartbeat_s = config.get(HEARTBEAT_CONFIG_KEY, DEFAULT_HEARTBEAT)
        self._patience_s = 2.0 * heartbeat_s or float("inf")
        self._channel: Any = None
        self._is_blocked = False
        self._is_settled = False
        self._problem: Exception | None = None

    def send(self, arguments: Arguments, message: Any) -> None:
        """Send a reply and wait until RabbitMQ has it. Raises: whatever goes wrong."""
        self._is_settled, self._problem = False, None
        writing = None
        try:
            if self._channel is None:
                self._connect()
            # By another green thread, so that this one hears that nothing is read any more.
            writing = eventlet.spawn(self._write, self._channel, arguments, message)
            self._wait()
        except BaseException:
            self._let_go()
            raise
        finally:
            if writing is not None:  # one that has not begun is false, too
                writing.kill()
            # From here on nobody would hear that it is over.
            self._blocked("")

    def _connect(self) -> None:
        self._connection.ensure_connection(
            max_retries=hosts_of(self._connection),
            interval_start=0,
            reraise_as_library_errors=False,
        )
        channel = self._connection.channel()
        channel.confirm_select()
        channel.events["basic_ack"].add(self._taken)
        channel.events["basic_nack"].add(self._not_taken)
        self._channel = channel

    def _write(self, channel: Any, arguments: Arguments, message: Any) -> None:
        try:
            # Not basic_publish(), which reads, too.
            channel.send_method(spec.Basic.Publish, PUBLISH_SIGNATURE, arguments, message)
        except Exception as exc:  # noqa: BLE001 - who waits for the confirmation raises it
            self._problem = exc

    def _wait(self) -> None:
        heard_s = time.monotonic()
        while not self._is_settled:
            try:
                self._connection.drain_events(timeout=_WAKE_S)
            except TimeoutError:
                if self._is_blocked:
                    heard_s = time.monotonic()
                if time.monotonic() > heard_s + self._patience_s:
                    raise
            if self._problem:
                raise self._problem

    def _taken(self, *_: Any) -> None:
        self._is_settled = True

    def _not_taken(self, *_: Any) -> None:
        self._problem = MessageNacked()

    def _blocked(self, why: str) -> None:
        self._is_blocked = bool(why)
        self._hold_up(self, why)

    def _let_go(self) -> None:
        """End the connection without a farewell, which a host that hangs would not answer."""
        self._channel = None
        self._connection.collect()
        self._connection.maybe_switch_next()

"""One connection to the broker each: Nameko's ClusterRpcProxy, which fails at once when it must.

A ClusterRpcProxy serves one thread at a time, and is of no use any more once a call on it timed out
or its connection broke; one that lies idle is cut off by the broker, whose heartbeats nobody
answers.
"""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import amqp.exceptions
import kombu.exceptions

with warnings.catch_warnings():
    # Of eventlet, by Nameko: who writes a script cannot help it.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    from nameko.amqp.publish import UndeliverableMessage
    from nameko.constants import NON_PERSISTENT
    from nameko.exceptions import RpcTimeout, UnknownService
    from nameko.rpc import ServiceProxy
    from nameko.standalone.rpc import (
        ClusterRpcProxy,
        PollingQueueConsumer,
        SingleThreadedReplyListener,
    )

from ..errors import ImageTooLarge
from ..read_ahead import read_ahead
from .caller import SERVICE_NAME
from .errors import (
    BrokerRefused,
    CallRefused,
    CallTimedOut,
    ServiceNotRunning,
    ServiceUnreachable,
)

_BROKEN = (OSError, amqp.exceptions.AMQPError, kombu.exceptions.KombuError, EOFError)
_REFUSED = (amqp.exceptions.AccessRefused, amqp.exceptions.NotAllowed)
_UNUSABLE = "the connection was lost"


class _Consumer(PollingQueueConsumer):
    """Waits for a reply no longer than it may, and tells of a lost connection when it is lost.

    Nameko's own connects again and waits for a reply that went with the old queue.
    """

    def get_message(self, correlation_id: str) -> None:
        """See PollingQueueConsumer."""
        deadline_s = time.monotonic() + self.timeout
        while correlation_id not in self.replies:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise RpcTimeout(self.timeout)
            try:
                self.consumer.connection.drain_events(timeout=left_s)
            except TimeoutError:
                raise RpcTimeout(self.timeout) from None
        body, message = self.replies.pop(correlation_id)
        self.provider.handle_message(body, message)


class _ReplyListener(SingleThreadedReplyListener):
    def __init__(self, timeout: float | None = None) -> None:
        super().__init__(timeout=timeout)
        self.queue_consumer = _Consumer(timeout=timeout)


class Line:
    """One connection, for one thread at a time."""

    def __init__(self, config: Mapping[str, Any], context_data: Mapping[str, Any]) -> None:
        """Connect. Raises: ServiceUnreachable, BrokerRefused."""
        self._cluster = ClusterRpcProxy(
            dict(config),
            context_data=dict(context_data),
            timeout=None,
            reply_listener_cls=_ReplyListener,
        )
        self._methods: dict[str, Any] = {}
        self.used_s = time.monotonic()
        self.is_sound = True
        with told_of("connect"):
            try:
                self._cluster.start()
                consumer = self._cluster._reply_listener.queue_consumer
                read_ahead(consumer.connection.connection.transport)
            except BaseException:
                self.close()
                raise

    def call(self, method: str, arguments: Mapping[str, Any], timeout_s: float) -> Any:
        """Call and wait. Raises: see Caller.call; the line may be unsound then."""
        listener = self._cluster._reply_listener
        listener.queue_consumer.timeout = timeout_s
        self.is_sound = False
        with told_of(method):
            reply = self._method(method)(**arguments)
        self.is_sound = True
        self.used_s = time.monotonic()
        return reply

    def close(self) -> None:
        """Disconnect."""
        with contextlib.suppress(Exception):
            self._cluster.stop()

    def _method(self, name: str) -> Any:
        """Return what calls a method; making one costs as much as half a call."""
        if name not in self._methods:
            service = ServiceProxy(
                self._cluster._worker_ctx,
                SERVICE_NAME,
                self._cluster._reply_listener,
                # The caller waits: a request on the broker's disk serves nobody.
                delivery_mode=NON_PERSISTENT,
            )
            self._methods[name] = getattr(service, name)
        return self._methods[name]


@contextlib.contextmanager
def told_of(method: str) -> Iterator[None]:
    """Turn what Nameko, kombu and the network raise in a call into the client's errors."""
    try:
        yield
    except RpcTimeout as exc:
        raise CallTimedOut(method, float(exc.args[0])) from exc
    except (UnknownService, UndeliverableMessage) as exc:
        raise ServiceNotRunning(method) from exc
    except amqp.exceptions.PreconditionFailed as exc:
        raise _refused_message(method, exc) from exc
    except _REFUSED as exc:
        raise BrokerRefused(_words(exc)) from exc
    except _BROKEN as exc:
        cause = exc.__cause__
        if isinstance(cause, _REFUSED):
            raise BrokerRefused(_words(cause)) from exc
        raise ServiceUnreachable(_words(exc)) from exc
    except RuntimeError as exc:  # Nameko's, of a consumer that was disconnected
        raise ServiceUnreachable(_UNUSABLE) from exc
    except Exception as exc:
        if type(exc).__module__.startswith("nameko."):  # IncorrectSignature, RemoteError, …
            raise CallRefused(method, _words(exc)) from exc
        raise


def _refused_message(method: str, exc: Exception) -> Exception:
    numbers = [int(word) for word in str(exc).replace(",", " ").split() if word.isdigit()]
    sizes = sorted(number for number in numbers if number > 1000)
    if "size" in str(exc) and len(sizes) >= 2:
        return ImageTooLarge("max_message_size of RabbitMQ", sizes[0], sizes[-1])
    return CallRefused(method, _words(exc))


def _words(exc: BaseException) -> str:
    told = getattr(exc, "reply_text", "") or getattr(exc, "strerror", "") or str(exc)
    return " ".join(str(told).split())[:200].rstrip(".") or type(exc).__name__

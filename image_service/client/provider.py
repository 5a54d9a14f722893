"""Images: the service inside of another Nameko service, as a dependency."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import eventlet
from nameko.constants import (
    ACCEPT_CONFIG_KEY,
    DEFAULT_SERIALIZER,
    NON_PERSISTENT,
    SERIALIZER_CONFIG_KEY,
)
from nameko.exceptions import RpcTimeout
from nameko.extensions import DependencyProvider
from nameko.rpc import ReplyListener, ServiceProxy

from .api import ATTEMPTS, TIMEOUT_S, ImageApi
from .caller import SERVICE_NAME
from .failures import told_of


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

    rpc_reply_listener = ReplyListener()

    def __init__(self, *, timeout_s: float = TIMEOUT_S, attempts: int = ATTEMPTS) -> None:
        """Args: timeout_s, attempts: see ImageApi."""
        self._timeout_s = timeout_s
        self._attempts = attempts

    def get_dependency(self, worker_ctx: Any) -> ImageApi:
        """See DependencyProvider."""
        service = ServiceProxy(
            worker_ctx,
            SERVICE_NAME,
            self.rpc_reply_listener,
            serializer=_serializer(self.container.config),
            delivery_mode=NON_PERSISTENT,
            # Nameko would wait for a broker's confirmation for ever.
            timeout=self._timeout_s,
            confirm_timeout=self._timeout_s,
            retry_policy={"max_retries": 1},
        )
        caller = WorkerCaller(service, self.rpc_reply_listener)
        return ImageApi(caller, timeout_s=self._timeout_s, attempts=self._attempts)


def _serializer(config: Mapping[str, Any]) -> str:
    """Return msgpack where the container can read a reply in it, else its own."""
    if "msgpack" in config.get(ACCEPT_CONFIG_KEY, ()):
        return "msgpack"
    return str(config.get(SERIALIZER_CONFIG_KEY, DEFAULT_SERIALIZER))

"""The service's methods called in this process, as if over the wire, whatever is behind them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import msgpack

from .client.caller import SERVICE_NAME
from .client.errors import CallRefused, ServiceNotRunning
from .service import ImageService


class InProcess:
    """A Caller that carries calls no further than to an ImageService that nobody else calls."""

    def __init__(self, **dependencies: Any) -> None:
        """Args: dependencies: what Nameko injects elsewhere; of the rest calls do nothing."""
        self._service = ImageService()
        for name, value in vars(ImageService).items():
            if hasattr(value, "get_dependency"):
                setattr(self._service, name, dependencies.get(name, _do_nothing))

    def call(
        self,
        method: str,
        arguments: Mapping[str, Any],
        timeout_s: float,  # noqa: ARG002 - nothing is waited for
    ) -> Mapping[str, Any]:
        """See Caller.call. What goes in and out is made msgpack of, as on the wire."""
        call = self._method(method)
        sent = _carried(dict(arguments))
        try:
            inspect.signature(call).bind(**sent)
        except TypeError as exc:
            raise CallRefused(method, f"IncorrectSignature: {exc}") from exc
        reply: Mapping[str, Any] = _carried(call(**sent))
        return reply

    def close(self) -> None:
        """See Caller.close."""

    def _method(self, name: str) -> Callable[..., dict[str, Any]]:
        method: Any = getattr(ImageService, name, None)
        if not getattr(method, "nameko_entrypoints", None):
            raise ServiceNotRunning(f"{SERVICE_NAME}.{name}")
        bound: Callable[..., dict[str, Any]] = getattr(self._service, name)
        return bound


def _do_nothing(*args: Any, **kwargs: Any) -> None:
    """Stand for what begins something that no reply tells of."""


def _carried(value: Any) -> Any:
    """Return a value as it arrives after a way over the wire."""
    return msgpack.unpackb(msgpack.packb(value), strict_map_key=False)

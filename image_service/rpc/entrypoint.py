"""`@rpc` and `@transfer_rpc`: Nameko's entrypoint on lanes that survive, decoding included."""

from __future__ import annotations

import functools
import inspect
from typing import Any, ClassVar

from nameko.exceptions import ContainerBeingKilled
from nameko.rpc import Rpc

from ..dependencies import DELIVERY_CONTEXT_KEY, Core
from ..domain.outcomes import Delivery
from ..errors import ImageServiceError, ImageTooLarge
from ..sight.provider import CALL_CONTEXT_KEY
from . import wire
from .answers import failure_of
from .lanes import HeavyLane, LightLane


class LightRpc(Rpc):
    """A method that answers at once."""

    core = Core()
    rpc_consumer = LightLane()
    size_settings: ClassVar[tuple[str, ...]] = ("max_message_bytes", "max_call_bytes")
    """The settings that limit a request, in bytes."""

    def handle_request(self, request: wire.Request) -> None:
        """Decode the request and start a worker on it.

        Raises: MalformedRequest, IncorrectSignature, which the lane answers.
        """
        arrived_ms = self.core.app.clock.now_ms()
        try:
            self._check_size(request)
            args, kwargs = wire.decode(request, self.container.accept, self._decode_large)
        except ImageServiceError as exc:
            method = getattr(self.container.service_cls, self.method_name)
            self.rpc_consumer.answer(request, failure_of(method, exc), None)
            return
        self.check_signature(args, kwargs)
        context_data = request.context_data(self.header_prefix)
        context_data[DELIVERY_CONTEXT_KEY] = Delivery(
            request.delivery_key,
            request.redelivered,
            arrived_ms,
            request.is_unique,
            owner=context_data.get(self.core.app.settings.owner_key),
        )
        context_data[CALL_CONTEXT_KEY] = request.call
        # The worker has what it needs; the raw bytes would double a large request's memory.
        request.message.body = b""
        try:
            self.container.spawn_worker(
                self,
                args,
                kwargs,
                context_data=context_data,
                handle_result=functools.partial(self._handle_result, request),
            )
        except ContainerBeingKilled:
            self.rpc_consumer.requeue_message(request.message)

    def check_signature(self, args: Any, kwargs: Any) -> None:
        """See Entrypoint; Nameko's own way costs 0.1 ms a call, and words the refusal."""
        try:
            self._signature.bind(None, *args, **kwargs)
        except TypeError:
            super().check_signature(args, kwargs)
            raise

    @functools.cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(getattr(self.container.service_cls, self.method_name))

    def _check_size(self, request: wire.Request) -> None:
        limits = {name: getattr(self.core.app.settings, name) for name in self.size_settings}
        name = min(limits, key=limits.__getitem__)
        if request.size_bytes > limits[name]:
            raise ImageTooLarge(name, limits[name], request.size_bytes)

    def _decode_large(self, encoding: str, body: bytes) -> Any:
        with self.core.app.decoding:
            return self.core.app.engine.decode_message(encoding, body)

    def _handle_result(
        self,
        request: wire.Request,
        worker_ctx: Any,  # noqa: ARG002 - Nameko passes it
        result: Any,
        exc_info: Any,
    ) -> tuple[Any, Any]:
        self.rpc_consumer.answer(request, result, exc_info[1] if exc_info else None)
        return result, exc_info


class HeavyRpc(LightRpc):
    """A method that carries pictures, on a queue of its own."""

    rpc_consumer = HeavyLane()
    size_settings = ("max_message_bytes",)


rpc = LightRpc.decorator
transfer_rpc = HeavyRpc.decorator

"""Has a Nameko worker know what call it works on."""

from __future__ import annotations

from typing import Any

from nameko.extensions import DependencyProvider

from . import calls

CALL_CONTEXT_KEY = "image_service_call"
"""Where entrypoints leave a worker's Call; never sent on to other services."""


class CallProvider(DependencyProvider):
    """Enters the call: `call = CallProvider()`."""

    def get_dependency(self, worker_ctx: Any) -> calls.Call:
        """See DependencyProvider. Lines of the worker carry Nameko's id and stack of the call."""
        call: calls.Call | None = worker_ctx.data.pop(CALL_CONTEXT_KEY, None)
        if call is None:  # a timer's
            call = calls.Call(worker_ctx.call_id)
        elif not call.is_named:
            call.name(worker_ctx.call_id, worker_ctx.call_id_stack)
        calls.enter(call)
        return call

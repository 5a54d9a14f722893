"""The JSON API: which route needs which right, and how its answers look."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from ..domain.tokens import Scope
from .access import Access, Caller

Handler = Callable[..., "Mapping[str, Any] | Response"]
"""Takes a request, who asks, and the path's variables by name; returns a reply."""


@dataclass(frozen=True)
class Route:
    """One method of one path.

    scope: the right it needs, None for none; then the handler gets no Caller.
    waits: whether it reads the catalogue or the store, and waits for its turn.
    prepare: reads the body before that turn, for a client may be slow; the handler gets what it
    returns as `prepared`.
    """

    method: str
    path: str
    scope: Scope | None
    handler: Handler
    waits: bool = True
    prepare: Callable[[Request], Any] | None = None


class Api:
    """Answers requests under /api."""

    def __init__(
        self, access: Access, routes: Iterable[Route], turns: AbstractContextManager[Any]
    ) -> None:
        """Args: turns: entered by routes that wait: few at once, or RPC calls would wait, too."""
        self._access = access
        self._turns = turns
        rules = [Rule(each.path, methods=(each.method,), endpoint=each) for each in routes]
        self._map = Map(rules, merge_slashes=False, strict_slashes=False)

    def answer(self, request: Request) -> Response:
        """Return the answer.

        Raises: ImageServiceError; NotFound, MethodNotAllowed.
        """
        route, variables = self._map.bind_to_environ(request.environ).match()
        arguments: tuple[Caller, ...] = ()
        if route.scope is not None:
            arguments = (self._access.admit(request, route.scope),)
        if route.prepare:
            variables = {**variables, "prepared": route.prepare(request)}
        with self._turns if route.waits else nullcontext():
            reply = route.handler(request, *arguments, **variables)
        return reply if isinstance(reply, Response) else json_response(reply)


def json_response(body: Mapping[str, Any], status: int = 200) -> Response:
    """Return a reply that no cache keeps and no page of another site embeds."""
    response = Response(json.dumps(body), status=status, content_type="application/json")
    headers = response.headers
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    headers["Cross-Origin-Resource-Policy"] = "same-origin"
    return response

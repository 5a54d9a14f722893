"""The JSON API: which route needs which right, and how its answers look."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from ..domain.tokens import Scope
from ..errors import ImageServiceError
from .access import Access, Caller
from .parameters import Reader, read_query

Handler = Callable[..., "Mapping[str, Any] | Response"]
"""Takes a request, who asks, and the path's variables by name; returns a reply."""


@dataclass(frozen=True, eq=False)
class Route:
    """One method of one path.

    scope: the right it needs, None for none; then the handler gets no Caller.
    reply: what it answers, one of the shapes.
    query: what the request may ask, with what reads it; the handler gets what was asked as
    `asked`, if there can be anything. None: it is not looked at.
    like: the RPC method that it answers as, and whose arguments query and body are.
    types: of what there is in query and body that is no argument of that method.
    refusals: the errors that it may answer, where it is like no method.
    waits: whether it reads the catalogue or the store, and waits for its turn.
    prepare: reads the body before that turn, for a client may be slow; the handler gets what it
    returns as `prepared`.
    body: the names of what the body may hold.
    """

    method: str
    path: str
    scope: Scope | None
    handler: Handler
    reply: Any
    query: Mapping[str, Reader] | None = field(default_factory=dict)
    like: str = ""
    types: Mapping[str, Any] = field(default_factory=dict)
    refusals: tuple[type[ImageServiceError], ...] = ()
    waits: bool = True
    prepare: Callable[[Request], Any] | None = None
    body: tuple[str, ...] = ()

    @property
    def about(self) -> str:
        """What it does, in a sentence."""
        return (inspect.getdoc(self.handler) or "").splitlines()[0]


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
        if route.query is not None:
            asked = read_query(request, route.query)
            variables = {**variables, "asked": asked} if route.query else variables
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

"""The HTTP API as an OpenAPI 3.1 document, made of the routes, the RPC methods and the shapes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .. import __version__
from ..errors import ImageTooLarge, InternalError, StorageUnavailable
from ..rpc.methods import Argument, Method, methods_of
from ..rpc.schemas import components_of, reference, schema_of
from .api import Route
from .openapi_pages import pages
from .problems import status_of
from .sessions import COOKIE
from .shapes import LivenessReply, Problem

TITLE = "image_service"
_ABOUT = (
    "The JSON API answers as the RPC methods do, field by field; fields may be added. Beside it: "
    "originals, variants, uploads by form. See the documentation of HTTP."
)
_VARIABLE = re.compile(r"<(\w+)>")
_BY_SCOPE = {"unauthorized": 401, "forbidden": 403, "rate_limited": 429}
_BY_BODY = {
    "invalid_argument": 400,
    "bad_request": 400,
    "request_timeout": 408,
    ImageTooLarge.code: 413,
    "unsupported_media_type": 415,
}


def document(service: type, routes: Iterable[Route], url: str) -> dict[str, Any]:
    """Return the document.

    Args:
        service: the service's class, whose methods routes answer as.
        url: what the service's urls begin with.
    """
    methods, routes = methods_of(service), list(routes)
    paths: dict[str, dict[str, Any]] = {}
    for each in routes:
        path = _VARIABLE.sub(r"{\1}", each.path)
        paths.setdefault(path, {})[each.method.lower()] = _operation(each, methods)
    for path, operations in pages(methods, answers).items():
        paths.setdefault(path, {}).update(operations)
    shapes = [each.reply for each in routes if each.reply]
    replies = [method.reply for method in methods.values()]
    security = {
        "token": {"type": "http", "scheme": "bearer", "description": "Of `make-token`."},
        "session": {"type": "apiKey", "in": "cookie", "name": COOKIE},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": TITLE, "version": __version__, "description": _ABOUT},
        "servers": [{"url": url}],
        "paths": paths,
        "components": {
            "schemas": components_of([*shapes, *replies, LivenessReply, Problem]),
            "securitySchemes": security,
        },
    }


def answers(
    status: int, content: Mapping[str, Any], codes: Mapping[str, int], told: str = "As told."
) -> dict[str, Any]:
    """Return an operation's responses: what is answered, and by status the problems there are.

    Args: codes: the HTTP status of each code.
    """
    by_status: dict[int, list[str]] = {}
    for code in sorted(codes):
        by_status.setdefault(codes[code], []).append(code)
    problems = {str(number): _problems(by_status[number]) for number in sorted(by_status)}
    return {str(status): {"description": told, "content": content}, **problems}


def _problems(codes: list[str]) -> dict[str, Any]:
    schema = {
        "allOf": [reference(Problem)],
        "properties": {"code": {"enum": codes}},
    }
    told = " or ".join(f"`{code}`" for code in codes)
    return {"description": told, "content": {"application/problem+json": {"schema": schema}}}


def _operation(route: Route, methods: Mapping[str, Method]) -> dict[str, Any]:
    method = methods.get(route.like)
    about = method.about if method else route.about
    type_ = {"schema": reference(route.reply) if route.reply else {"type": "object"}}
    made: dict[str, Any] = {
        "operationId": route.like or _name(route),
        "summary": about,
        "responses": answers(200, {"application/json": type_}, _codes(route, method)),
    }
    if parameters := [*_of_path(route, methods), *_of_query(route, method)]:
        made["parameters"] = parameters
    if route.body:
        made["requestBody"] = _body(route, method)
    if route.scope:
        made["security"] = [{"token": [route.scope]}, {"session": [route.scope]}, {}]
    return made


def _name(route: Route) -> str:
    last = route.path.removeprefix("/api/").partition(".")[0]
    return f"{route.method.lower()}_{last}"


def _codes(route: Route, method: Method | None) -> dict[str, int]:
    kinds = (*route.refusals, *(method.refusals if method else ()))
    codes = {kind.code: status_of(kind.code) for kind in kinds}
    codes |= {code: status_of(code) for code in (InternalError.code, StorageUnavailable.code)}
    if route.query is not None:
        codes["invalid_argument"] = 400
    if route.scope:
        codes |= _BY_SCOPE
    if route.body:
        codes |= _BY_BODY
    return codes


def _of_path(route: Route, methods: Mapping[str, Method]) -> Iterable[dict[str, Any]]:
    for name in _VARIABLE.findall(route.path):
        type_ = methods["get_image"].arguments[name].type
        yield {"name": name, "in": "path", "required": True, **_described(schema_of(type_))}


def _of_query(route: Route, method: Method | None) -> Iterable[dict[str, Any]]:
    for name in route.query or ():
        schema, argument = _schema(route, method, name)
        if argument and argument.default is not None:
            schema["default"] = argument.default
        yield {"name": name, "in": "query", **_described(schema)}


def _body(route: Route, method: Method | None) -> dict[str, Any]:
    properties = {name: _schema(route, method, name)[0] for name in route.body}
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return {"content": {"application/json": {"schema": schema}}, "required": True}


def _schema(
    route: Route, method: Method | None, name: str
) -> tuple[dict[str, Any], Argument | None]:
    if name in route.types:
        return schema_of(route.types[name]), None
    assert method, f"{route.path}: nothing says what {name} is"
    return schema_of(method.arguments[name].type), method.arguments[name]


def _described(schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": schema.pop("description", ""), "schema": schema}

"""Whether what the service answers is what its documentation says: a watch on every reply.

Every RPC reply of a container in these tests, and every answer that `api.ask` gets, is held against
what docs/rpc.md and /api/openapi.json are made of: fields and their types, none too many, none too
few; errors that are told.
"""

from __future__ import annotations

import copy
import functools
import re
from typing import Any
from urllib.parse import unquote

import jsonschema
from jsonschema.protocols import Validator

from image_service.rpc.entrypoint import LightRpc
from image_service.rpc.methods import methods_of
from image_service.rpc.schemas import components_of, reference
from image_service.service import ImageService
from scripts.api_document import made

found: list[str] = []
"""What did not conform since it was looked at last."""

METHODS = methods_of(ImageService)
_COMPONENTS = components_of(method.reply for method in METHODS.values())
_KINDS = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
    "string", lambda _, value: isinstance(value, (str, bytes))
).redefine("array", lambda _, value: isinstance(value, (list, tuple)))
_Strict = jsonschema.validators.extend(jsonschema.Draft202012Validator, type_checker=_KINDS)


def watch() -> None:
    """Look at every RPC reply of this process from now on."""
    handle = LightRpc._handle_result

    @functools.wraps(handle)
    def looking(self: Any, request: Any, context: Any, result: Any, exc_info: Any) -> Any:
        if isinstance(result, dict) and self.container.service_cls is ImageService:
            found.extend(_in_reply(self.method_name, result))
        return handle(self, request, context, result, exc_info)

    LightRpc._handle_result = looking


def _in_reply(name: str, reply: dict[str, Any]) -> list[str]:
    error = reply.get("error")
    if error:
        is_told = error["code"] in METHODS[name].codes
        return [] if is_told else [f"{name} answers {error['code']}, which is not told"]
    return _wrong(name, _of_method(name), reply)


@functools.cache
def _of_method(name: str) -> Validator:
    return _validator(reference(METHODS[name].reply), _COMPONENTS)


def check_answer(method: str, path: str, answer: Any, told: Any) -> None:
    """Note what of an answer of the API is not as the document says. HEAD is as GET."""
    operation = _operation(
        "get" if method == "HEAD" else method.lower(), unquote(path.partition("?")[0])
    )
    if operation is None or answer.status == 304:
        return
    response = operation["responses"].get(str(answer.status))
    if response is None:
        found.append(f"{method} {path} answers {answer.status}, which is not told: {told}")
        return
    kind = answer.headers["Content-Type"]
    schema = response["content"].get(kind, {}).get("schema")
    if schema is None:
        found.append(f"{method} {path} answers {answer.status} as {kind}, which is not told")
    elif told is not None:
        found.extend(_wrong(f"{method} {path}", _of_schema(str(schema)), told))


@functools.cache
def _document() -> dict[str, Any]:
    return made()


def _operation(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in _document()["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", template)
        if re.fullmatch(pattern, path) and method in operations:
            return dict(operations[method])
    return None


@functools.cache
def _of_schema(spelled: str) -> Validator:
    schema = next(
        content["schema"]
        for operations in _document()["paths"].values()
        for operation in operations.values()
        for response in operation["responses"].values()
        for content in response["content"].values()
        if str(content["schema"]) == spelled
    )
    return _validator(schema, _document()["components"]["schemas"])


def _validator(schema: dict[str, Any], components: dict[str, Any]) -> Validator:
    strict = {name: _closed(each, name) for name, each in components.items()}
    return _Strict({**schema, "components": {"schemas": strict}})


def _closed(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a shape that takes no field that is not told; problems have details of their own."""
    if name == "Problem":
        return schema
    return {"additionalProperties": False, **copy.deepcopy(schema)}


def _wrong(what: str, validator: Validator, told: Any) -> list[str]:
    return [f"{what}: {error.json_path} {error.message}" for error in validator.iter_errors(told)]

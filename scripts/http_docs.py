"""Write what docs/http.md says of each request, from its OpenAPI document; --check compares.

python -m scripts.http_docs [--check]
"""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from scripts import api_document, parts
from scripts.paths import ROOT
from scripts.rpc_docs import shapes
from scripts.schema_text import cell, range_of, type_of

if TYPE_CHECKING:
    from image_service.rpc.methods import Method

PAGE = ROOT / "docs" / "http.md"
API = "/api/"


def made() -> dict[str, str]:
    """Return the parts of the page."""
    from image_service.rpc.schemas import components_of

    document = api_document.made()
    theirs = document["components"]["schemas"]
    ours = components_of(method.reply for method in _methods().values())
    own = {name: schema for name, schema in theirs.items() if name not in ours}
    return {
        "api": "\n".join(_table()),
        "answers": "\n".join(_answers()),
        "shapes": "\n".join(shapes(own)),
    }


@functools.cache
def _methods() -> dict[str, Method]:
    from image_service.rpc.methods import methods_of
    from image_service.service import ImageService

    return methods_of(ImageService)


@functools.cache
def _by_reply() -> dict[str, str]:
    return {method.reply.__name__: name for name, method in reversed(_methods().items())}


def _operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in api_document.made()["paths"].items():
        for method, operation in operations.items():
            yield method.upper(), path, operation


def _table() -> Iterator[str]:
    yield "| request | | scope |\n|---|---|---|"
    for method, path, operation in _operations():
        if path.startswith(API):
            asked = _names(operation)
            yield f"| `{method} {path}`{asked} | {_summary(operation)} | {_scope(operation)} |"


def _summary(operation: dict[str, Any]) -> str:
    name = operation["operationId"]
    return f"[`{name}`](rpc.md#{name})" if name in _methods() else str(operation["summary"])


def _names(operation: dict[str, Any]) -> str:
    query = [each["name"] for each in operation.get("parameters", ()) if each["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    names = [*query, *body.get("schema", {}).get("properties", {})]
    return f" {', '.join(f'`{name}`' for name in names)}" if names else ""


def _scope(operation: dict[str, Any]) -> str:
    security = operation.get("security")
    return f"`{security[0]['token'][0]}`" if security else "–"


def _answers() -> Iterator[str]:
    for method, path, operation in _operations():
        yield f"### {method} {path}\n\n{operation['summary']}\n"
        asked = [each for each in operation.get("parameters", ()) if each["in"] != "path"]
        if asked:
            yield "| parameter | type | range | |\n|---|---|---|---|"
            yield from map(_parameter, asked)
            yield ""
        yield from _body(operation)
        yield "| status | answer |\n|---|---|"
        for status, response in operation["responses"].items():
            yield f"| {status} | {_answer(response)} |"
        yield ""


def _parameter(parameter: dict[str, Any]) -> str:
    schema = parameter["schema"]
    default = f", else {json.dumps(schema['default'])}" if "default" in schema else ""
    told = cell(parameter.get("description") or schema.get("description", ""))
    name = f"`{parameter['name']}`{'' if parameter['in'] == 'query' else ' (header)'}"
    return f"| {name} | {cell(type_of(schema))}{default} | {cell(range_of(schema))} | {told} |"


def _body(operation: dict[str, Any]) -> Iterator[str]:
    for content_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"| field of the `{content_type}` body | type | range | |\n|---|---|---|---|"
        for name, schema in content["schema"]["properties"].items():
            told, type_ = cell(schema.get("description", "")), cell(type_of(schema))
            yield f"| `{name}` | {type_} | {cell(range_of(schema))} | {told} |"
        yield ""


def _answer(response: dict[str, Any]) -> str:
    content = response["content"]
    if "application/problem+json" in content:
        return str(response["description"])
    schema = content.get("application/json", {}).get("schema", {})
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        method = _by_reply().get(name)
        return f"as [`{method}`](rpc.md#{method})" if method else f"[{name}](#{name.lower()})"
    return str(response["description"])


if __name__ == "__main__":
    sys.exit(parts.run(PAGE, made(), "http_docs"))

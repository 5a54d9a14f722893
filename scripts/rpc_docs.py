"""Write what docs/rpc.md says of each method, from the service itself; --check compares.

python -m scripts.rpc_docs [--check]
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scripts import parts
from scripts.paths import ROOT

warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

from scripts.schema_text import cell, range_of, type_of  # noqa: E402

if TYPE_CHECKING:
    from image_service.rpc.methods import Argument, Method

PAGE = ROOT / "docs" / "rpc.md"


def made() -> dict[str, str]:
    """Return the parts of the page: one for each method, one for the shapes, one for errors."""
    from image_service.rpc.methods import methods_of
    from image_service.rpc.refusals import ALWAYS
    from image_service.rpc.schemas import components_of
    from image_service.service import ImageService

    methods = methods_of(ImageService)
    components = components_of(method.reply for method in methods.values())
    replies = {method.reply.__name__ for method in methods.values()}
    inner = {name: schema for name, schema in components.items() if name not in replies}
    always = ", ".join(f"`{code}`" for code in sorted(kind.code for kind in ALWAYS))
    return {
        **{name: "\n".join(_method(each, components)) for name, each in methods.items()},
        "shapes": "\n".join(shapes(inner)),
        "always": f"Any method may answer {always}.\n",
    }


def _method(method: Method, components: Mapping[str, Any]) -> Iterator[str]:
    yield f"```text\n{method.signature}\n```\n"
    yield f"{method.about}\n"
    if method.arguments:
        yield "| argument | type | default | range | |\n|---|---|---|---|---|"
        yield from map(_argument, method.arguments.values())
        yield ""
    shape = components[method.reply.__name__]
    yield "| reply | type | |\n|---|---|---|"
    yield from _fields(shape)
    codes = sorted({kind.code for kind in method.refusals})
    told = ", ".join(f"`{code}`" for code in codes)
    yield f"\n[Errors](errors.md) of its own: {told or 'none'}.\n"


def _argument(argument: Argument) -> str:
    from image_service.rpc.schemas import schema_of

    schema = schema_of(argument.type)
    default = "required" if argument.is_required else f"`{argument.default!r}`".replace("'", '"')
    told = cell(schema.get("description", ""))
    type_ = cell(type_of(schema)) or "see below"
    return f"| `{argument.name}` | {type_} | {default} | {cell(range_of(schema))} | {told} |"


def shapes(components: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in components.items():
        yield f"### {name}\n\n{schema['description']}\n"
        yield "| field | type | |\n|---|---|---|"
        yield from _fields(schema)
        yield ""


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    for name, field in schema["properties"].items():
        there = "" if name in schema.get("required", ()) else ", if there"
        told = cell(field.get("description", ""))
        yield f"| `{name}` | {cell(type_of(field))}{there} | {told} |"


if __name__ == "__main__":
    sys.exit(parts.run(PAGE, made(), "rpc_docs"))

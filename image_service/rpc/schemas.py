"""JSON Schema of arguments and replies, as their types say it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter

REF = "#/components/schemas/"


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the schema of one type that names no other, as arguments' do."""
    found: dict[str, Any] = _untitled(TypeAdapter(kind).json_schema())
    return found


def components_of(kinds: Iterable[Any]) -> dict[str, Any]:
    """Return the schemas of shapes, and of what is in them, by name; they refer below REF."""
    asked = [(kind, "serialization", TypeAdapter(kind)) for kind in kinds]
    _, all_ = TypeAdapter.json_schemas(asked, ref_template=REF + "{model}")  # type: ignore[arg-type]
    found: dict[str, Any] = _untitled(all_["$defs"])
    return dict(sorted(found.items()))


def reference(kind: Any) -> dict[str, str]:
    """Return a schema that refers to a shape's."""
    return {"$ref": REF + kind.__name__}


def _untitled(schema: Any) -> Any:
    """Return a schema without the titles that pydantic makes of names."""
    if isinstance(schema, dict):
        return {
            name: _untitled(value)
            for name, value in schema.items()
            if not (name == "title" and isinstance(value, str))
        }
    return [_untitled(each) for each in schema] if isinstance(schema, list) else schema

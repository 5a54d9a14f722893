"""JSON Schema in the words of a table."""

from __future__ import annotations

from typing import Any

from image_service.rpc.schemas import REF

_RANGES = (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"))


def type_of(schema: dict[str, Any]) -> str:
    """Return what a value may be: `string`, `[Listed](#listed)` or null, array of `string`."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(REF)
        return f"[{name}](rpc.md#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(map(type_of, schema["anyOf"]))
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    kind = schema.get("type", "")
    if kind == "array":
        return f"array of {type_of(schema['items'])}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        inner = type_of(schema["additionalProperties"])
        return f"object of {inner}" if inner else "object"
    return kind if kind in ("", "null", "object") else f"`{kind}`"


def range_of(schema: dict[str, Any]) -> str:
    """Return the values that are taken, "" for any."""
    for low, high, unit in _RANGES:
        if low in schema or high in schema:
            ends = [_number(schema[each]) if each in schema else "" for each in (low, high)]
            return "..".join(ends) + unit
    if "pattern" in schema:
        return f"`{schema['pattern'].strip('^$')}`"
    count = "maxItems" if "maxItems" in schema else "maxProperties"
    inner = range_of(schema["items"]) if "items" in schema else ""
    parts = [f"at most {schema[count]:,}"] if count in schema else []
    return ", each ".join([*parts, inner] if inner else parts)


def cell(text: str) -> str:
    """Return text as a table's cell."""
    return text.replace("|", "\\|")


def _number(value: int) -> str:
    return f"2^{value.bit_length() - 1}" if value in (2**53, 2**63) else f"{value:,}"

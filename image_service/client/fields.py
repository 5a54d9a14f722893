"""Replies become dataclasses: every field by its name on the wire, what is unknown kept."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

T = TypeVar("T")


def wire(
    name: str = "", convert: Callable[[Any], Any] | None = None, *, default: Any = None
) -> Any:
    """Return a dataclass field that is read from a reply.

    Args:
        name: on the wire, where it is not the field's own in camel case.
        convert: makes the field's value of the wire's, where that is not None.
        default: for replies that lack it, as an older service's do.
    """
    return dataclasses.field(default=default, metadata={"wire": name, "convert": convert})


def read(cls: type[T], reply: Mapping[str, Any]) -> T:
    """Return a reply as a dataclass; what it has no field for goes into `extra`."""
    values: dict[str, Any] = {}
    left = dict(reply)
    for field_name, wire_name, convert in _plan(cast("Any", cls)):
        if wire_name in left:
            value = left.pop(wire_name)
            values[field_name] = convert(value) if convert and value is not None else value
    left.pop("success", None)
    return cls(**values, extra=left)  # type: ignore[call-arg]


@functools.lru_cache(maxsize=64)
def _plan(cls: Any) -> tuple[tuple[str, str, Callable[[Any], Any] | None], ...]:
    return tuple(
        (each.name, each.metadata.get("wire") or _camel(each.name), each.metadata.get("convert"))
        for each in dataclasses.fields(cls)
        if each.name != "extra"
    )


def to_wire(result: Any) -> Any:
    """Return a dataclass that read() made, or a list or mapping of them, as JSON has it."""
    if dataclasses.is_dataclass(result):
        told = {
            wire_name: getattr(result, name)
            for name, wire_name, _ in _plan(cast("Any", type(result)))
        }
        return to_wire({**told, **getattr(result, "extra", {})})
    if isinstance(result, Mapping):
        return {key: to_wire(value) for key, value in result.items()}
    if isinstance(result, (list, tuple)):
        return [to_wire(each) for each in result]
    if isinstance(result, dt.datetime):
        text = result.astimezone(dt.timezone.utc).isoformat(timespec="milliseconds")
        return text.replace("+00:00", "Z")
    return result


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def moment(text: str) -> dt.datetime | None:
    """Return an RFC 3339 text as a datetime with its offset; None for an empty one."""
    # Python 3.10 reads no Z.
    return dt.datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None

"""The methods of a service as its class tells them: arguments, reply, errors."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..errors import ImageServiceError
from .answers import refusals_of
from .refusals import ALWAYS


@dataclass(frozen=True)
class Argument:
    """One argument. type: without the None that stands for leaving it out."""

    name: str
    type: Any
    default: Any
    is_required: bool
    is_keyword: bool


@dataclass(frozen=True)
class Method:
    """One RPC method. refusals: the errors that it may answer beside those that all may."""

    name: str
    about: str
    arguments: Mapping[str, Argument]
    reply: Any
    refusals: tuple[type[ImageServiceError], ...]

    @property
    def signature(self) -> str:
        """How it is called."""
        parts, is_star_due = [], True
        for each in self.arguments.values():
            if each.is_keyword and is_star_due:
                parts.append("*")
                is_star_due = False
            parts.append(each.name if each.is_required else f"{each.name}={each.default!r}")
        return f"{self.name}({', '.join(parts)})".replace("'", '"')

    @property
    def codes(self) -> list[str]:
        """The codes of its errors, those that all may answer included."""
        return sorted({kind.code for kind in (*self.refusals, *ALWAYS)})


def methods_of(service: type) -> dict[str, Method]:
    """Return the RPC methods of a service's class, in the order they stand there."""
    found = {name: value for name, value in vars(service).items() if refusals_of(value) is not None}
    return {name: _read(name, value) for name, value in found.items()}


def _read(name: str, method: Any) -> Method:
    hints = get_type_hints(inspect.unwrap(method), include_extras=True)
    parameters = list(inspect.signature(method).parameters.values())[1:]
    arguments = {
        each.name: Argument(
            each.name,
            _without_none(hints[each.name]),
            each.default,
            is_required=each.default is each.empty,
            is_keyword=each.kind is each.KEYWORD_ONLY,
        )
        for each in parameters
    }
    about = (inspect.getdoc(method) or "").splitlines()[0]
    return Method(name, about, arguments, hints["return"], refusals_of(method) or ())


def _without_none(hint: Any) -> Any:
    if get_origin(hint) not in (Union, UnionType):
        return hint
    kept = [each for each in get_args(hint) if each is not NoneType]
    return Union[tuple(kept)]  # noqa: UP007 - of a tuple

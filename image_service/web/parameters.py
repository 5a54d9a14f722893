"""What a request's query says, in the words of the RPC methods' arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.wrappers import Request

from ..errors import InvalidArgument

_NUMBER = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_FLAGS = {"true": True, "1": True, "false": False, "0": False}

Reader = Callable[[str, str], Any]
"""Returns the value of a parameter's (name, text); what cannot be one is left to be refused."""


def text(name: str, value: str) -> str:  # noqa: ARG001 - a Reader
    """Return it as it is."""
    return value


def number(name: str, value: str) -> int | str:  # noqa: ARG001 - a Reader
    """Return a whole number; other text as it is, to be refused with the range it should be in."""
    return int(value) if _NUMBER.fullmatch(value) else value


def boolean(name: str, value: str) -> bool:
    """Return true or false. Raises: InvalidArgument."""
    if value.lower() not in _FLAGS:
        raise InvalidArgument(name, "it must be true or false")
    return _FLAGS[value.lower()]


def read_query(request: Request, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Return the parameters that are given, by name; an empty one is not given.

    Raises: InvalidArgument for one that is not in readers, or given twice.
    """
    found: dict[str, Any] = {}
    for name, values in request.args.lists():
        if name not in readers:
            known = ", ".join(readers) or "none"
            raise InvalidArgument(name[:40], f"there is no such parameter here, only: {known}")
        if len(values) > 1:
            raise InvalidArgument(name, "it is given more than once")
        if values[0]:
            found[name] = readers[name](name, values[0])
    return found
